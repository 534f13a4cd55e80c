"""What a verb loads before it works: a wrong study must be told, and help shown, without heavy libraries."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {"ray", "torch", "numba", "pandas", "matplotlib", "numpy", "pyarrow", "duckdb", "scipy"}
STUDY = str(Path(__file__).parents[2] / "sweeps" / "quickstart.yaml")

PROBE = """
import json, sys
from infosweep.cli import main
try:
    main(json.loads(sys.argv[1]))
finally:
    print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})), file=sys.stderr)
"""


def loaded_by(*args: str, cwd: Path) -> tuple[int, set[str]]:
    """Exit code of a command, and the top-level packages that it has loaded at its end."""
    ended = subprocess.run(
        [sys.executable, "-c", PROBE, json.dumps(args)],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )
    return ended.returncode, set(json.loads(ended.stderr.splitlines()[-1]))


@pytest.mark.parametrize(
    "args", [["--help"], ["--version"], ["run", "--help"], ["plan", STUDY], ["schema"]]
)
def test_light_commands_load_nothing_heavy(args, tmp_path):
    code, loaded = loaded_by(*args, cwd=tmp_path)
    assert code == 0
    assert loaded & HEAVY == set()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("verb", ["plan", "run"])
def test_a_wrong_study_is_told_before_anything_heavy_is_loaded_and_nothing_is_written(
    verb, tmp_path
):
    study = tmp_path / "study.yaml"
    study.write_text("infosweep: 1\nname: x\ntask: {kind: binary12}\naxes: {}\nestimatos: 3\n")
    code, loaded = loaded_by(verb, str(study), cwd=tmp_path)
    assert code == 2
    assert loaded & HEAVY == set()
    assert [path.name for path in tmp_path.iterdir()] == ["study.yaml"]


def test_importing_infosweep_loads_nothing_heavy():
    script = "import json, sys, infosweep; dir(infosweep); print(json.dumps(sorted(sys.modules)))"
    loaded = json.loads(subprocess.check_output([sys.executable, "-c", script]))
    assert {name.partition(".")[0] for name in loaded} & (
        HEAVY | {"pydantic", "click", "yaml"}
    ) == set()
