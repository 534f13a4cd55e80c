"""The mutation check, on every fortieth mutant; all of them: `python tests/information/mutants.py`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_changed_signs_and_constants_are_noticed():
    script = Path(__file__).with_name("mutants.py")
    done = subprocess.run(
        [sys.executable, script, "--every", "40"],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 not noticed" in done.stdout
    assert int(done.stdout.split(" of ")[0].split()[-1]) >= 10
