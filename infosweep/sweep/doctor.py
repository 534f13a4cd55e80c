"""Whether this machine and this store are fit for a run: each thing that a run relies on, looked at by itself."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import resource
import shutil
import stat
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from infosweep.errors import ClusterError, InfosweepError, StoreError
from infosweep.store import open_store, provenance
from infosweep.sweep.ray_start import OBJECT_STORE_BYTES, ray_running, token_path
from infosweep.units import format_bytes, format_duration

if TYPE_CHECKING:
    from infosweep.plan import Plan
    from infosweep.store.damage import Fault

Result = Literal["ok", "warning", "failed"]

_INSTALLATION, _RAY, _STORE = InfosweepError.exit_code, ClusterError.exit_code, StoreError.exit_code
_FEWEST_FILES = 1024  # open files that Ray and a run of many packs get by with
_LEAST_FREE = 200_000_000  # bytes, where no plan says what is needed
_LARGEST_SKEW = 5.0  # seconds; heartbeats are called lost after 60


@dataclass(frozen=True, slots=True)
class Check:
    """What was looked at, and what was found.

    Attributes:
        name: what was looked at.
        result: `warning` is slower or may fail later, `failed` does not work.
        found: what there is.
        mend: how to put it right.
        exit_code: 0, or of what failed: 6 the store, 4 Ray, 1 the installation.
        faults: files of a store that are damaged, missing or foreign.
    """

    name: str
    result: Result
    found: str
    mend: str | None = None
    exit_code: int = 0
    faults: tuple[Fault, ...] = ()


def exit_code_of(checks: Sequence[Check]) -> int:
    """Return the exit code of the worst: 6 the store, else 4 Ray, else 1 the installation, else 0."""
    return max((check.exit_code for check in checks), default=0)


def diagnose(
    store: str | Path,
    studies: Sequence[str] | None = None,
    *,
    plan: Callable[[], Plan] | None = None,
    start_ray: bool = False,
    repair: bool = False,
) -> Iterator[Check]:
    """Look at everything, one check after the other.

    Args:
        store: folder or URL; it need not exist.
        studies: whose files are looked at; of all studies of the store where None.
        plan: gives the plan that space and memory must suffice for; called after a repair.
        start_ray: start Ray for real, and stop it; 10 s and more.
        repair: set aside what is damaged or foreign.

    Raises:
        UsageError: a store's scheme that there is not.
    """
    yield _python()
    yield _libraries()
    yield _cores()
    yield _gpu()
    yield _home()
    yield _open_files()
    yield _shared_memory()
    yield _token()
    yield from _store(store)
    yield from _tables(store, studies, repair)
    wanted = None
    if plan is not None:
        try:
            wanted = plan()
        except InfosweepError as error:
            told = error.message.partition("\n")[0]
            yield _failed("plan", f"there is none: {told}", error.mend, _STORE)
    yield from _space(store, wanted)
    if wanted is not None:
        yield _memory(wanted)
    yield _ray() if start_ray else _ray_not_started()


def _failed(name: str, found: str, mend: str | None, code: int) -> Check:
    return Check(name, "failed", found, mend, code)


def _of_error(name: str, error: InfosweepError) -> Check:
    return _failed(name, error.message, error.mend, error.exit_code)


# --- installation -------------------------------------------------------------------------------------


def _python() -> Check:
    from packaging.specifiers import SpecifierSet

    wanted = importlib.metadata.metadata("infosweep")["Requires-Python"]
    version = platform.python_version()
    found = f"{version} on {platform.system()} {platform.machine()}"
    if not SpecifierSet(wanted).contains(version, prereleases=True):
        return _failed("python", found, f"use Python {wanted}", _INSTALLATION)
    return Check("python", "ok", found)


def _libraries() -> Check:
    from packaging.requirements import Requirement

    faults, found = [], [f"infosweep {importlib.metadata.version('infosweep')}"]
    for text in importlib.metadata.requires("infosweep") or ():
        wanted = Requirement(text)
        if wanted.marker is not None and not wanted.marker.evaluate():
            continue
        try:
            version = importlib.metadata.version(wanted.name)
        except importlib.metadata.PackageNotFoundError:
            faults.append(f"{wanted.name} is not installed")
            continue
        found.append(f"{wanted.name} {version}")
        if not wanted.specifier.contains(version, prereleases=True):
            faults.append(f"{wanted.name} is {version}, needed is {wanted.specifier}")
    if faults:
        mend = "install infosweep again, with its dependencies"
        return _failed("libraries", "; ".join(faults), mend, _INSTALLATION)
    return Check("libraries", "ok", ", ".join(found))


# --- machine ------------------------------------------------------------------------------------------


def _cores() -> Check:
    usable, all_cores = provenance.usable_cores(), os.cpu_count() or 1
    hardware = provenance.collect()["hardware"]
    memory = hardware["memory_bytes"]
    cores = f"{usable} of {all_cores} cores" if usable < all_cores else f"{usable} cores"
    parts = [cores, hardware["cpu"], f"{format_bytes(memory)} of memory" if memory else None]
    return Check("cores", "ok", ", ".join(part for part in parts if part))


def _gpu() -> Check:
    names = [name or "unknown model" for name in provenance.collect()["hardware"]["gpus"]]
    if not names and not shutil.which("nvidia-smi"):
        return Check("gpu", "ok", "none; the fused engine needs none")
    import torch  # takes seconds, and only where there is something to find out

    if not torch.cuda.is_available():
        found = f"{', '.join(names) or 'a driver'}, which torch {torch.__version__} cannot use"
        return Check("gpu", "warning", found, "install a CUDA build of torch that fits the driver")
    seen = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return Check("gpu", "ok", f"{', '.join(seen)}; torch {torch.__version__}")


def _home() -> Check:
    home = Path.home()
    try:
        with tempfile.TemporaryFile(dir=home):
            pass
    except OSError as error:
        found = f"{home} cannot be written: {(error.strerror or str(error)).lower()}"
        mend = "set HOME to a folder that you may write to: Ray keeps its token there"
        return _failed("home", found, mend, _RAY)
    return Check("home", "ok", f"{home} can be written")


def _open_files() -> Check:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    found = "no limit" if soft == resource.RLIM_INFINITY else f"at most {soft:,}"
    if soft != resource.RLIM_INFINITY and soft < _FEWEST_FILES:
        can = hard == resource.RLIM_INFINITY or hard >= 4096
        mend = "ulimit -n 4096" if can else "ask for a higher limit, 4096 or more (ulimit -Hn)"
        return Check("open files", "warning", found, mend)
    return Check("open files", "ok", found)


def _shared_memory(folder: str = "/dev/shm") -> Check:
    try:
        usage = shutil.disk_usage(folder)
    except OSError:
        found, mend = f"there is no {folder}", "Ray uses /tmp instead, which is slower"
        return Check("shared memory", "warning", found, mend)
    found = f"{format_bytes(usage.free)} of {format_bytes(usage.total)} free in {folder}"
    if usage.free < OBJECT_STORE_BYTES:
        need = format_bytes(OBJECT_STORE_BYTES)
        mend = f"Ray wants {need}; in a container: docker run --shm-size=1g"
        return Check("shared memory", "warning", found, mend)
    return Check("shared memory", "ok", found)


def _token() -> Check:
    path = token_path()
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError:
        return Check("ray token", "ok", f"none yet at {path}; Ray makes one when it starts")
    if mode & 0o077:
        found = f"{path} has mode {mode:04o}: others can read what lets one run code on this Ray"
        return _failed("ray token", found, f"chmod 600 {path}", _RAY)
    return Check("ray token", "ok", f"{path} has mode {mode:04o}")


def _ray_not_started() -> Check:
    version = importlib.metadata.version("ray")
    return Check("ray", "ok", f"{version}, not started: --ray does, which takes 10 s and more")


def _ray() -> Check:
    started = time.monotonic()
    try:
        with ray_running():
            import ray

            cores = ray.cluster_resources().get("CPU", 0)
            seconds = time.monotonic() - started
    except InfosweepError as error:
        return _of_error("ray", error)
    version = importlib.metadata.version("ray")
    found = f"{version} starts in {format_duration(seconds)} with {cores:.0f} cores"
    return Check("ray", "ok", found)


# --- store --------------------------------------------------------------------------------------------


def _store(store: str | Path) -> Iterator[Check]:
    from infosweep.store.probe import probe

    try:
        found = probe(store)
    except StoreError as error:
        yield _of_error("store", error)
        yield _clock(None)
        return
    what = "" if found.exists else f"not there yet; in {found.where} "
    text = (
        f"{what}write, rename and exclusive create work, {1000 * found.write_seconds:.1f} ms a file"
    )
    yield Check("store", "ok", text)
    yield _clock(found.skew_seconds)


def _clock(skew: float | None) -> Check:
    """Compare the clock with that of the store, and with when infosweep was installed."""
    now = datetime.now(UTC)
    installed = datetime.fromtimestamp(Path(__file__).stat().st_mtime, UTC)
    mend = "set the clock (timedatectl set-ntp true)"
    if (installed - now).total_seconds() > 86_400:
        found = f"it is {now:%Y-%m-%d %H:%M}, before infosweep was installed ({installed:%Y-%m-%d})"
        return _failed("clock", found, mend, _STORE)
    if skew is not None and abs(skew) > _LARGEST_SKEW:
        order = "ahead of" if skew > 0 else "behind"
        found = f"the store's clock is {format_duration(abs(skew))} {order} this machine's"
        mend = "set both clocks: a run is taken for dead after 60 s without a heartbeat"
        return _failed("clock", found, mend, _STORE)
    return Check("clock", "ok", f"{now:%Y-%m-%d %H:%M:%S} UTC")


def _tables(store: str | Path, studies: Sequence[str] | None, repair: bool) -> Iterator[Check]:
    """Look at the files of studies, a check for each."""
    try:
        opened = open_store(store, create=False)
        there = opened.studies()
    except InfosweepError:  # not there yet, or told already
        return
    for name in there if studies is None else [name for name in studies if name in there]:
        try:
            yield _files_of(store, name, repair)
        except InfosweepError as error:
            yield _of_error(f"study {name}", error)


def _files_of(store: str | Path, name: str, repair: bool) -> Check:
    from infosweep.store.damage import inspect
    from infosweep.store.repair import repair as set_aside

    held = open_store(store, create=False).study(name)
    title = f"study {name}"
    done = set_aside(held) if repair else None
    found = inspect(held) if done is None else done.before
    if not found.faults:
        size = format_bytes(found.size_bytes)
        return Check(title, "ok", f"{found.files} files, {size}, all as they were committed")
    counts = {kind: sum(f.kind == kind for f in found.faults) for kind in _KINDS}
    told = ", ".join(f"{count} {kind}" for kind, count in counts.items() if count)
    if done is None or done.folder is None:
        mend = held.objects.repair_hint(name)
        return Check(title, "failed", f"{told} of {found.files} files", mend, _STORE, found.faults)
    text = f"{told}: set aside in {held.objects.locate(done.folder)}"
    mend = None
    if done.packs:
        lost = f" ({done.n_trials} trials)" if done.n_trials else ""
        mend = f"run the study again: it makes {len(done.packs)} packs{lost} anew"
    return Check(title, "warning", text, mend, faults=found.faults)


_KINDS = ("damaged", "missing", "foreign")


def _space(store: str | Path, plan: Plan | None) -> Iterator[Check]:
    from infosweep.store.probe import free_bytes

    try:
        free = free_bytes(store)
    except InfosweepError:  # told already
        return
    if free is None:
        yield Check("disk", "ok", "a bucket has no limit that could be asked for")
        return
    need = _LEAST_FREE if plan is None else plan.estimate.store_bytes
    found = f"{format_bytes(free)} free"
    if plan is not None:
        found += f", the plan of {plan.study.name} needs about {format_bytes(need)}"
    if free < need:
        mend = "free some space, or choose another place with --store"
        yield _failed("disk", found, mend, _STORE)
        return
    yield Check("disk", "ok", found)


def _memory(plan: Plan) -> Check:
    need, free = plan.estimate.memory_bytes, _available_memory()
    found = f"the plan of {plan.study.name} needs about {format_bytes(need)}"
    if free is None:
        return Check("memory", "ok", found)
    found = f"{format_bytes(free)} free, {found}"
    if free < need:
        return Check("memory", "warning", found, "run with fewer --workers, or end other programs")
    return Check("memory", "ok", found)


def _available_memory() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    found = [line.split()[1] for line in lines if line.startswith("MemAvailable:")]
    return int(found[0]) * 1024 if found else None
