"""Distributed sweeps over batch size, data size, depth and label noise of learning networks.

`import infosweep` is cheap: every public name loads its module when it is first used, so torch, ray, pandas
and matplotlib load only where they are needed.

>>> import infosweep
>>> study = infosweep.Study(name="tiny", task={"kind": "binary12"}, axes={"depth": [1, 2]}, seeds=4)
>>> len(study.plan().trials)
8
"""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from infosweep.api import Results as Results
    from infosweep.api import Study as Study
    from infosweep.api import open as open
    from infosweep.api import sql as sql
    from infosweep.data import load_task as load_task
    from infosweep.errors import ClusterError as ClusterError
    from infosweep.errors import InfosweepError as InfosweepError
    from infosweep.errors import LimitError as LimitError
    from infosweep.errors import LockedError as LockedError
    from infosweep.errors import NotFoundError as NotFoundError
    from infosweep.errors import QueryError as QueryError
    from infosweep.errors import StoreError as StoreError
    from infosweep.errors import StudyError as StudyError
    from infosweep.errors import UsageError as UsageError
    from infosweep.information import information_plane as information_plane
    from infosweep.information import mutual_information as mutual_information

__version__ = "0.1.0"

# Public name -> module that holds it.
_PUBLIC = {
    "Study": "infosweep.api",
    "Results": "infosweep.api",
    "open": "infosweep.api",
    "sql": "infosweep.api",
    "load_task": "infosweep.data",
    "information_plane": "infosweep.information",
    "mutual_information": "infosweep.information",
    "InfosweepError": "infosweep.errors",
    "UsageError": "infosweep.errors",
    "StudyError": "infosweep.errors",
    "QueryError": "infosweep.errors",
    "NotFoundError": "infosweep.errors",
    "ClusterError": "infosweep.errors",
    "LimitError": "infosweep.errors",
    "StoreError": "infosweep.errors",
    "LockedError": "infosweep.errors",
}

__all__ = ["__version__", *_PUBLIC]  # noqa: PLE0604 # pyright: ignore[reportUnsupportedDunderAll]


def _give_caches_a_folder() -> None:
    """Let numba and matplotlib keep what they make where neither the package nor home can be written.

    For the time of this process: numba would raise on the first import of a kernel, matplotlib would complain.
    """
    home = Path("~").expanduser()
    places = (Path(__file__).parent, home / ".cache", home)
    if "NUMBA_CACHE_DIR" in os.environ or any(os.access(place, os.W_OK) for place in places):
        return
    import atexit
    import shutil
    import tempfile

    folder = tempfile.mkdtemp(prefix="infosweep-kernels-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ["NUMBA_CACHE_DIR"] = folder  # Ray's workers inherit it
    os.environ.setdefault("MPLCONFIGDIR", folder)


_give_caches_a_folder()


def __getattr__(name: str) -> object:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'infosweep' has no attribute {name!r}")
    value = getattr(import_module(_PUBLIC[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
