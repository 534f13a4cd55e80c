"""`--set`: values laid over a study, and their faults."""

from __future__ import annotations

import pytest

STUDY = """\
name: tiny
task: {kind: binary12}
axes:
  depth: [1, 2]
estimators: [{kind: bins}, {kind: bins, bins: 60}]
"""


def test_values_are_laid_over_the_study(load):
    study = load(
        STUDY, "axes.depth=[1,3]", "seeds=4", "training.learning_rate=1e-2", "estimators.1.bins=90",
        "axes.training.weight_decay=[0, 1e-4]", "record={checkpoints: 5}", "where=[depth == 3]", "name = other",
    )  # fmt: skip
    assert study.axes["depth"] == (1, 3)
    assert study.axes["training.weight_decay"] == (0.0, 0.0001)
    assert study.seeds == (0, 1, 2, 3)
    assert study.training.learning_rate == 0.01
    assert [estimator.bins for estimator in study.estimators] == [30, 90]
    assert study.record.checkpoints == 5
    assert study.where == ("depth == 3",)
    assert study.name == "other"


def test_a_length_takes_the_place_of_the_other(load):
    in_epochs = STUDY + "training: {epochs: 9}\n"
    assert load(in_epochs, "training.steps=50").training.steps == 50
    assert load(STUDY + "training: {steps: 9}\n", "training.epochs=50").training.n_epochs == 50
    swept = STUDY.replace("  depth", "  training.epochs: [5, 6]\n  depth")
    assert load(swept, "axes.training.steps=[70, 80]").axes["training.steps"] == (70, 80)


def test_both_lengths_are_still_refused(faults):
    assert len(faults(STUDY, "training={epochs: 9, steps: 50}")) == 1


def test_the_last_of_two_counts(load):
    assert load(STUDY, "seeds=4", "seeds=5").seeds == tuple(range(5))


def test_a_range_is_set_as_an_axis(load):
    assert load(STUDY, "axes.depth.range=[1, 3]").axes["depth"] == (1, 2, 3)
    assert load(STUDY, "axes.depth={range: [2, 3]}").axes["depth"] == (2, 3)


def test_a_file_can_be_set_whole(load):
    study = load("# nothing yet\n", "name=tiny", "task.kind=digits", "axes.depth=[1]")
    assert (study.name, study.task.kind) == ("tiny", "digits")


def test_a_fault_of_the_file_is_mended_by_a_set(load):
    assert load(STUDY + "seeds: many\n", "seeds=2").seeds == (0, 1)


@pytest.mark.parametrize(
    ("override", "column", "marked", "message"),
    [
        ("axes.depth=[1,x]", 15, "x", "axis depth must be a whole number"),
        ("axes.depth=[1,2", 12, "[1,2", "'[' is not closed"),
        ("axes.dept=[1]", 6, "dept", "unknown axis 'dept'; did you mean 'depth'?"),
        ("seed=4", 1, "seed", "unknown key 'seed'; did you mean 'seeds'?"),
        ("training.epoch=4", 10, "epoch", "did you mean 'epochs'?"),
        ("training.epochs=010", 17, "010", "octal"),
        ("seeds", 1, "seeds", "this names no setting"),
        ("=4", 1, "=4", "this names no setting"),
        ("se eds=4", 1, "se eds=4", "this names no setting"),
        ("seeds=", 7, "", "seeds is given no value"),
        ("name.first=4", 6, "f", "name holds the text 'tiny', which has no field 'first'"),
        ("estimators.5.bins=4", 12, "5", "there is no entry '5'; the list has 2, counted from 0"),
        ("where=[dept == 1]", 8, "dept", "'dept' is no column"),
        ("seeds=no", 7, "no", "many readers of YAML take for false"),
    ],
)
def test_a_fault_is_placed_in_the_option(faults, override, column, marked, message):
    (fault,) = faults(STUDY, override)
    assert message in fault.message
    assert (fault.source, fault.line) == (f"--set {override}", 1)
    assert (fault.column, fault.marked) == (column, marked)


def test_faults_of_file_and_options_are_told_together(faults):
    found = faults(STUDY + "seeds: x\n", "retries=x", "training.epochs=x")
    assert [fault.source for fault in found] == [
        "study.yaml", "--set retries=x", "--set training.epochs=x",
    ]  # fmt: skip
