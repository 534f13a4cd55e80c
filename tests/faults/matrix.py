"""Injects faults into runs of a small study and prints what came of each, as a Markdown table.

    python tests/faults/matrix.py              the short form: a few faults, inline
    python tests/faults/matrix.py --long       all faults, inline with 1 and 2 threads, Ray with 1 and 2 workers
    python tests/faults/matrix.py --only disk  faults whose name holds a word

Each fault is injected into a fresh store while the study runs (once its first pack is committed, unless the fault
is about the start), `status` is asked from outside throughout, and then the study is run again: all tables must
equal a calm run's bit for bit, each trial there once, no foreign file in a table's folder. The exit code of this
script is 1 where that fails. Faults that need root (mounts, other users, namespaces) or `faketime` are left out
with a note where these are missing.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from harness import (
    N_TRIALS,
    NAME,
    STUDY,
    Broken,
    Outcome,
    Run,
    StatusWatch,
    check_equal,
    seen,
    wait_for,
)

from infosweep.store import open_store
from infosweep.study import load_study
from infosweep.sweep import run_study, study_status

ALL = ("inline 1", "inline 2", "ray 1", "ray 2")
INLINE, RAY = ALL[:2], ALL[2:]
NOBODY = ("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups")
FAKETIME = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
IS_ROOT = os.geteuid() == 0


class Case:
    """One fault under one executor: a folder, a study, an empty store."""

    def __init__(self, mode: str, folder: Path) -> None:
        self.mode = mode
        self.folder = folder
        self.study = folder / "study.yaml"
        self.study.write_text(STUDY)
        self.store = str(folder / "results")
        self.runs: list[Run] = []

    @property
    def executor(self) -> str:
        return self.mode.split()[0]

    def words(self, *more: str) -> list[str]:
        executor, workers = self.mode.split()
        asked = ["--executor", executor, "--workers", workers]
        return ["run", str(self.study), "--store", self.store, *asked, *more]

    def start(self, *more: str, **options: Any) -> Run:
        self.runs.append(Run(self.words(*more), self.folder, **options))
        return self.runs[-1]

    def commits(self) -> int:
        folder = Path(self.store) / NAME / "_meta" / "commits"
        return len(list(folder.glob("*.json"))) if folder.is_dir() else 0

    def start_and_commit_one(self, *more: str, **options: Any) -> Run:
        run = self.start(*more, **options)
        wait_for(lambda: self.commits() >= 1 or run.is_over, "a commit")
        return run

    def claims(self) -> list[Any]:
        return open_store(self.store, create=False).study(NAME).claims()

    def a_worker(self) -> int:
        """Return the pid of a Ray worker with a pack at work."""
        found: list[int] = []

        def look() -> bool:
            found[:] = [claim.pid for claim in self.claims() if claim.state == "running"]
            return bool(found)

        wait_for(look, "a worker at work")
        return found[0]

    def outcome(self, run: Run, *allowed: int, foreign: tuple[str, ...] = ()) -> Outcome:
        code = run.wait()
        text = seen(
            run.screen, (str(self.study), "STUDY"), (self.store, "STORE"), (str(self.folder), "…")
        )
        return Outcome(text, code, allowed, foreign)


# --- stopping and coming back ---------------------------------------------------------------------------


def ctrl_c(case: Case) -> Outcome:
    run = case.start_and_commit_one()
    run.press_ctrl_c()
    return case.outcome(run, 130)


def ctrl_c_twice(case: Case) -> Outcome:
    run = case.start_and_commit_one()
    run.press_ctrl_c()
    wait_for(lambda: "again aborts" in run.screen or run.is_over, "the first word")
    run.press_ctrl_c()
    return case.outcome(run, 130)


def sigterm(case: Case) -> Outcome:
    run = case.start_and_commit_one()
    run.send(signal.SIGTERM)
    return case.outcome(run, 143)


def sigterm_no_grace(case: Case) -> Outcome:
    code = "from infosweep.sweep import interrupts; interrupts.GRACE = 0.1"
    run = case.start_and_commit_one(code=code)
    run.send(signal.SIGTERM)
    return case.outcome(run, 143)


def closed_terminal(case: Case) -> Outcome:
    run = case.start_and_commit_one()
    run.hang_up()
    outcome = case.outcome(run, 129)
    outcome.seen = "(nobody looks)"
    return outcome


def broken_pipe(case: Case) -> Outcome:
    outcome = case.outcome(case.start(pipes=True), 0)
    outcome.seen = "(nobody looks; it runs to its end)"
    return outcome


def driver_killed(case: Case) -> Outcome:
    run = case.start_and_commit_one()
    run.send(signal.SIGKILL)
    outcome = case.outcome(run, 137)
    outcome.seen = "(nothing)"
    return outcome


def worker_killed(case: Case) -> Outcome:
    run = case.start()
    wait_for(lambda: Path(case.store, NAME, "_meta", "claims").is_dir(), "claims")
    os.kill(case.a_worker(), signal.SIGKILL)
    return case.outcome(run, 0)


def raylet_killed(case: Case) -> Outcome:
    run = case.start("--set", "retries=1")
    wait_for(lambda: Path(case.store, NAME, "_meta", "claims").is_dir(), "claims")
    case.a_worker()
    [raylet] = run.descendants("raylet/raylet")
    os.kill(raylet, signal.SIGKILL)
    return case.outcome(run, 4)


def sleeps(case: Case) -> Outcome:
    run = case.start_and_commit_one()
    asleep = [run.pid, *run.descendants("ray::"), *run.descendants("raylet/raylet")]
    _signal_all(asleep, signal.SIGSTOP)
    time.sleep(3)
    _signal_all(reversed(asleep), signal.SIGCONT)
    return case.outcome(run, 0)


def _signal_all(pids: Any, number: signal.Signals) -> None:
    for pid in pids:
        if Path(f"/proc/{pid}").exists():
            os.kill(pid, number)


def lease_lost(case: Case) -> Outcome:
    """It sleeps for longer than a lease lasts, and a run in another container takes over."""
    code = "from infosweep.store import lease; lease.BEAT_EVERY = 0.1"
    run = case.start_and_commit_one(code=code)
    run.send(signal.SIGSTOP)
    time.sleep(3)
    before = case.commits()
    container = ("unshare", "--pid", "--fork", "--mount-proc")
    code = "from infosweep.store import lease; lease.LOST_AFTER = 2.0"
    heir = case.start(code=code, prefix=container)
    wait_for(lambda: case.commits() > before or heir.is_over, "the heir's commit")
    run.send(signal.SIGCONT)
    outcome = case.outcome(run, 6)
    heir_code = heir.wait()
    if heir_code:
        raise Broken(f"the run that took over ended with {heir_code}: {heir.screen[-500:]}")
    return outcome


def hangs(case: Case) -> Outcome:
    if case.executor == "ray":
        code = (
            "from infosweep.sweep import stalls; stalls.AT_LEAST, stalls.TIMES_ESTIMATE = 5.0, 0.0"
        )
        run = case.start(code=code)
        wait_for(lambda: Path(case.store, NAME, "_meta", "claims").is_dir(), "claims")
        os.kill(case.a_worker(), signal.SIGSTOP)
        return case.outcome(run, 0)
    code = f"""
