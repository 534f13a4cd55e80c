"""The examples of sweeps/own_task, run; and what becomes of their results without the user's files."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

import pytest

import infosweep
from infosweep.cli import main
from infosweep.errors import StudyError, UsageError
from infosweep.tables import RUN_COLUMNS

EXAMPLE = Path(__file__).parents[2] / "sweeps" / "own_task"
SMALL = ["training.epochs=3", "seeds=2", "record.checkpoints=3", "record.probe=200"]


@pytest.fixture
def example(tmp_path, monkeypatch):
    """A copy of the example, which may be spoilt."""
    monkeypatch.setattr(sys, "path", sys.path.copy())
    folder = tmp_path / "my study"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.chdir(tmp_path)
    yield folder
    for name in ("task", "network"):
        sys.modules.pop(name, None)


def load(folder, name, *overrides):
    return infosweep.Study.load(folder / f"{name}.yaml", [*SMALL, *overrides])


def rows(results, table):
    """A table without the columns of the run, in a fixed order."""
    frame = results.table(table)
    return frame.drop(columns=[name for name in frame.columns if name in RUN_COLUMNS])


def test_a_task_of_ones_own_runs_and_its_results_need_no_file_of_the_user(example, monkeypatch):
    study = load(example, "own_task")
    results = study.run("store", executor="inline", workers=2, progress=False)
    assert results.summary is not None
    assert (results.summary.run, results.summary.exit_code) == (16, 0)
    assert set(results.trials["n_train"]) == {100, 850}
    assert set(results.trials["engine"]) == {"fused"}
    assert study.run("store", executor="inline", progress=False).summary.run == 0  # type: ignore[union-attr]
    shutil.rmtree(example)
    monkeypatch.delitem(sys.modules, "task")
    opened = infosweep.open("store", "own-task")
    assert opened.study == study
    assert len(opened.information) == len(results.information)
    assert list(opened.verdicts()["finding"])
    with pytest.raises(UsageError, match="there is no module 'task' for task 'task:spirals'"):
        opened.study.replace(seeds=3).run("store", executor="inline", progress=False)


def test_a_network_of_ones_own_runs_and_its_rows_do_not_depend_on_packs(example):
    axes = "axes={train_size: [0.2], batch_size: [64], label_noise: [0.0, 1.0]}"
    found = []
    for pack in (1, 4):
        study = load(example, "own_network", axes, f"resources.pack={pack}")
        results = study.run(f"store{pack}", executor="inline", workers=2, progress=False)
        assert results.summary is not None
        assert (results.summary.run, results.summary.exit_code) == (4, 0)
        found.append(results)
    for table in ("trials", "curves", "information", "gradients"):
        assert rows(found[0], table).equals(rows(found[1], table))
    trials = found[0].trials
    assert trials["depth"].isna().all()
    assert trials["activation"].isna().all()
    assert set(trials["engine"]) == {"torch"}
    assert set(trials["n_parameters"]) == {3 * 16 + 17 * 16 + 17 * 2}
    names = found[0].information.groupby("layer")["layer_name"].unique().map(list).to_dict()
    assert names == {1: ["act1 Tanh"], 2: ["act2 Tanh"], 3: ["softmax"]}
    assert found[0].gradients["weight_norm"].gt(0).all()
    assert set(found[0].curves["split"]) >= {"train", "test", "train_corrupted"}


def test_other_arrays_are_other_trials(example):
    before = load(example, "own_task").plan("store")
    file = example / "task.py"
    file.write_text(file.read_text().replace("default_rng(0)", "default_rng(11)"))
    after = load(example, "own_task").plan("store")
    ids = [{trial.trial_id for trial in plan.trials} for plan in (before, after)]
    assert ids[0].isdisjoint(ids[1])


def test_a_task_that_changes_between_load_and_run_is_refused(example):
    study = load(example, "own_task")
    file = example / "task.py"
    file.write_text(file.read_text().replace("default_rng(0)", "default_rng(11)"))
    with pytest.raises(UsageError, match="gives other examples than when it was looked at"):
        study.run("store", executor="inline", progress=False)
    assert not Path("store").exists()


def test_a_replaced_study_keeps_or_looks_again_as_its_kind_says(example):
    study = load(example, "own_task")
    assert study.replace(seeds=3).settings.task == study.settings.task
    other = study.replace(task={"kind": "task:spirals_with_test"}, axes={"train_size": [1.0]})
    assert other.settings.task.n_own_test == 400


def test_a_fault_of_the_user_s_code_ends_run_and_plan_with_2_and_its_line(example, capsys):
    file = example / "task.py"
    file.write_text(
        file.read_text().replace("2 * np.pi * turn + np.pi * labels", "2 * np.pi * turn / zero")
    )
    (line,) = [i for i, text in enumerate(file.read_text().splitlines(), 1) if "/ zero" in text]
    told = (
        "error: task 'task:spirals' raised NameError: name 'zero' is not defined\n"
        "  --> my study/own_task.yaml:8:14\n"
        "    8 | task: {kind: task:spirals}\n"
        "      |              ^^^^^^^^^^^^\n"
        f"  mend: see my study/task.py:{line}, in spirals: angle = 2 * np.pi * turn / zero\n"
    )
    for verb in ("plan", "run"):
        with pytest.raises(SystemExit) as left:
            main([verb, "my study/own_task.yaml", "--store", "store"])
        out, err = capsys.readouterr()
        assert left.value.code == 2
        assert out == ""
        assert err == told
    assert not Path("store").exists()
    with pytest.raises(StudyError) as caught:
        main(["--debug", "plan", "my study/own_task.yaml"])
    assert isinstance(caught.value.__cause__, NameError)  # shown with its traceback


def test_a_network_that_fails_while_it_learns_is_a_failure_with_its_line(example):
    file = example / "network.py"
    check = "        if self.training and len(x) == 40:\n            raise ValueError('no 40')\n"
    text = file.read_text().replace("        x = self.act1", f"{check}        x = self.act1")
    file.write_text(text)
    study = load(example, "own_network", "axes={train_size: [0.04, 0.2]}")  # 40 and 200 examples
    results = study.run("store", executor="inline", progress=False)
    assert results.summary is not None
    assert (results.summary.run, results.summary.failed, results.summary.exit_code) == (2, 2, 1)
    (error,) = set(results.failures["error"])
    assert error.splitlines()[0] == "model 'network:shortcut' raised ValueError: no 40 in training"
    assert re.search(r"mend: see .*network.py:\d+, in forward: raise ValueError\('no 40'\)$", error)


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.usefixtures("ray_session")
def test_ray_s_workers_find_the_user_s_files(example):
    axes = "axes={train_size: [0.2]}"
    results = load(example, "own_network", axes).run("store", workers=1, progress=False)
    assert results.summary is not None
    assert (results.summary.run, results.summary.exit_code) == (2, 0)
    inline = load(example, "own_network", axes).run("inline", executor="inline", progress=False)
    assert rows(results, "information").equals(rows(inline, "information"))


@pytest.mark.parametrize("name", ["own_task", "own_network"])
def test_the_examples_are_headed_and_named_as_shipped_studies_are(name):
    text = (EXAMPLE / f"{name}.yaml").read_text()
    assert text.startswith("# yaml-language-server: $schema=../study.schema.json\n")
    assert re.search(r"^# Question: \w", text, re.MULTILINE)
    assert re.search(r"^# Expected time: \d+ s on two cores$", text, re.MULTILINE)
    assert infosweep.Study.load(EXAMPLE / f"{name}.yaml").name == name.replace("_", "-")
    assert f"({name}.yaml)" in (EXAMPLE / "README.md").read_text()
