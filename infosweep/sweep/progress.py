"""How far a run is, on stderr: a bar in a terminal, elsewhere a line every 30 s.

A share of the work is counted rather than of the trials, since trials differ in cost; the work of a trial is
what `plan` estimates for it, of which only ratios matter here.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from infosweep.plan.cost import pack_seconds
from infosweep.units import format_duration

if TYPE_CHECKING:
    from infosweep.plan.trial import Pack

LINE_EVERY = 30.0  # seconds
REDRAW_EVERY = 0.5  # seconds


@dataclass(frozen=True, slots=True)
class PackProgress:
    """How far a pack is.

    Attributes:
        pack_id: the pack.
        done: trials trained and measured, diverged ones among them.
        failed: trials that ended in an exception.
        share: part of the pack's optimiser steps that are taken, from 0 to 1.
    """

    pack_id: str
    done: int
    failed: int
    share: float


class Progress:
    """Counts what packs report and shows it while it is entered as a context manager.

    Args:
        packs: what is to run.
        show: where to: `terminal`, `lines`, `nothing`, or `auto`: by what stderr is.
        clock: seconds, for tests.
    """

    def __init__(
        self,
        packs: Sequence[Pack],
        *,
        show: str = "auto",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.trials = sum(len(pack.trials) for pack in packs)
        self._work = {pack.pack_id: pack_seconds(pack.trials) for pack in packs}
        self._clock = clock
        self._lock = threading.Lock()
        self._packs: dict[str, PackProgress] = {}
        self._began: float | None = None
        self._over = threading.Event()
        self._display = _display(show)
        self._thread = threading.Thread(target=self._keep_showing, name="progress", daemon=True)

    def __enter__(self) -> Progress:
        self._display.start(self)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self._display.stop(self)

    def _keep_showing(self) -> None:
        while not self._over.wait(self._display.every):
            self._display.show(self)

    # --- what the run tells ----------------------------------------------------------------------------

    def begin(self) -> None:
        """Say that workers are ready: from now on time is counted."""
        with self._lock:
            if self._began is None:
                self._began = self._clock()

    def take(self, progress: PackProgress) -> None:
        """Take what a pack reports; a retried pack starts from nothing again."""
        if progress.share > 0:
            self.begin()
        with self._lock:
            self._packs[progress.pack_id] = progress

    def say(self, text: str) -> None:
        """Tell the user something without disturbing the bar."""
        self._display.say(text)

    # --- what is shown ---------------------------------------------------------------------------------

    @property
    def done(self) -> int:
        """Trials trained and measured in this run."""
        with self._lock:
            return sum(pack.done for pack in self._packs.values())

    @property
    def failed(self) -> int:
        """Trials that failed in this run."""
        with self._lock:
            return sum(pack.failed for pack in self._packs.values())

    @property
    def share(self) -> float:
        """Part of the work that is done, from 0 to 1."""
        with self._lock:
            return self._share()

    def _share(self) -> float:
        done = sum(pack.share * self._work.get(pack.pack_id, 0) for pack in self._packs.values())
        return done / max(sum(self._work.values()), 1e-9)

    @property
    def elapsed(self) -> float:
        """Seconds since workers were ready."""
        with self._lock:
            return 0.0 if self._began is None else self._clock() - self._began

    @property
    def left(self) -> float | None:
        """Estimated seconds to go, by the work done so far; None until a trial has finished."""
        share, elapsed = self.share, self.elapsed
        if self.done + self.failed == 0 or share == 0:
            return None
        return elapsed * (1 - share) / share

    @property
    def rate(self) -> float:
        """Trials a second."""
        return self.done / self.elapsed if self.elapsed > 0 else 0.0

    def line(self) -> str:
        """Return one line: moment (UTC), trials done of all, failed, time left."""
        moment = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        failed = f" {self.failed} failed" if self.failed else ""
        left = self.left
        eta = "" if left is None else f" eta {format_duration(left)}"
        return f"{moment} {self.done}/{self.trials} done{failed}{eta}"


class _Nothing:
    """Shows nothing."""

    every = LINE_EVERY

    def start(self, progress: Progress) -> None: ...

    def show(self, progress: Progress) -> None: ...

    def stop(self, progress: Progress) -> None: ...

    def say(self, text: str) -> None: ...


class _Lines(_Nothing):
    """A line every 30 s, and one at the end."""

    def show(self, progress: Progress) -> None:
        self.say(progress.line())

    def stop(self, progress: Progress) -> None:
        self.show(progress)

    def say(self, text: str) -> None:
        # Whoever looked may have gone (a closed terminal, a broken pipe): the run goes on.
        try:
            print(text, file=sys.stderr, flush=True)
        except (OSError, ValueError):
            self.say = lambda text: None  # noqa: ARG005


class _Terminal(_Nothing):
    """A bar with trials done, failed, rate and time left."""

    every = REDRAW_EVERY

    def start(self, progress: Progress) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn
        from rich.progress import Progress as Bar

        self._bar = Bar(
            TextColumn("{task.fields[counts]}"),
            BarColumn(bar_width=None),
            TextColumn("{task.percentage:>3.0f}%"),
            TextColumn("{task.fields[time]}"),
            console=Console(stderr=True),
            auto_refresh=False,
            expand=True,
        )
        counts, time = self._texts(progress)
        self._task = self._bar.add_task("", total=1.0, counts=counts, time=time)
        self._bar.start()

    def _texts(self, progress: Progress) -> tuple[str, str]:
        failed = f", {progress.failed} failed" if progress.failed else ""
        counts = f"{progress.done}/{progress.trials} trials{failed}"
        if progress.elapsed == 0:
            return counts, "starting"
        left = progress.left
        if left is None:
            return counts, "first trials"
        return counts, f"{progress.rate:.1f} trials/s, {format_duration(left)} left"

    def show(self, progress: Progress) -> None:
        counts, time = self._texts(progress)
        try:
            self._bar.update(self._task, completed=progress.share, counts=counts, time=time)
            self._bar.refresh()
        except OSError:  # the terminal was closed: the run goes on
            self.show = lambda progress: None  # noqa: ARG005

    def stop(self, progress: Progress) -> None:
        self.show(progress)
        try:
            self._bar.stop()
        except OSError:
            return

    def say(self, text: str) -> None:
        try:
            self._bar.console.print(text, markup=False, highlight=False, soft_wrap=True)
        except OSError:
            return


def _display(show: str) -> _Nothing:
    if show == "auto":
        in_terminal = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        show = "terminal" if in_terminal else "lines"
    match show:
        case "terminal":
            return _Terminal()
        case "lines":
            return _Lines()
        case "nothing":
            return _Nothing()
        case _:
            raise ValueError(f"show is {show!r}; it may be terminal, lines, nothing or auto")
