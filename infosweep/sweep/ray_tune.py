"""Executor Ray Tune: exactly one Tune trial a pack, worker processes reused, longest packs first.

Tune schedules and retries; what is done is read from the store, never from its results. As measured on Ray
2.60 with two cores: a reused worker costs 0.1 s a pack, a new one 5-6 s; a report costs the driver 12-14 ms,
so reports come seconds apart; importing Tune and compiling kernels while Ray starts saves 4 s of 16.
"""

from __future__ import annotations

import contextlib
import os
import platform
import signal
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from infosweep.errors import UsageError
from infosweep.sweep.interrupts import Aborted
from infosweep.sweep.pack import fail_pack, warm_up
from infosweep.sweep.ray_start import prepare, ray_has_ended, ray_running, shared_bytecode
from infosweep.sweep.stalls import patience_with

if TYPE_CHECKING:
    from infosweep.plan.trial import Pack
    from infosweep.store.store import StudyStore
    from infosweep.sweep.interrupts import Interrupts
    from infosweep.sweep.progress import Progress

REPORT_EVERY = 2.0  # seconds, at least
REPORT_COST = (
    0.1  # seconds between reports for each pack at work, which leaves the driver 85 % of its time
)


@dataclass(frozen=True, slots=True)
class Request:
    """What to run, and on what.

    Attributes:
        packs: in the order in which they are handed out.
        held: the study's part of the store.
        workers: cores at work; None for all of the cluster, or all usable ones of this machine.
        cpus: cores a pack.
        gpus: GPUs a pack.
        device: of the torch engine.
        retries: how often a pack is tried again whose worker died, or that stalled.
        extra: columns of further axes and their types.
        address: of a running cluster; None to start one on this machine.
    """

    packs: Sequence[Pack]
    held: StudyStore
    workers: int | None
    cpus: int
    gpus: float
    device: str
    retries: int
    extra: Mapping[str, str]
    address: str | None


def run_ray(request: Request, interrupts: Interrupts, progress: Progress) -> None:
    """Run packs through Ray Tune, until all are run or an interrupt drains.

    Raises:
        ClusterError: Ray does not start or answer, or ends in mid-run.
        UsageError: a pack asks for more than the cluster has.
        StoreError: the store cannot be written.
        Aborted: a second interrupt.
    """
    prepare()
    with (
        tempfile.TemporaryDirectory(prefix="infosweep-tune-", ignore_cleanup_errors=True) as folder,
        shared_bytecode(),
    ):
        warm = _Warm(request.packs, Path(folder) / "kernels-are-compiled")
        with _nothing_printed(), ray_running(request.address, request.workers):
            _tune(request, folder, warm, interrupts, progress)


@contextlib.contextmanager
def _nothing_printed() -> Iterator[None]:
    """Keep what Ray and Tune print on stdout off it: it is for data. What matters is told in `failures`."""
    with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
        yield


class _Warm:
    """Imports Tune and compiles kernels on another thread while Ray and its workers start.

    Workers of this machine wait for `flag`, and then load the kernels from numba's cache instead of each
    compiling them.
    """

    def __init__(self, packs: Sequence[Pack], flag: Path) -> None:
        import ray  # noqa: F401 - on the main thread first: two threads must not race for it

        self.flag = flag
        self._packs = packs
        self._thread = threading.Thread(target=self._work, name="warm-up", daemon=True)
        self._thread.start()

    def _work(self) -> None:
        # Should it fail, workers will meet the same error and tell it where it is looked for.
        with contextlib.suppress(Exception):
            import ray.tune  # noqa: F401

            warm_up(self._packs)
        with contextlib.suppress(OSError):
            self.flag.touch()


def _tune(
    request: Request, folder: str, warm: _Warm, interrupts: Interrupts, progress: Progress
) -> None:
    from ray import tune
    from ray.tune.search import ConcurrencyLimiter

    from infosweep.sweep.trainable import PackTrainable, Shared
    from infosweep.sweep.tune_hooks import Queue, Watch, pack_id_of

    at_once = _at_once(request)
    packs = {pack.pack_id: pack for pack in request.packs}
    shared = Shared(
        packs=packs,
        held=request.held,
        cpus=request.cpus,
        device=request.device,
        retries=request.retries,
        extra=request.extra,
        report_every=max(REPORT_EVERY, REPORT_COST * at_once),
        wait_for=str(warm.flag) if request.address is None else None,
    )

    def on_death(pack_id: str, log: str) -> None:
        times = f" {request.retries + 1} times" if request.retries else ""
        error = f"the worker process died{times}"
        fail_pack(packs[pack_id], request.held, "WorkerDied", error, log, request.extra)

    watch = Watch(
        progress,
        on_death,
        patience={pack_id: patience_with(pack) for pack_id, pack in packs.items()},
        kill=lambda pack_id: _end_worker(request.held, pack_id),
        ended=lambda: ray_has_ended() if request.address is None else None,
    )
    queue = Queue(list(packs), interrupts, watch)
    resources: dict[str, float] = {"cpu": request.cpus}
    if request.gpus:
        resources["gpu"] = request.gpus
    tuner = tune.Tuner(
        tune.with_resources(tune.with_parameters(PackTrainable, shared=shared), resources),
        tune_config=tune.TuneConfig(
            search_alg=ConcurrencyLimiter(queue, max_concurrent=at_once),
            num_samples=len(packs),
            reuse_actors=True,
            trial_name_creator=pack_id_of,
            trial_dirname_creator=pack_id_of,
        ),
        run_config=tune.RunConfig(
            name="packs",
            storage_path=folder,
            verbose=0,
            failure_config=tune.FailureConfig(max_failures=request.retries),
            callbacks=[watch],
        ),
    )
    try:
        tuner.fit()
    except Aborted:
        if watch.error is None:
            raise
    if watch.error is not None:
        raise watch.error


def _end_worker(held: StudyStore, pack_id: str) -> None:
    """Kill the worker that claims a pack, if it is on this machine; Ray looks after lost machines itself."""
    for claim in held.claims():
        if claim.pack_id == pack_id and claim.host == platform.node() and not claim.is_gone:
            with contextlib.suppress(ProcessLookupError):
                os.kill(claim.pid, signal.SIGKILL)


def _at_once(request: Request) -> int:
    """Return how many packs run at once.

    Raises:
        UsageError: not even one fits.
    """
    import ray

    have = ray.cluster_resources()
    cores, gpus = int(have.get("CPU", 0)), have.get("GPU", 0.0)
    if request.workers is not None:
        cores = min(cores, request.workers)
    for what, asked, there in (("cpus", request.cpus, cores), ("gpus", request.gpus, gpus)):
        if asked > there:
            raise UsageError(
                f"a pack asks for {asked:g} {what}, and Ray has {there:g}",
                f"lower `resources.{what}` in the study, or run where there are more",
            )
    by_cpus = cores // request.cpus
    return min(by_cpus, int(gpus / request.gpus)) if request.gpus else by_cpus
