"""The one function that trains and measures a pack and commits its rows, whoever calls it.

What a pack's rows are depends on the pack alone: not on the caller, the number of threads, or on whether its
mates fail or diverge.
"""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import uuid4

from infosweep.plan.engine import engine_of
from infosweep.study.settings import OwnModelSettings
from infosweep.sweep.progress import PackProgress
from infosweep.sweep.rows import TrialRun, failure_rows
from infosweep.sweep.stalls import StallClock, Stalled, patience_with
from infosweep.units import format_duration

if TYPE_CHECKING:
    import pyarrow as pa

    from infosweep.data.problem import Problem
    from infosweep.plan.trial import Pack, Trial
    from infosweep.snapshot import Snapshot
    from infosweep.store.store import StudyStore


_LOOK_EVERY = 0.2  # seconds between looks at whether a pack stalls or is to stop


@dataclass(frozen=True, slots=True)
class PackOutcome:
    """What became of an attempt at a pack.

    Attributes:
        pack_id: the pack.
        attempt: names the attempt.
        committed: whether its rows are the pack's; not so where another attempt was first, where no
            trial succeeded, or where it was stopped.
        done: ids of trials trained and measured, diverged ones among them.
        failed: ids of trials that ended in an exception.
    """

    pack_id: str
    attempt: str
    committed: bool
    done: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()


def warm_up(packs: Sequence[Pack]) -> None:
    """Compile what these packs call, or load it from numba's cache, before threads or workers need it."""
    from infosweep import measures, training

    if any(engine_of(pack.trials[0]) == "fused" for pack in packs):
        training.warm_up()
    measures.warm_up()


