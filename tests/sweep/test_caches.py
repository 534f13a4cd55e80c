"""Where neither the package nor home can be written, kernels are compiled into a folder of the process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

CODE = """
import os
os.access = lambda *_: False  # as it is on a read-only file system
import infosweep, pathlib
folder = pathlib.Path(os.environ["NUMBA_CACHE_DIR"])
assert folder.is_dir() and folder.stat().st_mode & 0o777 == 0o700
print(folder)
"""


def test_without_a_writable_place_kernels_go_to_a_folder_that_is_removed():
    kept = {k: v for k, v in os.environ.items() if k not in ("NUMBA_CACHE_DIR", "MPLCONFIGDIR")}
    done = subprocess.run(
        [sys.executable, "-c", CODE], env=kept, capture_output=True, text=True, check=True
    )
    assert not Path(done.stdout.strip()).exists()
