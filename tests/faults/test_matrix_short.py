"""The short form of the fault matrix; `python tests/faults/matrix.py --long` tries all faults."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_after_faults_a_second_run_completes_what_the_first_kept():
    script = Path(__file__).with_name("matrix.py")
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()[2:]
    assert len(lines) >= 3
    assert all(line.count(" equal |") == 1 for line in lines)
