"""Runs a study in a process of its own, watches it from outside, and compares what it left with a calm run."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from infosweep.errors import InfosweepError
from infosweep.store import open_store
from infosweep.sweep import study_status
from infosweep.tables import RUN_COLUMNS, TABLES, WRITTEN_BY_EVERY_RUN

PATIENCE = 150.0  # seconds; the machine may be busy
NAME = "faults"
N_TRIALS, N_PACKS = 8, 4

STUDY = """\
infosweep: 1
name: faults
task: {kind: binary12}
model: {hidden: [5, 3]}
training: {learning_rate: 0.001, epochs: 2500}
axes: {train_size: [0.2], batch_size: [64], label_noise: [0.0, 1.0]}
seeds: 4
record: {checkpoints: 12, probe: 256}
resources: {pack: 2}
findings: []
"""


class Broken(AssertionError):  # noqa: N818 - an outcome's name
    """Something is not as it must be."""


def wait_for(condition: Callable[[], object], what: str, patience: float = PATIENCE) -> None:
    """Wait until a condition holds."""
    end = time.monotonic() + patience
    while not condition():
        if time.monotonic() > end:
            raise Broken(f"waited in vain for {what}")
        time.sleep(0.01)


class Run:
    """A command in a session of its own; stdin and stderr are a terminal unless `stderr` says otherwise."""

    def __init__(
        self,
        words: Sequence[str],
        folder: Path,
        *,
        prefix: Sequence[str] = (),
        code: str | None = None,
        env: dict[str, str] | None = None,
        pipes: bool = False,
    ) -> None:
        start = (
            ["-c", f"{code}\nfrom infosweep.cli import main; main()"]
            if code
            else ["-m", "infosweep"]
        )
        self.command = [*prefix, sys.executable, *start, *words]
        self._screen = bytearray()
        self._master, theirs = pty.openpty()
        self._out = folder / f"out{time.monotonic_ns()}"
        settings = {"TERM": "xterm", "COLUMNS": "200", "NO_COLOR": "1", "PYTHONWARNINGS": "ignore"}
        environment = {**os.environ, **settings, **(env or {})}
        if pipes:  # both ends at a reader that has left
            read, write = os.pipe()
            os.close(read)
            self.process = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=write, stderr=write,
                start_new_session=True, env=environment,
            )  # fmt: skip
            os.close(write)
        else:
            with self._out.open("wb") as out:
                self.process = subprocess.Popen(
                    self.command, stdin=theirs, stdout=out, stderr=theirs,
                    start_new_session=True, preexec_fn=_take_terminal, env=environment,  # noqa: PLW1509
                )  # fmt: skip
        os.close(theirs)
        self._hung_up = threading.Event()
        self._reader = threading.Thread(target=self._read, args=(self._master,), daemon=True)
        self._reader.start()

    def _read(self, master: int) -> None:
        with contextlib.suppress(OSError):  # the terminal is closed when the process ends
            while not self._hung_up.is_set():
                # A terminal that is being read from would stay open however often it is closed.
                if select.select([master], [], [], 0.05)[0]:
                    self._screen += os.read(master, 4096)

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def stdout(self) -> str:
        return self._out.read_text(errors="replace") if self._out.exists() else ""

    @property
    def screen(self) -> str:
        return self._screen.decode(errors="replace").replace("\r\n", "\n")

    @property
    def is_over(self) -> bool:
        return self.process.poll() is not None

    def press_ctrl_c(self) -> None:
        os.write(self._master, b"\x03")

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def hang_up(self) -> None:
        """Close the terminal: the kernel sends SIGHUP to the foreground group."""
        self._hung_up.set()
        self._reader.join()
        os.close(self._master)
        self._master = -1

    def wait(self, patience: float = PATIENCE) -> int:
        """Wait for the end; return the exit code as a shell tells it."""
        try:
            code = self.process.wait(patience)
        except subprocess.TimeoutExpired:
            raise Broken(f"it hangs: {self.screen[-500:]}") from None
        finally:
            self.end()
        return 128 - code if code < 0 else code

    def end(self) -> None:
        if self.process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self._reader.join(3)
        if self._master >= 0:
            os.close(self._master)
            self._master = -1

    def descendants(self, name: str) -> list[int]:
        """Return the pids of processes below this one whose command line holds `name`."""
        table = subprocess.run(
            ["ps", "-eo", "pid=,ppid=,args="], capture_output=True, text=True, check=True
        ).stdout
        rows = [line.split(None, 2) for line in table.splitlines()]
        below = {self.pid}
        for _ in range(6):
            below |= {int(row[0]) for row in rows if int(row[1]) in below}
        named = [row for row in rows if len(row) > 2 and name in row[2]]
        return [int(row[0]) for row in named if int(row[0]) in below]


def _take_terminal() -> None:
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    for number in (signal.SIGINT, signal.SIGHUP):  # ignored in a background job, or under nohup
        signal.signal(number, signal.SIG_DFL)


class StatusWatch:
    """Asks for the status from outside, again and again, and keeps what cannot be true."""

    def __init__(self, store: str) -> None:
        self.lies: list[str] = []
        self.asked = 0
        self._store = store
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def _look(self) -> None:
        done = 0
        while not self._over.wait(0.25):
            try:
                status = study_status(self._store, NAME)
            except InfosweepError:
                continue  # it has not begun, or the fault is in what is asked for
            self.asked += 1
            counted = sum(status[k] for k in ("done", "diverged", "failed", "running", "lost"))
            if counted > status["trials"] or status["done"] < done:
                self.lies.append(f"{status} after {done} done")
            done = status["done"]

    def stop(self) -> None:
        self._over.set()
        self._thread.join()


@dataclass
class Outcome:
    """What a fault led to: what the user saw, and the exit code."""

    seen: str
    code: int
    allowed: tuple[int, ...]
    foreign: tuple[str, ...] = ()  # files that the fault itself put into the tables' folders
    notes: list[str] = field(default_factory=list)


def seen(screen: str, *paths: tuple[str, str]) -> str:
    """Return what the user sees without progress, on one line; paths under short names."""
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", screen).replace("\r", "\n")
    if "Traceback" in text:
        raise Broken(f"a traceback: {text[-1500:]}")
    marks = ("error:", "mend:", "interrupted", "note:", "warning:")
    lines = [line.strip() for line in text.splitlines()]
    told = [line for line in lines if line.startswith(marks) or "to continue:" in line]
    joined = " / ".join(dict.fromkeys(told))
    for path, short in paths:
        joined = joined.replace(path, short)
    return joined


def rows(store: str, name: str) -> pa.Table:
    """A table's rows without the columns of the run, sorted: equal for equal results, bit for bit."""
    held = open_store(store, create=False).study(NAME)
    files = [Path(store) / NAME / name / f"{pack_id}.parquet" for pack_id in held.commits()]
    table = pa.concat_tables([pq.ParquetFile(file).read() for file in files])
    kept = [column for column in table.column_names if column not in RUN_COLUMNS]
    order = [(column, "ascending") for column in TABLES[name].sort_by]
    return table.sort_by(order).select(kept).replace_schema_metadata(None).combine_chunks()


