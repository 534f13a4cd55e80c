"""Ctrl-C, SIGTERM and SIGHUP while a study runs: the first drains, the second aborts.

Draining hands out no further pack and finishes those that are running. Results need neither: what is
committed stands whatever happens, and running the study again continues it.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

_SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)


class Aborted(KeyboardInterrupt):
    """Raised in the main thread by the second signal; no `Exception`, so that nothing holds it up."""


class Interrupts:
    """A context manager that takes over the signals of the main thread; elsewhere it does nothing.

    Attributes:
        draining: no further pack is to be started.
        exit_code: 0, or 128 + the number of the last signal.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self.draining = False
        self.exit_code = 0
        self._say = say
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Interrupts:
        if threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
                # Under nohup SIGHUP is ignored, and a background job's SIGINT may be: leave them so.
                if signal.getsignal(number) is not signal.SIG_IGN:
                    self._before[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)

    def _on_signal(self, number: int, _: FrameType | None) -> None:
        self.exit_code = 128 + number
        if self.draining:
            raise Aborted
        self.draining = True
        again = "Ctrl-C again" if number == signal.SIGINT else "a second signal"
        self._say(f"interrupted: finishing the packs that are running; {again} aborts")
