"""Runs as processes of their own, which are killed or interrupted."""

from __future__ import annotations

import contextlib
import os
import pty
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from infosweep.study import dump_yaml, study_from_mapping
from infosweep.study.settings import StudySettings
from infosweep.sweep import run_study

PATIENCE = 120.0  # seconds; the machine may be busy


class Process:
    """`infosweep run` with a terminal of its own for stdin and stderr; stdout goes to a file."""

    def __init__(self, arguments: list[str], out: Path) -> None:
        self.out = out
        self._screen = bytearray()
        self._terminal, theirs = pty.openpty()
        with out.open("wb") as stdout:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "infosweep", "run", *arguments],
                stdin=theirs,
                stdout=stdout,
                stderr=theirs,
                start_new_session=True,
                # So that the terminal is the session's and Ctrl-C reaches the whole foreground group.
                preexec_fn=_take_terminal,  # noqa: PLW1509 - one system call, which takes no lock
                env={**os.environ, "TERM": "xterm", "COLUMNS": "100", "PYTHONWARNINGS": "ignore"},
            )
        os.close(theirs)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        with contextlib.suppress(OSError):  # the terminal is closed when the process ends
            while data := os.read(self._terminal, 4096):
                self._screen += data

    @property
    def screen(self) -> str:
        return self._screen.decode(errors="replace")

    def press_ctrl_c(self) -> None:
        os.write(self._terminal, b"\x03")

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def is_over(self) -> bool:
        return self._process.poll() is not None

    def wait(self) -> int:
        """Wait for the end and return the exit code."""
        try:
            code = self._process.wait(PATIENCE)
            self._reader.join(5)
            return code
        finally:
            self.end()

    def end(self) -> None:
        if self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        if self._terminal >= 0:
            self._reader.join(5)
            os.close(self._terminal)
            self._terminal = -1


def _take_terminal() -> None:
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Process]]:
    """Starts `infosweep run`; what still runs at the end of the test is killed."""
    started: list[Process] = []

    def launch(*arguments: str) -> Process:
        started.append(Process(list(arguments), tmp_path / f"out{len(started)}"))
        return started[-1]

    yield launch
    for process in started:
        process.end()


def _slow(pack: int) -> StudySettings:
    """Sixteen networks of about a quarter of a second each."""
    return study_from_mapping(
        {
            "name": "slow",
            "task": {"kind": "binary12"},
            "model": {"hidden": [5, 3]},
            "training": {"learning_rate": 0.001, "epochs": 1500},
            "axes": {"train_size": [0.2], "batch_size": [64], "label_noise": [0.0, 1.0]},
            "seeds": 8,
            "record": {"checkpoints": 12, "probe": 256},
            "resources": {"pack": pack},
        }
    )


@pytest.fixture
def study_file(tmp_path: Path) -> Callable[[int], Path]:
    """Writes the study `slow` in packs of a given size."""

    def write(pack: int) -> Path:
        path = tmp_path / "slow.yaml"
        path.write_text(dump_yaml(_slow(pack)))
        return path

    return write


@pytest.fixture(scope="session")
def straight(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The store of an undisturbed run of `slow`."""
    store = str(tmp_path_factory.mktemp("straight"))
    run_study(_slow(4), store, executor="inline", workers=2, progress=False)
    return store


@pytest.fixture
def wait_for() -> Callable[[Callable[[], bool]], None]:
    """Waits until a condition holds."""

    def wait(condition: Callable[[], bool]) -> None:
        end = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < end, "waited in vain"
            time.sleep(0.02)

    return wait
