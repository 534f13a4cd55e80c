"""The one tree of exceptions; each carries the exit code that the command line ends with.

InfosweepError                what a user can mend; shown without a traceback          exit 1
├── UsageError                wrong arguments or options                               exit 2
│   ├── StudyError            a study file is wrong; holds every fault with position   exit 2
│   └── QueryError            SQL that is wrong, forbidden or past a limit             exit 2
├── NotFoundError             no such study, store, table or result                    exit 3
├── ClusterError              Ray or the cluster does not start, answer or let us in   exit 4
├── LimitError                a study asks for more than its limits allow              exit 5
└── StoreError                damaged, locked, full or not writable                    exit 6
    └── LockedError           another live run holds the study's lease                 exit 6
"""

from __future__ import annotations


class InfosweepError(Exception):
    """What a user can mend: `message` says what is wrong, `mend` how to put it right."""

    exit_code = 1

    def __init__(self, message: str, mend: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.mend = mend

    def __str__(self) -> str:
        return self.message if self.mend is None else f"{self.message}\n  mend: {self.mend}"

    def __reduce__(self) -> tuple[object, ...]:
        # Ray pickles exceptions; the default would lose `mend`.
        return (type(self), (self.message, self.mend))


class UsageError(InfosweepError):
    """Wrong arguments or options."""

    exit_code = 2


class StudyError(UsageError):
    """A study is wrong; the message lists every fault with its position."""


class QueryError(UsageError):
    """SQL that is wrong, forbidden or past a limit."""


class NotFoundError(InfosweepError):
    """No such study, store, table or result."""

    exit_code = 3


class ClusterError(InfosweepError):
    """Ray or the cluster does not start, answer or let us in."""

    exit_code = 4


class LimitError(InfosweepError):
    """A study asks for more than its limits allow."""

    exit_code = 5


class StoreError(InfosweepError):
    """The store is damaged, locked, full or not writable."""

    exit_code = 6


class LockedError(StoreError):
    """Another live run holds the study's lease."""