def check_equal(store: str, calm: str, foreign: Sequence[str] = ()) -> None:
    """Check that a store holds what a calm run left, each trial once, and no file that is not a pack's.

    Raises:
        Broken: it does not.
    """
    held = open_store(store, create=False).study(NAME)
    commits = held.commits()
    for table in TABLES:
        folder = Path(store) / NAME / table
        for file in folder.iterdir() if folder.is_dir() else ():
            stem = file.name.removesuffix(".parquet").partition(".")[0]
            ours = file.suffix == ".parquet" and (table == "failures" or stem in commits)
            if not ours and file.name not in foreign:
                raise Broken(f"a foreign file {file.name} in {table}")
    trial_ids = rows(store, "trials").column("trial_id").to_pylist()
    if len(trial_ids) != N_TRIALS or len(set(trial_ids)) != N_TRIALS:
        raise Broken(f"{len(trial_ids)} rows, {len(set(trial_ids))} trials")
    for table in WRITTEN_BY_EVERY_RUN:
        if not rows(store, table.name).equals(rows(calm, table.name)):
            raise Broken(f"{table.name} differs from the calm run's")
    status: dict[str, Any] = study_status(store, NAME)
    if (status["done"], status["running"], status["lost"], status["failed"]) != (N_TRIALS, 0, 0, 0):
        raise Broken(f"status {status}")