import pathlib, threading
from infosweep.sweep import stalls
from infosweep.training import fused
stalls.AT_LEAST, stalls.TIMES_ESTIMATE = 4.0, 0.0
train = fused.train
def hanging(trial, problem):
    try:
        pathlib.Path({str(case.folder / "hung")!r}).open("x").close()
    except FileExistsError:
        yield from train(trial, problem)
    else:
        threading.Event().wait()
fused.train = hanging
"""
    return case.outcome(case.start(code=code), 0)


# --- the store under stress ------------------------------------------------------------------------------


@contextmanager
def _mounted(folder: Path, *words: str) -> Iterator[None]:
    folder.mkdir(exist_ok=True)
    subprocess.run(["mount", *words, str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def disk_full(case: Case) -> Outcome:
    size = "16m"
    with _mounted(Path(case.store), "-t", "tmpfs", "-o", f"size={size}", "tmpfs"):
        run = case.start_and_commit_one()
        ballast = Path(case.store) / "ballast"
        with ballast.open("wb", buffering=0) as file:
            try:
                while file.write(b"\0" * 4096):
                    pass
            except OSError:
                pass
        outcome = case.outcome(run, 6)
        ballast.unlink()
        shutil.copytree(case.store, case.folder / "moved")
    case.store = str(case.folder / "moved")
    return outcome


def read_only(case: Case) -> Outcome:
    Path(case.store).mkdir()
    with _mounted(Path(case.store), "--bind", case.store):
        subprocess.run(["mount", "-o", "remount,bind,ro", case.store], check=True)
        return case.outcome(case.start(), 6)


def read_only_in_mid_run(case: Case) -> Outcome:
    Path(case.store).mkdir()
    with _mounted(Path(case.store), "--bind", case.store):
        run = case.start_and_commit_one()
        remount = ["mount", "-o", "remount,bind,ro", case.store]
        # Refused while a file is open for writing.
        wait_for(
            lambda: subprocess.run(remount, stderr=subprocess.DEVNULL).returncode == 0, "a remount"
        )
        return case.outcome(run, 6)


def no_permission(case: Case) -> Outcome:
    Path(case.store).mkdir(mode=0o755)
    for folder in (case.folder, *case.folder.parents):
        if not folder.stat().st_mode & 0o005:
            folder.chmod(folder.stat().st_mode | 0o055)
        if folder == Path(tempfile.gettempdir()):
            break
    return case.outcome(case.start(prefix=NOBODY, env={"HOME": "/nonexistent"}), 6)


def another_user(case: Case) -> Outcome:
    """The store may be written; home and the package's folder may not."""
    no_permission(case)
    os.chown(case.store, 65534, 65534)
    return case.outcome(case.start(prefix=NOBODY, env={"HOME": "/nonexistent"}), 0)


