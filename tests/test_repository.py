"""What the repository promises about itself: studies, README, what may be tracked."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from infosweep.cli import VERBS
from infosweep.cli import infosweep as group
from infosweep.cli.options import Verb
from infosweep.plan import make_plan
from infosweep.study import load_study

ROOT = Path(__file__).parents[1]
STUDIES = sorted((ROOT / "sweeps").glob("*.yaml"))


def tracked() -> list[str]:
    """Files under version control."""
    listed = subprocess.run(
        ["git", "-c", "safe.directory=*", "ls-files", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def header(path: Path) -> str:
    lines = path.read_text(encoding="utf-8").splitlines()
    return "\n".join(line for line in lines if line.startswith("#"))


def expected_seconds(path: Path) -> float:
    found = re.search(r"^# Expected time: (\d+) (s|min) on two cores$", header(path), re.MULTILINE)
    assert found, f"{path.name} states no expected time"
    return int(found[1]) * {"s": 1.0, "min": 60.0}[found[2]]


def test_all_studies_that_the_design_names_are_shipped():
    names = {path.stem for path in STUDIES}
    assert names >= {
        "quickstart", "information_plane", "data_size", "batch_size", "depth", "label_noise",
    }  # fmt: skip
    for name in names:
        assert not name.endswith("_full") or name.removesuffix("_full") in names


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_a_shipped_study_is_named_as_its_file_and_headed_by_its_question(path):
    assert load_study(path).name == path.stem.replace("_", "-")
    text = header(path)
    assert text.startswith("# yaml-language-server: $schema=study.schema.json\n")
    assert re.search(r"^# Question: \w", text, re.MULTILINE)
    assert re.search(r"^# Shows: \w", text, re.MULTILINE)


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_a_shipped_study_fits_its_printed_time(path):
    estimate = make_plan(load_study(path), workers=2).estimate
    least = 1.3 * estimate.training_seconds + estimate.start_seconds
    assert least <= expected_seconds(path) <= 1.5 * least + 45  # of which 20 s to compile, once


def test_the_quickstart_has_two_values_an_axis_a_control_and_enough_trials():
    plan = make_plan(load_study(ROOT / "sweeps" / "quickstart.yaml"), workers=2)
    axes = plan.study.axes
    for name in ("train_size", "batch_size", "depth", "label_noise"):
        assert len(axes[name]) >= 2
    assert 1.0 in axes["label_noise"]
    assert len(plan.trials) >= 100
    assert len(plan.study.seeds) >= 8
    assert expected_seconds(ROOT / "sweeps" / "quickstart.yaml") <= 90


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_has_help_an_example_and_a_place_in_the_readme(verb):
    command = group.get_command(group.make_context("infosweep", ["schema"]), verb)
    assert isinstance(command, Verb)
    assert command.help
    examples = command.example.splitlines()
    assert all(line.startswith(f"infosweep {verb}") for line in examples)
    for option in command.params:
        assert option.param_type_name == "argument" or getattr(option, "help", None), option
    assert f"`infosweep {verb}" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_readme_runs_what_ci_runs_and_names_every_study():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "pip install -q uv && uv run infosweep run sweeps/quickstart.yaml" in readme
    tests = "pip install -q uv && uv run pytest"
    assert tests in readme
    assert tests in (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    for path in STUDIES:
        assert f"(sweeps/{path.name})" in readme


def test_links_of_the_readme_lead_somewhere():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)]+)\)", readme) if "://" not in link]
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_contributing_names_files_that_exist():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    paths = {path for path in re.findall(r"`([a-z_]+/[a-z_]+\.py)`", text) if "kde" not in path}
    assert len(paths) > 5
    assert [path for path in sorted(paths) if not (ROOT / "infosweep" / path).exists()] == []


def test_no_generated_or_machine_specific_file_is_tracked():
    kinds = r"\.lock$|package-lock\.json$|\.(parquet|duckdb|npz|pkl|so|whl|pyc|nbi|nbc|log)$"
    assert [name for name in tracked() if re.search(kinds, name)] == []


def test_no_path_of_a_machine_and_no_registry_stands_in_a_tracked_file():
    parts = [
        "/ho" + "me/",
        "/ro" + "ot/",
        "/Us" + "ers/",
        "/wo" + "rk/",
        "index" + "-url",
        "pypi." + "org/simple",
    ]
    pattern = re.compile("|".join(re.escape(part) for part in parts))
    found = []
    for name in tracked():
        if name.endswith(".png"):
            continue
        text = (ROOT / name).read_text(encoding="utf-8")
        found += [f"{name}: {match[0]}" for match in pattern.finditer(text)]
    assert found == []
