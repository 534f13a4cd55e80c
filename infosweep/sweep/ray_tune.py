"""Executor Ray Tune: exactly one Tune trial a pack, worker processes reused, longest packs first.

Tune schedules and retries; what is done is read from the store, never from its results. What is set here and
why, as measured on Ray 2.60 with two cores:

- `ray.init` runs on the main thread (its processes die with the thread that started them) while another thread
  compiles kernels and imports Tune: 12 s instead of 16 s before the first worker starts.
- Reused actors cost 0.1 s a pack instead of 5-6 s; Tune's own loggers are off, reports come seconds apart.
- Tune's SIGINT handler would end a run with half of its work undone: ours drains instead.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from infosweep.errors import ClusterError, UsageError
from infosweep.store.provenance import usable_cores
from infosweep.sweep.pack import fail_pack, warm_up

if TYPE_CHECKING:
    from infosweep.plan.trial import Pack
    from infosweep.store.store import StudyStore
    from infosweep.sweep.interrupts import Interrupts
    from infosweep.sweep.progress import Progress

OBJECT_STORE_BYTES = 100 * 2**20  # packs and reports are small
REPORT_EVERY = 2.0  # seconds, at least; a report costs the driver 12-14 ms

_ENVIRONMENT = {
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",  # `uv run` would ship the folder and build an environment a job
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",  # a relative INFOSWEEP_DATA keeps its meaning
    "RAY_AIR_NEW_OUTPUT": "0",  # the new one prints boxes on stdout even at verbose=0
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_GLOBAL_CHECKPOINT_S": "86400",  # its own snapshots of the experiment, which nobody reads
    "TUNE_MAX_LEN_IDENTIFIER": "40",
    "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",
}


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
        retries: how often a pack is tried again whose worker died.
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
        ClusterError: Ray does not start or answer.
        UsageError: a pack asks for more than the cluster has.
        StoreError: the store cannot be written.
        Aborted: a second interrupt.
    """
    os.environ.update(_ENVIRONMENT)
    _quiet_logs()
    with contextlib.ExitStack() as stack:
        stack.enter_context(_shared_bytecode())
        warm = _Warm(request.packs)
        _start(request, stack)
        warm.join()
        _tune(request, interrupts, progress)


@contextlib.contextmanager
def _shared_bytecode() -> Iterator[None]:
    """Where Python is told to write no bytecode, let Ray's processes share some for the time of the run.

    Ten processes would each compile the same thousand modules: `import ray.tune` takes 5.5 s of CPU from
    source and 1.9 s from bytecode.
    """
    if not sys.dont_write_bytecode:
        yield
        return
    names = ("PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX")
    before = {name: os.environ.pop(name, None) for name in names}, sys.pycache_prefix
    with tempfile.TemporaryDirectory(
        prefix="infosweep-bytecode-", ignore_cleanup_errors=True
    ) as folder:
        os.environ["PYTHONPYCACHEPREFIX"] = sys.pycache_prefix = folder
        sys.dont_write_bytecode = False
        try:
            yield
        finally:
            sys.dont_write_bytecode = True
            variables, sys.pycache_prefix = before
            for name, value in variables.items():
                os.environ.pop(name, None)
                if value is not None:
                    os.environ[name] = value


class _Warm:
    """Imports Tune and compiles kernels on another thread while Ray starts.

    Workers then load the kernels from numba's cache instead of each compiling them.
    """

    def __init__(self, packs: Sequence[Pack]) -> None:
        import ray  # noqa: F401 - on the main thread first: two threads must not race for it

        self._packs = packs
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name="warm-up", daemon=True)
        self._thread.start()

    def _work(self) -> None:
        try:
            import ray.tune  # noqa: F401

            warm_up(self._packs)
        except BaseException as error:
            self._error = error

    def join(self) -> None:
        """Wait, and raise what went wrong."""
        self._thread.join()
        if self._error is not None:
            raise self._error


# --- starting Ray ---------------------------------------------------------------------------------------