def odd_path(case: Case) -> Outcome:
    case.store = str(case.folder / "größe & Maß ünd 結果 's")
    study = case.folder / "Größe eins.yaml"
    case.study = case.study.rename(study)
    return case.outcome(case.start(), 0)


def two_runs(case: Case) -> Outcome:
    first = case.start_and_commit_one()
    first.send(signal.SIGSTOP)  # so that it is not done before the second asks
    second = case.start()
    outcome = case.outcome(second, 6)
    first.send(signal.SIGCONT)
    if f"process {first.pid} on" not in outcome.seen:
        raise Broken(f"the holder {first.pid} is not named: {outcome.seen}")
    if first.wait() != 0:
        raise Broken(f"the first run was disturbed: {first.screen[-500:]}")
    return outcome


def newer_schema(case: Case) -> Outcome:
    import json

    first = case.start_and_commit_one()
    first.press_ctrl_c()
    first.wait()
    path = Path(case.store) / NAME / "_meta" / "provenance.json"
    before = path.read_text()
    path.write_text(json.dumps({**json.loads(before), "schema_version": 999}))
    outcome = case.outcome(case.start(), 6)
    for verb in (["status", NAME], ["query", "select count(*) from trials"], ["findings", NAME]):
        other = Run([*verb, "--store", case.store], case.folder)
        if other.wait() != 6:
            raise Broken(f"{verb[0]} of a newer store: {other.screen[-500:]}")
    path.write_text(before)
    return outcome


FOREIGN = ("notes.txt", ".DS_Store", "copy of results.parquet", "x.json")


def foreign_files(case: Case) -> Outcome:
    run = case.start_and_commit_one()
    for name in FOREIGN:
        (Path(case.store) / NAME / "trials" / name).write_bytes(b"somebody else's")
    outcome = case.outcome(run, 0, foreign=FOREIGN)
    query = Run(
        ["query", "select count(*) as n from trials", "--store", case.store, "-o", "csv"],
        case.folder,
    )
    if query.wait() != 0 or query.stdout != "n\n8\n":
        raise Broken(f"query: {query.stdout} {query.screen[-500:]}")
    return outcome


