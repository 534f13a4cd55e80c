"""Ray on this machine for the time of a run, or a connection to a cluster that is there.

What is set and why, as measured on Ray 2.60 with two cores: `ray.init` must run on the main thread (Ray's
processes die with the thread that started them); `_node_ip_address` and usage statistics off save 4 s of 14;
under `uv run` Ray would ship the working folder and build an environment a job.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

from infosweep.errors import ClusterError
from infosweep.store.provenance import usable_cores

OBJECT_STORE_BYTES = 100 * 2**20  # packs and reports are small
# A socket's path may have 107 bytes, of which Ray adds up to 70 to its folder's.
_LONGEST_FOLDER = 36

# To be set before Ray is imported.
_ENVIRONMENT = {
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",  # a relative INFOSWEEP_DATA keeps its meaning
    "RAY_AIR_NEW_OUTPUT": "0",  # the new one prints boxes on stdout even at verbose=0
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # it would end a run with half of its work undone: ours drains
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_GLOBAL_CHECKPOINT_S": "86400",  # snapshots of the experiment, which nobody reads
    "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",
}


def prepare() -> None:
    """Set what Ray reads when it is imported, and keep its talk off the terminal; its log files have it."""
    os.environ.update(_ENVIRONMENT)
    for name in ("ray", "ray.tune", "ray.train", "ray.data", "ray.air"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


@contextlib.contextmanager
def ray_running(address: str | None = None, workers: int | None = None) -> Iterator[None]:
    """Connect to the cluster at `address`, or start Ray here with `workers` cores; leave it at the end.

    A Ray that the caller has started already is used, and left running.

    Raises:
        ClusterError: Ray does not start or answer.
    """
    prepare()
    import ray

    if ray.is_initialized():
        yield
        return
    with contextlib.ExitStack() as stack:
        _keep_token_private()
        try:
            with _signals_kept():
                if address is None:
                    ray.init(
                        address="local",
                        num_cpus=workers or usable_cores(),
                        include_dashboard=False,
                        object_store_memory=OBJECT_STORE_BYTES,
                        log_to_driver=False,
                        logging_level=logging.CRITICAL,
                        _node_ip_address="127.0.0.1",
                        _temp_dir=_session_folder(stack),
                    )
                else:
                    _knock(address)
                    ray.init(address=address, log_to_driver=False, logging_level=logging.CRITICAL)
        except (Exception, SystemExit) as error:  # Ray raises whatever its parts do
            raise _not_started(address, error) from error
        stack.callback(ray.shutdown)
        _keep_token_private()
        yield


@contextlib.contextmanager
def _signals_kept() -> Iterator[None]:
    """Keep our handlers, and let processes start that a closed terminal does not end: draining needs them.

    Ray's own handler of SIGTERM ends the driver on the spot. Its processes inherit the mask; a SIGHUP that
    comes meanwhile reaches us at the end.
    """
    terminate = signal.getsignal(signal.SIGTERM)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread() and terminate is not None:
            signal.signal(signal.SIGTERM, terminate)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def ray_has_ended() -> ClusterError | None:
    """Return an error where a part of the Ray that was started here is dead."""
    from ray._private import worker

    node = getattr(worker, "_global_node", None)
    dead = [] if node is None else [str(kind) for kind, _ in node.dead_processes()]
    vital = [kind for kind in dead if kind in ("raylet", "gcs_server")]
    if not vital:
        return None
    return ClusterError(
        f"Ray ended in mid-run: its process '{vital[0]}' is gone",
        "run again; should it happen often, look for `Out of memory` in `dmesg`, "
        "or run with `--executor inline`",
    )


def _knock(address: str) -> None:
    """Raise OSError where nobody listens at `host:port`: Ray itself would try for minutes."""
    found = re.fullmatch(r"(?:ray://)?(.+):(\d+)", address)
    if found:
        with socket.create_connection((found[1], int(found[2])), timeout=10):
            return


def _not_started(address: str | None, error: BaseException) -> ClusterError:
    reason = error.strerror if isinstance(error, OSError) else None
    reason = reason or (str(error).strip() or repr(error)).splitlines()[0]
    if address is None:
        return ClusterError(
            f"Ray does not start on this machine: {reason}",
            "run with `--executor inline`, which does without Ray; the rows are the same",
        )
    return ClusterError(
        f"the Ray cluster at {address} does not answer: {reason}",
        f"check it with `ray status --address {address}`, and that RAY_AUTH_MODE and its token are set",
    )


def _session_folder(stack: contextlib.ExitStack) -> str | None:
    """Make a folder for Ray's sockets and logs that goes when Ray has ended; None for Ray's default.

    By default Ray keeps the logs of every session for ever, in /tmp/ray.
    """
    folder = tempfile.mkdtemp(prefix="infosweep-")
    if len(folder) > _LONGEST_FOLDER:
        Path(folder).rmdir()
        return None
    stack.callback(_remove, folder)
    return folder


def _remove(folder: str) -> None:
    """Remove a folder of thousands of files without waiting for it."""
    subprocess.run(["sh", "-c", 'rm -rf -- "$0" &', folder], check=False)


def token_path() -> Path:
    """Return where the token of Ray's authentication is."""
    return Path(os.environ.get("RAY_AUTH_TOKEN_PATH") or Path.home() / ".ray" / "auth_token")


def _keep_token_private() -> None:
    """Keep the token of Ray's authentication to its owner: Ray writes it with mode 0644."""
    path = token_path()
    with contextlib.suppress(OSError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if path.exists():
            path.chmod(0o600)


@contextlib.contextmanager
def shared_bytecode() -> Iterator[None]:
    """Where Python is told to write no bytecode, let Ray's processes share some for the time of the run.

    Each of ten processes would compile the same thousand modules: `import ray.tune` takes 5.5 s of CPU from
    source and 1.9 s from bytecode.
    """
    if not sys.dont_write_bytecode:
        yield
        return
    names = ("PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX")
    before = {name: os.environ.pop(name, None) for name in names}
    prefix_before = sys.pycache_prefix
    folder = tempfile.mkdtemp(prefix="infosweep-bytecode-")
    os.environ["PYTHONPYCACHEPREFIX"] = sys.pycache_prefix = folder
    sys.dont_write_bytecode = False
    try:
        yield
    finally:
        sys.dont_write_bytecode, sys.pycache_prefix = True, prefix_before
        os.environ.pop("PYTHONPYCACHEPREFIX", None)
        os.environ.update({name: value for name, value in before.items() if value is not None})
        _remove(folder)
