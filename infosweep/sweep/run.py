"""A study's run from start to end: what the store lacks is planned, fixed, trained, committed, summed up."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from infosweep.errors import LockedError, StoreError, UsageError
from infosweep.plan import make_plan, pack_to_json
from infosweep.plan.engine import engine_of
from infosweep.plan.make import check_workers
from infosweep.store import open_store
from infosweep.store.provenance import usable_cores
from infosweep.study import axis_column, dump_yaml
from infosweep.study.settings import FOUR_AXES
from infosweep.sweep.interrupts import Aborted, Interrupts
from infosweep.sweep.progress import Progress

if TYPE_CHECKING:
    from infosweep.plan import Pack, Plan
    from infosweep.store.lease import Lease
    from infosweep.store.store import StudyStore
    from infosweep.study.settings import StudySettings

Executor = Literal["ray", "inline"]


@dataclass(frozen=True, slots=True)
class RunSummary:
    """How a run ended.

    Attributes:
        kept: trials of the study that the store held before.
        run: trials that this run has added to the store, diverged ones among them.
        failed: trials that were to run, ended in an error, and are not done.
        diverged: trials of the study, whenever they were run, whose loss or weights stopped being finite.
        seconds: wall time of the run.
        exit_code: 0; 1 where trials failed; 128 + the signal's number where it was interrupted.
    """

    kept: int
    run: int
    failed: int
    diverged: int
    seconds: float
    exit_code: int


def run_study(
    study: StudySettings,
    store_url: str | Path,
    *,
    executor: Executor = "ray",
    workers: int | None = None,
    address: str | None = None,
    failed_only: bool = False,
    progress: bool = True,
) -> RunSummary:
    """Run what a store lacks of a study; what is done is kept.

    The first Ctrl-C, SIGTERM or SIGHUP finishes the packs that are running, the second aborts, as do 25 s after
    SIGTERM or SIGHUP; running again continues. Where nothing is to run, Ray is not started, and a store that
    holds the study is only read.

    Args:
        study: the study.
        store_url: folder, or prefix such as `s3://bucket/path`; made if need be.
        executor: `ray`, or `inline` for threads in this process; the rows are the same.
        workers: how many work at once; by default one a usable core, or all cores of the cluster.
        address: of a running Ray cluster; without it one is started on this machine.
        failed_only: run only what failed before; a pack that an earlier run left unfinished is run whole.
        progress: tell on stderr how far it is.

    Raises:
        UsageError: there is no such executor, or `workers` is less than 1; or a pack asks for more cores than
            there are workers.
        LockedError: another run is at work on this study, or took it over while this one slept.
        LimitError: the study asks for more trials than its limits allow.
        ClusterError: Ray does not start or answer.
        StoreError: the store cannot be written.
        KeyboardInterrupt: a second Ctrl-C.
    """
    started = time.monotonic()
    if executor not in get_args(Executor):
        choices = " or ".join(repr(each) for each in get_args(Executor))
        raise UsageError(f"there is no executor {executor!r}", f"it may be {choices}")
    check_workers(workers)
    workers_here = usable_cores() if workers is None else workers
    held = open_store(store_url, create=True).study(study.name)
    text = dump_yaml(study)
    plan, packs = _what_to_run(study, held, workers_here, failed_only)
    _check_fused(study, packs)
    if not packs and not held.is_half_published():
        _keep_study(study, text, plan, held)
        return _summary(plan, packs, held, held.done_ids(), time.monotonic() - started, 0)
    with held.lease(_run_id()) as lease:
        held.finish_published()
        plan, packs = _what_to_run(study, held, workers_here, failed_only)
        _keep_axes(study, plan, held)
        held.save_study(text)
        before = held.done_ids()
        code = 0
        if packs:
            _check_cpus(study, workers_here if executor == "inline" or address is None else None)
            if executor == "inline":
                _check_gpu(study, packs)
            held.save_provenance(text)
            _fix(packs, held)
            if executor == "inline":
                code = _run_inline(study, packs, held, lease, workers_here, progress)
            else:
                code = _run_ray(study, packs, held, lease, workers, address, progress)
        return _summary(plan, packs, held, before, time.monotonic() - started, code)


def _what_to_run(
    study: StudySettings, held: StudyStore, workers: int, failed_only: bool
) -> tuple[Plan, list[Pack]]:
    plan = make_plan(
        study,
        done=held.done_ids(),
        failed=held.failed_ids(),
        fixed=held.fixed_packs(uncommitted=True).values(),
        committed=held.commits().keys(),
        workers=workers,
    )
    return plan, list(plan.again if failed_only else plan.packs)


def _run_id() -> str:
    return f"{os.getpid()}-{time.time_ns():x}"


def _keep_study(study: StudySettings, text: str, plan: Plan, held: StudyStore) -> None:
    """Keep a study that has nothing to run but reads otherwise by now, unless the store can only be read.

    Raises LockedError where another run is at work on it, StoreError where the store cannot even hold its first
    study.
    """
    kept = held.load_study_text()
    if kept == text:
        return
    try:
        with held.lease(_run_id()):
            _keep_axes(study, plan, held)
            held.save_study(text)
    except LockedError:
        raise
    except StoreError:
        if kept is None:
            raise


def _keep_axes(study: StudySettings, plan: Plan, held: StudyStore) -> None:
    """Give older files the columns of axes that were added since, before newer ones come to lie beside them."""
    held.keep_axes(_extra_types(study), {trial.trial_id: trial.extra for trial in plan.trials})


def _check_cpus(study: StudySettings, workers: int | None) -> None:
    cpus = study.resources.cpus
    if workers is not None and cpus > workers:
        raise UsageError(
            f"a pack of study '{study.name}' asks for {cpus} cpus, and there are {workers}",
            "lower `resources.cpus` in the study, or raise --workers",
        )


def _check_fused(study: StudySettings, packs: list[Pack]) -> None:
    if study.resources.gpus == 0 or not packs:
        return
    if all(engine_of(pack.trials[0]) == "fused" for pack in packs):
        raise UsageError(
            f"study '{study.name}' asks for {study.resources.gpus:g} gpus, and engine fused uses none",
            "write `training.engine: torch`, or `resources.gpus: 0`",
        )


def _check_gpu(study: StudySettings, packs: list[Pack]) -> None:
    if study.resources.gpus == 0 or not packs:
        return
    import torch

    if not torch.cuda.is_available():
        raise UsageError(
            f"a pack of study '{study.name}' asks for {study.resources.gpus:g} gpus, and torch finds none",
            "set `resources.gpus: 0` in the study, or run where there is one",
        )


def _fix(packs: list[Pack], held: StudyStore) -> None:
    """Fix packs before any of them is scheduled, so that whoever takes one up later takes it whole."""
    for pack in packs:
        held.fix_pack(pack.pack_id, pack_to_json(pack))


def _run_inline(
    study: StudySettings,
    packs: list[Pack],
    held: StudyStore,
    lease: Lease,
    workers: int,
    show: bool,
) -> int:
    from infosweep.sweep.inline import run_inline

    progress = Progress(packs, show="auto" if show else "nothing")
    with progress, Interrupts(progress.say, lambda: lease.trouble) as interrupts:
        try:
            run_inline(
                packs,
                held,
                workers=workers,
                device=_device(study),
                retries=study.retries,
                extra=_extra_types(study),
                interrupts=interrupts,
                progress=progress,
            )
        except Aborted:
            _reraise_ctrl_c(interrupts)
    return _code(interrupts)


def _run_ray(
    study: StudySettings,
    packs: list[Pack],
    held: StudyStore,
    lease: Lease,
    workers: int | None,
    address: str | None,
    show: bool,
) -> int:
    from infosweep.sweep.ray_tune import Request, run_ray

    request = Request(
        packs=packs,
        held=held,
        workers=workers,
        cpus=study.resources.cpus,
        gpus=study.resources.gpus,
        device=_device(study),
        retries=study.retries,
        extra=_extra_types(study),
        address=address,
    )
    progress = Progress(packs, show="auto" if show else "nothing")
    with progress, Interrupts(progress.say, lambda: lease.trouble) as interrupts:
        try:
            run_ray(request, interrupts, progress)
        except Aborted:
            _reraise_ctrl_c(interrupts)
    return _code(interrupts)


def _code(interrupts: Interrupts) -> int:
    """Return the exit code so far; raise what made the run drain, other than a signal."""
    if interrupts.error is not None:
        raise interrupts.error
    return interrupts.exit_code


def _reraise_ctrl_c(interrupts: Interrupts) -> None:
    """Python's own way to tell of Ctrl-C; of another signal the summary tells."""
    if interrupts.exit_code == 130:
        raise KeyboardInterrupt


def _device(study: StudySettings) -> str:
    return "cuda" if study.resources.gpus > 0 else "cpu"


def _extra_types(study: StudySettings) -> Mapping[str, str]:
    from infosweep.store.axes import extra_types

    further = [name for name in study.axes if name not in FOUR_AXES]
    return extra_types({axis_column(study, name): study.axes[name] for name in further})


def _summary(
    plan: Plan,
    packs: list[Pack],
    held: StudyStore,
    before: set[str],
    seconds: float,
    interrupted: int,
) -> RunSummary:
    """Sum up from what the store holds, which is what counts."""
    commits = held.commits().values()
    done = held.done_ids()
    ours = {trial.trial_id for trial in plan.trials}
    asked = {trial.trial_id for pack in packs for trial in pack.trials}
    failed = len(asked & held.failed_ids()) if packs else 0
    diverged = {trial_id for commit in commits for trial_id in commit.diverged_ids}
    return RunSummary(
        kept=plan.done,
        run=len(asked & done - before),
        failed=failed,
        diverged=len(diverged & ours),
        seconds=seconds,
        exit_code=interrupted or (1 if failed else 0),
    )
