"""What results were made with: versions, git commit, Python, hardware. Kept per run and in every footer."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from infosweep.tables import SCHEMA_VERSION

# Packages whose version can change a number or a file.
_PACKAGES = (
    "infosweep",
    "numpy",
    "numba",
    "llvmlite",
    "scipy",
    "scikit-learn",
    "torch",
    "ray",
    "pyarrow",
    "pandas",
    "duckdb",
    "obstore",
)


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _git_commit() -> str | None:
    """Return the commit of the checkout that the package runs from, `+` where files differ from it."""
    folder = Path(__file__).resolve().parents[2]
    if not (folder / ".git").exists():
        return None

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(folder), *arguments]
        return subprocess.run(
            command, capture_output=True, text=True, check=True, timeout=10
        ).stdout.strip()

    try:
        changed = git("status", "--porcelain", "--untracked-files=no", "--", "infosweep")
        return git("rev-parse", "HEAD") + ("+" if changed else "")
    except (OSError, subprocess.SubprocessError):
        return None


def _first_field(path: str, name: str) -> str | None:
    try:
        with Path(path).open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                key, _, value = line.partition(":")
                if key.strip() == name:
                    return value.strip()
    except OSError:
        pass
    return None


def usable_cores() -> int:
    """Return the number of cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _hardware() -> dict[str, Any]:
    memory = _first_field("/proc/meminfo", "MemTotal")
    gpus = sorted(Path("/proc/driver/nvidia/gpus").glob("*/information"))
    return {
        "cpu": _first_field("/proc/cpuinfo", "model name") or platform.processor() or None,
        "machine": platform.machine(),
        "cores": usable_cores(),
        "memory_bytes": int(memory.split()[0]) * 1024 if memory else None,
        "gpus": [_first_field(str(gpu), "Model") for gpu in gpus],
    }


@lru_cache(maxsize=1)
def collect() -> dict[str, Any]:
    """Return what this process runs with, as plain JSON data; measured once a process."""
    return {
        "schema_version": SCHEMA_VERSION,
        "versions": {name: _version(name) for name in _PACKAGES},
        "git_commit": _git_commit(),
        "python": sys.version.split()[0],
        "platform": platform.platform(),
        "host": platform.node(),
        "hardware": _hardware(),
    }