HOSTILE = {
    "noise": bytes(range(256)) * 8,
    "bomb": b"a: &a [x,x,x,x,x,x,x,x,x]\n"
    + b"".join(
        b"%c: &%c [%s]\n" % (k, k, b",".join([b"*%c" % (k - 1)] * 9)) for k in range(98, 108)
    ),
    "tag": b"!!python/object/apply:os.system ['touch /tmp/pwned']\n",
    "grid": STUDY.replace("seeds: 4", "seeds: 2000000000").encode(),
    "module": STUDY.replace("{kind: binary12}", "{kind: 'os:getcwd'}").encode(),
    "name": STUDY.replace("name: faults", "name: ../../etc").encode(),
}


def hostile_study(case: Case) -> Outcome:
    """The study.yaml in the store was overwritten; `status` says so, `run` writes its own."""
    first = case.start_and_commit_one()
    first.press_ctrl_c()
    first.wait()
    path = Path(case.store) / NAME / "_meta" / "study.yaml"
    told = []
    for kind, data in HOSTILE.items():
        path.write_bytes(data)
        for verb in ("status", "findings"):
            run = Run([verb, NAME, "--store", case.store], case.folder)
            outcome = case.outcome(run, 2, 3, 5, 6)
            if outcome.code not in outcome.allowed or "bug in infosweep" in outcome.seen:
                raise Broken(f"{verb} of {kind}: exit {outcome.code} {outcome.seen}")
            told.append(outcome)
    path.write_bytes(HOSTILE["noise"])
    return told[0]


def clock_forward(case: Case) -> Outcome:
    return _jump(case, "+2d")


def clock_back(case: Case) -> Outcome:
    return _jump(case, "-2d")


