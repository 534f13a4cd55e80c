"""Bounds that DuckDB does not keep itself: it heeds an interrupt only between steps, and counts not all of its memory.

Measured on DuckDB 2.0: binding forty WITH clauses that double each other, or a name of thousands of parts, goes on
for minutes after `interrupt`; the texts and lists of a result are allocated outside of `memory_limit`.
"""

from __future__ import annotations

import resource
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
GRACE = 3.0  # seconds that a call may take to heed an interrupt
_ROOM = 10**9  # bytes that threads, code and footers may take besides


class TimedOut(Exception):  # noqa: N818 - the caller says what is wrong
    """The time of a call is over; where `stuck`, it goes on in a thread of its own until the process ends."""

    def __init__(self, *, stuck: bool) -> None:
        super().__init__()
        self.stuck = stuck


def within(seconds: float, interrupt: Callable[[], None], work: Callable[[], T]) -> T:
    """Run `work` in a thread of its own and interrupt it when its time is over, or at Ctrl-C.

    Args:
        seconds: its time.
        interrupt: asks it to stop, upon which it should raise.
        work: what is done.

    Returns:
        What `work` returns; what it raises is raised here.

    Raises:
        TimedOut: it was interrupted, or went on for `GRACE` seconds after that.
    """
    results: list[T] = []
    errors: list[BaseException] = []
    done = threading.Event()

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:  # raised where it is waited for
            errors.append(error)
        finally:
            done.set()

    threading.Thread(target=run, name="infosweep-query", daemon=True).start()
    try:
        finished = done.wait(seconds)
    except KeyboardInterrupt:
        interrupt()
        done.wait(GRACE)
        raise
    if not finished:
        interrupt()
        finished = done.wait(GRACE)
        if not results:
            raise TimedOut(stuck=not finished)
    if errors:
        raise errors[0]
    return results[0]


_LOCK = threading.Lock()
_ceilings: list[int] = []
_before: tuple[int, int] = (0, 0)


@contextmanager
def memory_bounded(n_bytes: int) -> Iterator[None]:
    """Let this process allocate so much more than it has now, twice over and some room besides.

    Past it an allocation fails, and with it the query, where the kernel would have killed the process. Of
    several at once the largest ceiling holds.
    """
    ceiling = _data_bytes() + 2 * n_bytes + _ROOM
    _set_ceiling(add=ceiling)
    try:
        yield
    finally:
        _set_ceiling(remove=ceiling)


def _set_ceiling(*, add: int | None = None, remove: int | None = None) -> None:
    global _before  # noqa: PLW0603 - the process has one limit
    with _LOCK:
        if not _ceilings:
            _before = resource.getrlimit(resource.RLIMIT_DATA)
        if add is not None:
            _ceilings.append(add)
        if remove is not None:
            _ceilings.remove(remove)
        soft, hard = _before
        if _ceilings:
            highest = max(_ceilings)
            soft = highest if soft == resource.RLIM_INFINITY else min(soft, highest)
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def _data_bytes() -> int:
    """Return the private memory of this process that the limit counts."""
    return int(Path("/proc/self/statm").read_text().split()[5]) * resource.getpagesize()