def _start(request: Request, stack: contextlib.ExitStack) -> None:
    """Connect to the cluster or start one here; leave it when `stack` closes."""
    import ray

    if ray.is_initialized():  # by the caller, who also ends it
        return
    try:
        if request.address is None:
            folder = _temporary_folder(stack)
            _private_token_folder()
            ray.init(
                address="local",
                num_cpus=request.workers or usable_cores(),
                include_dashboard=False,
                object_store_memory=OBJECT_STORE_BYTES,
                log_to_driver=False,
                logging_level=logging.CRITICAL,
                _node_ip_address="127.0.0.1",
                _temp_dir=folder,
            )
        else:
            ray.init(address=request.address, log_to_driver=False, logging_level=logging.CRITICAL)
    except (Exception, SystemExit) as error:  # Ray raises whatever its parts do
        raise _not_started(request.address, error) from error
    stack.callback(ray.shutdown)
    _private_token_folder()


def _not_started(address: str | None, error: BaseException) -> ClusterError:
    reason = (str(error).strip() or repr(error)).splitlines()[0]
    if address is None:
        return ClusterError(
            f"Ray does not start on this machine: {reason}",
            "run with `--executor inline`, which does without Ray; the rows are the same",
        )
    return ClusterError(
        f"the Ray cluster at {address} does not answer: {reason}",
        "check the address with `ray status --address …`, and that RAY_AUTH_MODE and its token are set",
    )


def _temporary_folder(stack: contextlib.ExitStack) -> str | None:
    """Make a folder for Ray's sockets and logs that goes when Ray has ended; None for Ray's default.

    Ray keeps every session's logs for ever in /tmp/ray otherwise. A socket's path may have 107 bytes,
    of which Ray needs about 70.
    """
    folder = tempfile.mkdtemp(prefix="infosweep-")
    if len(folder) > 36:
        Path(folder).rmdir()
        return None
    stack.callback(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _private_token_folder() -> None:
    """Keep the token of Ray's authentication, which Ray writes with mode 0644, to its owner."""
    path = Path(os.environ.get("RAY_AUTH_TOKEN_PATH") or Path.home() / ".ray" / "auth_token")
    with contextlib.suppress(OSError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if path.exists():
            path.chmod(0o600)


def _quiet_logs() -> None:
    """Keep Ray's talk off the user's terminal; its own log files have it."""
    for name in ("ray", "ray.tune", "ray.train", "ray.data", "ray.air"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


# --- Tune -----------------------------------------------------------------------------------------------


def _tune(request: Request, interrupts: Interrupts, progress: Progress) -> None:
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
        extra=request.extra,
        report_every=max(REPORT_EVERY, 0.1 * at_once),
    )
    resources: dict[str, float] = {"cpu": request.cpus}
    if request.gpus:
        resources["gpu"] = request.gpus

    def on_death(pack_id: str, log: str) -> None:
        times = f" {request.retries + 1} times" if request.retries else ""
        error = f"the worker process died{times}"
        fail_pack(packs[pack_id], request.held, "WorkerDied", error, log, request.extra)

    watch = Watch(progress, on_death)
    queue = Queue(list(packs), interrupts, watch)
    with tempfile.TemporaryDirectory(prefix="infosweep-tune-") as folder, _stdout_to_stderr():
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
        tuner.fit()
    if watch.error is not None:
        raise watch.error


def _at_once(request: Request) -> int:
    """Return how many packs run at once."""
    import ray

    have = ray.cluster_resources()
    cores = int(have.get("CPU", 0))
    if request.workers is not None:
        cores = min(cores, request.workers)
    for what, asked, there in (
        ("cpus", request.cpus, cores),
        ("gpus", request.gpus, have.get("GPU", 0)),
    ):
        if asked > there:
            raise UsageError(
                f"a pack asks for {asked:g} {what}, and Ray has {there:g}",
                f"lower `resources.{what}` in the study, or run where there are more",
            )
    by_cpus = cores // request.cpus
    return min(by_cpus, int(have["GPU"] / request.gpus)) if request.gpus else by_cpus


@contextlib.contextmanager
def _stdout_to_stderr() -> Iterator[None]:
    """Keep stdout for data, whatever Tune prints."""
    with contextlib.redirect_stdout(sys.stderr):
        yield