def new_attempt() -> str:
    """Return a name for an attempt: unique, and sorting by time."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{uuid4().hex[:8]}"


def run_pack(
    pack: Pack,
    held: StudyStore,
    *,
    attempt: str | None = None,
    cpus: int = 1,
    device: str = "cpu",
    extra: Mapping[str, str] | None = None,
    on_progress: Callable[[PackProgress], None] | None = None,
    stop: threading.Event | None = None,
    retries: int = 0,
) -> PackOutcome:
    """Train and measure a pack, and commit its rows.

    An exception in a trial becomes a row of `failures`, and the others are committed; where none is left,
    nothing is committed and the pack stays open. A network that diverges is a result: its row in `trials`
    has status `diverged`, the step at which that was noticed, and no final losses (there are none that are
    finite); the rows of its earlier checkpoints are kept.

    Args:
        pack: trials of equal tensor shapes.
        held: the study's part of the store.
        attempt: names this attempt, uniquely.
        cpus: threads; the fused engine gives each a network at a time, the torch engine uses one.
        device: of the torch engine, `cpu` or `cuda`.
        extra: columns of the study's further axes and their types.
        on_progress: told after each checkpoint how far the pack is; from several threads, one at a time.
        stop: set to give up at the next checkpoint and write nothing.
        retries: how often networks that stall are started anew (`infosweep.sweep.stalls`); each stall is
            told in `failures`, and the last leaves them failed.

    Raises:
        StoreError: the store cannot be written.
    """
    attempt = attempt or new_attempt()
    stop = stop or threading.Event()
    run = _PackRun(pack, held, attempt, device, extra or {}, on_progress, stop, retries)
    with held.claim(pack.pack_id, attempt, {"n_trials": len(pack.trials)}):
        if engine_of(pack.trials[0]) == "fused":
            run.train_alone(cpus)
        elif isinstance(pack.trials[0].model, OwnModelSettings):
            with _one_torch_thread():
                run.train_alone(1)  # torch's global generator serves one network at a time
        else:
            run.train_together()
        return run.write()


class _PackRun:
    """An attempt at a pack while it lasts; methods may be called from several threads."""

    def __init__(
        self,
        pack: Pack,
        held: StudyStore,
        attempt: str,
        device: str,
        extra: Mapping[str, str],
        on_progress: Callable[[PackProgress], None] | None,
        stop: threading.Event,
        retries: int,
    ) -> None:
        self.pack = pack
        self.held = held
        self.attempt = attempt
        self.device = device
        self.extra = extra
        self.stop = stop
        self._retries = retries
        self._stalls = StallClock(patience_with(pack))
        self._on_progress = on_progress
        self._lock = threading.Lock()
        self._shares = [0.0] * len(pack.trials)
        self._tables: dict[int, dict[str, pa.Table]] = {}
        self._failures: dict[int, pa.Table] = {}

    # --- training --------------------------------------------------------------------------------------

    def train_alone(self, cpus: int) -> None:
        """Train each network by itself, on as many threads as `cpus`."""

        def start() -> Callable[[threading.Event], None]:
            left = iter(self._unfinished())

            def work(over: threading.Event) -> None:
                while not over.is_set():
                    with self._lock:
                        index = next(left, None)
                    if index is None:
                        return
                    self._train_one(index, over)

            return work

        self._persist(start, cpus)

    def _unfinished(self) -> list[int]:
        finished = self._tables.keys() | self._failures.keys()
        return [index for index in range(len(self.pack.trials)) if index not in finished]

    def _persist(self, start: Callable[[], Callable[[threading.Event], None]], cpus: int) -> None:
        """Work on threads until all is done; where that stalls, start anew, at most `retries` times.

        A thread that hangs cannot be ended: it is left alone, and what it may still give is not taken.
        """
        for left in range(self._retries, -1, -1):
            work, over, errors = start(), threading.Event(), []

            def guarded(
                work: Callable[[threading.Event], None] = work,
                over: threading.Event = over,
                errors: list[BaseException] = errors,
            ) -> None:
                try:
                    work(over)
                except (
                    BaseException
                ) as error:  # of ours, not of a network's: raised where run_pack was called
                    errors.append(error)

            # Daemons: where a run is aborted, the process does not wait for the next checkpoint.
            threads = [
                threading.Thread(target=guarded, name=f"{self.pack.pack_id}.{i}", daemon=True)
                for i in range(min(cpus, len(self._unfinished())))
            ]
            for thread in threads:
                thread.start()
            try:
                done = self._wait_for(threads, over)
            finally:
                with self._lock:
                    over.set()
            if errors:
                raise errors[0]
            if done:
                return
            self._tell_of_stall(last=left == 0)

    def _wait_for(self, threads: Sequence[threading.Thread], over: threading.Event) -> bool:
        """Wait for threads; False where they stall."""
        self._stalls.moved()
        for thread in threads:
            while thread.is_alive():
                thread.join(_LOOK_EVERY)
                if self.stop.is_set():
                    over.set()
                elif self._stalls.has_run_out():
                    return False
        return True

    def _tell_of_stall(self, *, last: bool) -> None:
        """Write a row of failures for each network that stalls; the last time, they have failed."""
        error = Stalled(f"no progress for {format_duration(self._stalls.patience)}")
        stalled = self._unfinished()
        if last:
            for index in stalled:
                self._fail(index, error)
        else:
            trials = [self.pack.trials[index] for index in stalled]
            _write_failures(self.pack, trials, self.held, "Stalled", str(error), "", self.extra)

    def _train_one(self, index: int, over: threading.Event) -> None:
        trial = self.pack.trials[index]
        engine = engine_of(trial)
        device = self.device if engine == "torch" else "cpu"
        try:
            run = TrialRun(trial)
            for snapshot in _snapshots(trial, run.problem, device):
                run.take(snapshot)
                self._tell(index, snapshot.step / max(trial.n_steps, 1), over)
                if over.is_set():
                    return
            self._finish(index, run, over, engine=engine, device=device)
        except (
            Exception
        ) as error:  # whatever is wrong with one network is told in its row of failures
            self._fail(index, error, over)

    def train_together(self) -> None:
        """Train the networks as one batch of matrices."""
        self._persist(lambda: self._train_batch, 1)

    def _train_batch(self, over: threading.Event) -> None:
        from infosweep.training import torch_engine

        runs: dict[int, TrialRun] = {}
        for index in self._unfinished():
            try:
                runs[index] = TrialRun(self.pack.trials[index])
            except Exception as error:  # as above
                self._fail(index, error, over)
        indices = list(runs)
        trials = [self.pack.trials[index] for index in indices]
        problems = [runs[index].problem for index in indices]
        started = time.monotonic()
        try:
            with _one_torch_thread():
                for position, snapshot in torch_engine.train_pack(trials, problems, self.device):
                    self._measure(indices[position], runs, snapshot, over)
                    if over.is_set():
                        return
        except Exception as error:  # the pack cannot be trained on: nothing of it is finished
            for index in runs.keys() - self._failures.keys():
                self._fail(index, error, over)
            return
        measured = sum(run.measure_seconds for run in runs.values())
        for index in runs.keys() - self._failures.keys():
            runs[index].train_seconds = (time.monotonic() - started - measured) / len(runs)
            self._finish(index, runs[index], over, engine="torch", device=self.device)

    def _measure(
        self, index: int, runs: Mapping[int, TrialRun], snapshot: Snapshot, over: threading.Event
    ) -> None:
        """Take a snapshot of one of the networks that are trained together."""
        if index in self._failures:
            return
        try:
            runs[index].take(snapshot)
        except Exception as error:  # measuring one network fails; the others go on
            self._fail(index, error, over)
        else:
            self._tell(index, snapshot.step / max(self.pack.trials[index].n_steps, 1), over)

    # --- what becomes of trials ------------------------------------------------------------------------

    def _finish(
        self, index: int, run: TrialRun, over: threading.Event, *, engine: str, device: str
    ) -> None:
        of_the_run = {
            "engine": engine,
            "device": device,
            "pack_id": self.pack.pack_id,
            "attempt": self.attempt,
        }
        try:
            tables = run.tables(self.held.name, of_the_run, self.extra)
        except Exception as error:  # rows that break their schema are this trial's failure
            self._fail(index, error, over)
            return
        with self._lock:
            if over.is_set():
                return
            self._tables[index] = tables
        self._tell(index, 1.0, over)

    def _fail(self, index: int, error: Exception, over: threading.Event | None = None) -> None:
        attempt = {
            "pack_id": self.pack.pack_id,
            "attempt": self.attempt,
            "error_kind": type(error).__name__,
            "error": str(error) or repr(error),
            "log": "".join(traceback.format_exception(error)),
        }
        rows = failure_rows(self.pack.trials[index], self.held.name, attempt, self.extra)
        with self._lock:
            if over is not None and over.is_set():
                return
            self._failures[index] = rows
        self._tell(index, 1.0, over)

    def _tell(self, index: int, share: float, over: threading.Event | None) -> None:
        with self._lock:
            if over is not None and over.is_set():
                return
            self._stalls.moved()
            self._shares[index] = share
            if self._on_progress is not None:
                done, failed = len(self._tables), len(self._failures)
                mean = sum(self._shares) / len(self._shares)
                self._on_progress(PackProgress(self.pack.pack_id, done, failed, mean))

    def write(self) -> PackOutcome:
        """Write failures, and commit the rows of the other trials."""
        from infosweep.store.schemas import concat_tables

        if self.stop.is_set():
            return PackOutcome(self.pack.pack_id, self.attempt, committed=False)
        done, failed = self._ids(self._tables), self._ids(self._failures)
        if failed:
            rows = concat_tables(list(self._failures.values()))
            self.held.write_failures(self.pack.pack_id, self.attempt, rows)
        committed = False
        if done:
            parts = list(self._tables.values())
            tables = {name: concat_tables([part[name] for part in parts]) for name in parts[0]}
            committed = self.held.commit(self.pack.pack_id, self.attempt, tables, failed)
        return PackOutcome(self.pack.pack_id, self.attempt, committed, done, failed)

    def _ids(self, indices: Mapping[int, object]) -> tuple[str, ...]:
        return tuple(self.pack.trials[index].trial_id for index in sorted(indices))


def _snapshots(trial: Trial, problem: Problem, device: str) -> Iterator[Snapshot]:
    """Train one network by itself."""
    if isinstance(trial.model, OwnModelSettings):
        from infosweep.training import torch_network

        return torch_network.train(trial, problem, device)
    from infosweep.training import fused

    return fused.train(trial, problem)


@contextmanager
def _one_torch_thread() -> Iterator[None]:
    """Keep torch to one thread, so that sums have one order wherever a pack is trained.

    Networks of this size are no faster on two.
    """
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def fail_pack(
    pack: Pack, held: StudyStore, error_kind: str, error: str, log: str, extra: Mapping[str, str]
) -> None:
    """Write a row of `failures` for each trial of a pack whose worker died and cannot tell itself."""
    _write_failures(pack, pack.trials, held, error_kind, error, log, extra)


def _write_failures(
    pack: Pack,
    trials: Sequence[Trial],
    held: StudyStore,
    error_kind: str,
    error: str,
    log: str,
    extra: Mapping[str, str],
) -> None:
    from infosweep.store.schemas import concat_tables

    attempt = new_attempt()
    told = {
        "pack_id": pack.pack_id,
        "attempt": attempt,
        "error_kind": error_kind,
        "error": error,
        "log": log,
    }
    rows = [failure_rows(trial, held.name, told, extra) for trial in trials]
    held.write_failures(pack.pack_id, attempt, concat_tables(rows))