def _jump(case: Case, by: str) -> Outcome:
    told = case.folder / "clock"
    told.write_text("+0\n")
    env = {
        "LD_PRELOAD": str(FAKETIME),
        "FAKETIME_TIMESTAMP_FILE": str(told),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    run = case.start_and_commit_one(env=env)
    told.write_text(f"{by}\n")
    return case.outcome(run, 0)


# --- the table -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Fault:
    """A fault, the executors it is tried under, and whether the machine has what it takes."""

    name: str
    inject: Callable[[Case], Outcome]
    modes: tuple[str, ...] = ALL
    possible: bool = True


FAULTS = (
    Fault("Ctrl-C", ctrl_c),
    Fault("Ctrl-C twice", ctrl_c_twice),
    Fault("SIGTERM", sigterm),
    Fault("SIGTERM, grace period too short", sigterm_no_grace),
    Fault("closed terminal (SIGHUP)", closed_terminal),
    Fault("broken pipe on stdout and stderr", broken_pipe, ("inline 1", "ray 2")),
    Fault("SIGKILL of the driver", driver_killed),
    Fault("SIGKILL of a Ray worker", worker_killed, RAY),
    Fault("SIGKILL of the raylet", raylet_killed, RAY),
    Fault("sleep of 3 s", sleeps),
    Fault("sleep, taken over meanwhile", lease_lost, INLINE, IS_ROOT),
    Fault("a network that hangs, a worker that freezes", hangs),
    Fault("disk full", disk_full, possible=IS_ROOT),
    Fault("read-only store", read_only, ("inline 1", "ray 1"), IS_ROOT),
    Fault("store turns read-only", read_only_in_mid_run, possible=IS_ROOT),
    Fault("no permission", no_permission, INLINE, IS_ROOT),
    Fault("home and package not writable", another_user, ("inline 1",), IS_ROOT),
    Fault("path with spaces and letters of all kinds", odd_path),
    Fault("two runs at once", two_runs),
    Fault("store of a newer schema", newer_schema, INLINE),
    Fault("foreign files in a table's folder", foreign_files),
    Fault("hostile study.yaml in the store", hostile_study, INLINE),
    # Under libfaketime Ray gets no pack done within 150 s.
    Fault(
        "clock jumps two days forward",
        clock_forward,
        INLINE,
        bool(FAKETIME),
    ),
    Fault("clock jumps two days back", clock_back, INLINE, bool(FAKETIME)),
)
SHORT = {
    ("SIGTERM", "inline 2"),
    ("SIGKILL of the driver", "inline 2"),
    ("disk full", "inline 2"),
}


@dataclass(frozen=True)
class Row:
    """A line of the table."""

    fault: str
    mode: str
    seen: str
    code: int | str
    kept: str
    verdict: str
    seconds: float


def try_fault(fault: Fault, mode: str, calm: str) -> Row:
    """Inject a fault, run again, compare."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory(
        prefix="infosweep-fault-", ignore_cleanup_errors=True
    ) as folder:
        case = Case(mode, Path(folder))
        watch = StatusWatch(case.store)
        text, code, kept = "", "-", "-"
        try:
            outcome = fault.inject(case)
            text, code = outcome.seen, outcome.code
            if outcome.code not in outcome.allowed:
                raise Broken(f"exit code {outcome.code}, not {outcome.allowed}")
            kept = _kept(case.store)
            again = run_study(
                load_study(case.study), case.store, executor="inline", workers=2, progress=False
            )
            if again.exit_code:
                raise Broken(f"running again ended with {again.exit_code}")
            check_equal(case.store, calm, outcome.foreign)
            watch.stop()
            if watch.lies:
                raise Broken(f"status lied: {watch.lies[0]}")
            verdict = "equal"
        except Broken as broken:
            verdict = f"BROKEN: {broken}"
        finally:
            watch.stop()
            for run in case.runs:
                run.end()
    return Row(fault.name, mode, text, code, kept, verdict, time.monotonic() - started)


def _kept(store: str) -> str:
    try:
        status = study_status(store, NAME)
    except Exception:  # nothing has begun, or the fault is in what is asked
        return "-"
    return str(status["done"])


def markdown(rows: list[Row]) -> str:
    """Return the table: a line per fault, what the last executor showed of it, and how each came through."""
    lines = [
        f"| fault | the user sees | exit | kept of {N_TRIALS} | {' | '.join(ALL)} |",
        f"|{'---|' * (4 + len(ALL))}",
    ]
    for fault in dict.fromkeys(row.fault for row in rows):
        of_it = {row.mode: row for row in rows if row.fault == fault}
        last = list(of_it.values())[-1]
        told = last.seen.replace("|", "\\|") or "(nothing of it)"
        kept = "–".join(
            dict.fromkeys(
                (min(r.kept for r in of_it.values()), max(r.kept for r in of_it.values()))
            )
        )
        verdicts = (of_it[mode].verdict if mode in of_it else "" for mode in ALL)
        lines.append(f"| {' | '.join((fault, told, str(last.code), kept, *verdicts))} |")
    return "\n".join(lines)


def main() -> int:
    """Try the faults that the command line asks for; print the table on stdout, progress on stderr."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--long", action="store_true", help="all faults under all executors")
    parser.add_argument("--only", default="", metavar="WORD", help="faults whose name holds WORD")
    parser.add_argument("--mode", default="", metavar="WORD", help="modes that start with WORD")
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory(prefix="infosweep-calm-") as folder:
        study = Path(folder) / "study.yaml"
        study.write_text(STUDY)
        calm = str(Path(folder) / "results")
        run_study(load_study(study), calm, executor="inline", workers=2, progress=False)
        for fault in FAULTS:
            for mode in fault.modes:
                short = (fault.name, mode) in SHORT
                if not (options.long or options.only or short):
                    continue
                if options.only not in fault.name or not mode.startswith(options.mode):
                    continue
                if not fault.possible:
                    print(f"left out: {fault.name} (needs root or faketime)", file=sys.stderr)
                    continue
                rows.append(try_fault(fault, mode, calm))
                row = rows[-1]
                print(
                    f"{row.seconds:5.1f} s  {row.fault}, {row.mode}: {row.verdict}", file=sys.stderr
                )
    print(markdown(rows))
    return int(any(row.verdict != "equal" for row in rows))


if __name__ == "__main__":
    sys.exit(main())
