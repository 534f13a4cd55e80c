"""What the shell offers after Tab: asked as click's scripts for bash, zsh and fish ask."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from infosweep.cli import VERBS
from infosweep.figures import FIGURES

HEAVY = {"ray", "torch", "numba", "pandas", "matplotlib", "numpy", "pyarrow", "duckdb", "scipy"}
PROBE = """
import json, sys
from infosweep.cli import main
try:
    main()
finally:
    print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})), file=sys.stderr)
"""


@pytest.fixture
def tab(tmp_path):
    """Give what follows `infosweep` on the line, get what is offered; nothing heavy may be loaded."""
    for name in ("quickstart", "quick-look", "depth"):
        meta = tmp_path / "results" / name / "_meta"
        meta.mkdir(parents=True)
        (meta / "study.yaml").write_text(f"name: {name}\n")

    def offered(*words: str, shell: str = "bash") -> list[str]:
        line = ["infosweep", *words]
        asked = {"_INFOSWEEP_COMPLETE": f"{shell}_complete", "COMP_WORDS": " ".join(line)}
        asked["COMP_CWORD"] = words[-1] if shell == "fish" else str(len(words))
        told = subprocess.run(
            [sys.executable, "-c", PROBE],
            cwd=tmp_path,
            env={**os.environ, **asked},
            capture_output=True,
            text=True,
            check=True,
        )
        assert set(json.loads(told.stderr.splitlines()[-1])) & HEAVY == set()
        return told.stdout.splitlines() if told.stdout.strip() else []

    return offered


def test_verbs(tab):
    assert tab("") == [f"plain,{verb}" for verb in VERBS]
    assert tab("pl") == ["plain,plan", "plain,plot"]
    assert set(tab("", shell="zsh")[1::3]) == set(VERBS)
    assert tab("doc", shell="fish")[0].startswith("plain,doctor")


def test_options(tab):
    assert tab("run", "--e") == ["plain,--executor"]
    assert tab("run", "--executor", "") == ["plain,ray", "plain,inline"]
    assert tab("query", "-o", "pa") == ["plain,parquet"]


@pytest.mark.parametrize("verb", ["status", "findings", "plot", "clean", "logs"])
def test_studies_of_the_store(tab, verb):
    assert tab(verb, "qu") == ["plain,quick-look", "plain,quickstart"]


def test_studies_of_another_store_and_of_none(tab, tmp_path):
    (tmp_path / "results").rename(tmp_path / "other")
    assert tab("status", "") == []
    assert tab("status", "--store", "other", "d") == ["plain,depth"]
    assert tab("query", "--store", "other", "--study", "d") == ["plain,depth"]
    assert tab("status", "--store", "s3://bucket/results", "") == []


def test_figures_that_the_line_lacks(tab):
    assert tab("plot", "depth", "") == [f"plain,{name}" for name in FIGURES]
    assert tab("plot", "depth", "curves", "c") == []


def test_files_and_folders_are_left_to_the_shell(tab):
    assert tab("plan", "sweeps/d") == ["file,sweeps/d"]
    assert tab("run", "--store", "re") == ["dir,re"]
    assert tab("doctor", "dep") == ["plain,depth", "file,dep"]


def test_bash_completes_by_the_script_of_the_readme(tmp_path):
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    for shell in ("bash", "zsh", "fish"):
        assert f"_INFOSWEEP_COMPLETE={shell}_source infosweep" in readme
    command = tmp_path / "infosweep"
    command.write_text(f"#!{sys.executable}\nfrom infosweep.cli import main\nmain()\n")
    command.chmod(0o700)
    script = """
    eval "$(_INFOSWEEP_COMPLETE=bash_source infosweep)"
    COMP_WORDS=(infosweep sta) COMP_CWORD=1
    _infosweep_completion infosweep
    echo "${COMPREPLY[@]}"
    """
    told = subprocess.run(
        ["bash", "-c", script],
        cwd=tmp_path,
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout == "status\n"


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_get_a_script(shell, tmp_path):
    told = subprocess.run(
        [sys.executable, "-c", "from infosweep.cli import main; main()"],
        cwd=tmp_path,
        env={**os.environ, "_INFOSWEEP_COMPLETE": f"{shell}_source"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"_INFOSWEEP_COMPLETE={shell}_complete" in told.stdout
    assert "_infosweep_completion" in told.stdout
