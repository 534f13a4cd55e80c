"""Ctrl-C, SIGTERM and SIGHUP while a study runs: the first drains, the second aborts.

Draining hands out no further pack and finishes those that are running; SIGTERM and SIGHUP, behind which a
SIGKILL often waits, give it a grace period. Results need neither: what is committed stands whatever happens,
and running the study again continues it.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

from infosweep.errors import InfosweepError

# Kubernetes and Slurm send SIGKILL 30 s after SIGTERM unless told otherwise.
GRACE = 25.0  # seconds
# One event may send the same signal twice: `timeout` to a process and to its group, a closed terminal through
# the kernel and through the shell.
_SAME_EVENT = 1.0  # seconds

_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")


class Aborted(KeyboardInterrupt):
    """Raised in the main thread by the second signal; no `Exception`, so that nothing holds it up."""


class Interrupts:
    """A context manager that takes over the signals of the main thread; elsewhere it does nothing.

    Args:
        say: tells the user.
        trouble: asked before each pack whether there is a reason of another kind to drain.
        grace: seconds after SIGTERM or SIGHUP until the run aborts; by default `GRACE`.

    Attributes:
        exit_code: 0, or 128 + the number of the signal.
        error: what `trouble` gave.
    """

    def __init__(
        self,
        say: Callable[[str], None],
        trouble: Callable[[], InfosweepError | None] = lambda: None,
        grace: float | None = None,
    ) -> None:
        self.exit_code = 0
        self.error: InfosweepError | None = None
        self._say = say
        self._trouble = trouble
        self._grace = GRACE if grace is None else grace
        self._since: float | None = None
        self._before: dict[int, Any] = {}

    @property
    def draining(self) -> bool:
        """Whether no further pack is to be started."""
        if self._since is None and self.error is None:
            self.error = self._trouble()
        return self._since is not None or self.error is not None

    def __enter__(self) -> Interrupts:
        if threading.current_thread() is threading.main_thread():
            for number in (getattr(signal, name) for name in _SIGNALS if hasattr(signal, name)):
                # Under nohup SIGHUP is ignored, and a background job's SIGINT may be: leave them so.
                if signal.getsignal(number) is not signal.SIG_IGN:
                    self._before[number] = signal.signal(number, self._on_signal)
            self._before[signal.SIGALRM] = signal.signal(signal.SIGALRM, self._on_alarm)
        return self

    def __exit__(self, *_: object) -> None:
        if self._before:
            signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in self._before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)

    def _on_signal(self, number: int, _: FrameType | None) -> None:
        now = time.monotonic()
        if self._since is None:
            self._since = now
            self.exit_code = 128 + number
            self._drain(number)
        elif number == signal.SIGHUP or (
            number == signal.SIGTERM and now - self._since < _SAME_EVENT
        ):
            return
        else:
            self.exit_code = 128 + number
            raise Aborted

    def _drain(self, number: int) -> None:
        if number == signal.SIGINT:
            aborts = "Ctrl-C again aborts"
        else:
            signal.setitimer(signal.ITIMER_REAL, self._grace)
            aborts = f"a second signal aborts, as do {self._grace:g} s"
        self._say(f"interrupted: finishing the packs that are running; {aborts}")

    def _on_alarm(self, number: int, _: FrameType | None) -> None:  # noqa: ARG002
        raise Aborted
