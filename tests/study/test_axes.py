"""Axes: values, ranges, defaults, zip, columns, and the sections of a cell."""

from __future__ import annotations

import pytest

from infosweep.errors import LimitError, StudyError
from infosweep.study import axis_column, axis_columns, cell_sections, study_from_mapping
from infosweep.study.grid import combinations
from infosweep.study.settings import DigitsSettings, Mnist1dSettings


def study(axes, **more):
    return study_from_mapping({"name": "tiny", "task": {"kind": "binary12"}, "axes": axes, **more})


def test_axes_left_out_have_one_value():
    assert study({"depth": [1]}).axes == {
        "train_size": (0.85,), "batch_size": (256,), "depth": (1,), "label_noise": (0.0,),
    }  # fmt: skip
    other = study({"depth": [1]}, task={"kind": "mnist1d"}, model={"hidden": [4, 3]})
    assert other.axes["train_size"] == (1.0,)
    assert study({"label_noise": [0, 1]}, model={"hidden": [4, 3]}).axes["depth"] == (2,)
    assert study({"depth": [1]}, task={"kind": "digits", "holdout": 0.3}).axes["train_size"] == (
        0.7,
    )


def test_values_have_one_form():
    axes = study(
        {"train_size": [100, 0.5], "batch_size": [1e2, "full"], "label_noise": [0, 1]}
    ).axes
    assert axes["train_size"] == (100, 0.5)
    assert axes["batch_size"] == (100, "full")
    assert [type(value) for value in axes["batch_size"]] == [int, str]
    assert axes["label_noise"] == (0.0, 1.0)
    assert all(type(value) is float for value in axes["label_noise"])
    assert study({"train_size": [1]}, task={"kind": "mnist1d"}).axes["train_size"] == (1.0,)


def test_a_range_holds_both_ends():
    assert study({"depth": {"range": [2, 4]}}).axes["depth"] == (2, 3, 4)
    assert study({"depth": {"range": [2, 2]}}).axes["depth"] == (2,)
    assert study({"train_size": {"range": [2, 4]}}).axes["train_size"] == (2, 3, 4)
    assert study({"label_noise": {"range": [0, 1]}}).axes["label_noise"] == (0.0, 1.0)


def test_further_axes_follow_the_four_in_the_order_of_the_file():
    axes = study(
        {"training.optimizer": ["sgd"], "depth": [1], "model.activation": ["relu", "tanh"]}
    ).axes
    assert list(axes) == [
        "train_size", "batch_size", "depth", "label_noise", "training.optimizer", "model.activation",
    ]  # fmt: skip


def test_findings_left_out_are_those_that_the_axes_allow():
    assert study({"depth": [1]}).findings == ()
    assert study({"depth": [1, 2], "batch_size": [1, "full"]}).findings == (
        "depth_benefit",
        "batch_information",
    )
    four = {"train_size": [0.1, 0.2], "batch_size": [1, 2], "depth": [1, 2], "label_noise": [0, 1]}
    assert study(four).findings == (
        "overcompression",
        "depth_benefit",
        "batch_information",
        "label_noise_effect",
    )
    assert study({"depth": [1]}, findings=["overcompression"]).findings == ("overcompression",)
    assert study(four, findings=[]).findings == ()


def test_seeds_are_a_count_or_a_list():
    assert study({"depth": [1]}).seeds == tuple(range(8))
    assert study({"depth": [1]}, seeds=2).seeds == (0, 1)
    assert study({"depth": [1]}, seeds=[7, 3]).seeds == (7, 3)
    assert study({"depth": [1]}, seeds=range(3)).seeds == (0, 1, 2)
    assert study({"depth": [1]}, seeds=[2**63 - 1]).seeds == (2**63 - 1,)


def test_zip_lets_values_repeat_but_not_tuples():
    joined = study(
        {"train_size": [0.1, 0.2, 0.2], "batch_size": [64, 64, 128]},
        zip=[["train_size", "batch_size"]],
    )
    assert joined.zip == (("train_size", "batch_size"),)
    with pytest.raises(
        StudyError,
        match=r"zip of train_size, batch_size repeats \(0.2, 64\); it is already entry 2",
    ):
        study(
            {"train_size": [0.1, 0.2, 0.2], "batch_size": [64, 64, 64]},
            zip=[["train_size", "batch_size"]],
        )
    with pytest.raises(StudyError, match="equally many values: train_size has 2, batch_size has 3"):
        study(
            {"train_size": [0.1, 0.2], "batch_size": [1, 2, 3]}, zip=[["train_size", "batch_size"]]
        )


def test_a_zip_keeps_what_can_not_be_apart():
    axes = {"depth": [5, 7], "model.widths": ["prefix", "constant"]}
    assert study(axes, zip=[["depth", "model.widths"]]).axes["depth"] == (5, 7)
    with pytest.raises(StudyError, match="depth 7 needs 7 hidden widths"):
        study(axes)


@pytest.mark.parametrize(
    ("names", "columns"),
    [
        (["depth", "training.learning_rate"], ["depth", "learning_rate"]),
        (["task.kind"], ["kind"]),
        (["task.kind", "model.kind"], ["task_kind", "model_kind"]),
        (["training.steps", "training.epochs"], ["training_steps", "epochs"]),
        (["training.engine"], ["training_engine"]),
    ],
)
def test_an_axis_has_the_column_of_its_last_word_unless_that_is_taken(names, columns):
    assert axis_columns(names) == dict(zip(names, columns, strict=True))


def test_axis_column_is_of_the_studys_axes():
    one = study({"training.learning_rate": [0.1, 0.2]})
    assert axis_column(one, "training.learning_rate") == "learning_rate"
    assert axis_column(one, "depth") == "depth"


def test_a_cell_has_the_sections_with_its_values():
    one = study(
        {"training.learning_rate": [0.1, 0.2], "model.activation": ["relu"], "task.holdout": [0.2]}
    )
    task, model, training = cell_sections(
        one,
        {
            "depth": 1,
            "training.learning_rate": 0.2,
            "model.activation": "relu",
            "task.holdout": 0.2,
        },
    )
    assert (task.holdout, model.activation, training.learning_rate) == (0.2, "relu", 0.2)
    assert cell_sections(one, {"depth": 1}) == (one.task, one.model, one.training)


def test_a_cell_may_be_of_another_task():
    one = study(
        {"task.kind": ["digits", "mnist1d"], "train_size": [0.5]},
        task={"kind": "digits", "holdout": 0.3},
    )
    assert cell_sections(one, {"task.kind": "mnist1d"})[0] == Mnist1dSettings()
    assert cell_sections(one, {"task.kind": "digits"})[0] == DigitsSettings(holdout=0.3)


def test_momentum_of_the_section_is_for_the_optimisers_that_have_one():
    one = study(
        {"training.optimizer": ["momentum", "adam"]},
        training={"optimizer": "momentum", "momentum": 0.8},
    )
    assert cell_sections(one, {"training.optimizer": "momentum"})[2].momentum == 0.8
    assert cell_sections(one, {"training.optimizer": "adam"})[2].momentum == 0.0


def test_epochs_and_steps_take_each_others_place():
    one = study({"training.steps": [10, 20]}, training={"epochs": 7})
    training = cell_sections(one, {"training.steps": 10})[2]
    assert (training.steps, training.n_epochs) == (10, None)
    one = study({"training.epochs": [10, 20]}, training={"steps": 7})
    assert cell_sections(one, {"training.epochs": 10})[2].n_epochs == 10
    with pytest.raises(StudyError, match="both epochs and steps"):
        study({"training.epochs": [10], "training.steps": [10]})


@pytest.mark.parametrize(
    ("axes", "more", "message"),
    [
        (
            {"training.epochs": {"range": [1, 10**9]}},
            {},
            "training.epochs has 1,000,000,000 values",
        ),
        (
            {"depth": [1]},
            {"seeds": 10**9},
            "1,000,000,000 seeds; at most 5,000 are allowed",
        ),
    ],
)
def test_what_is_too_large_to_build_is_over_the_limit(axes, more, message):
    with pytest.raises(LimitError, match=message) as caught:
        study(axes, **more)
    assert caught.value.exit_code == 5


def test_a_grid_of_a_billion_cells_is_checked_at_once():
    wide = {"range": [1, 1000]}
    axes = {
        "batch_size": wide,
        "training.epochs": wide,
        "train_size": {"range": [2, 1001]},
        "depth": [1, 2],
    }
    assert study(axes, where=["depth == 1"]).where == ("depth == 1",)
    with pytest.raises(StudyError, match="where keeps no cell"):
        study(axes, where=["depth == 3"])


def test_combinations_are_of_the_axes_asked_for():
    axes = {"a": (1, 2), "b": (1, 1, 2), "c": (5, 6, 6)}
    assert list(combinations(axes, [], ["a"]) or ()) == [{"a": 1}, {"a": 2}]
    assert list(combinations(axes, [("b", "c")], ["b"]) or ()) == [{"b": 1}, {"b": 2}]
    assert list(combinations(axes, [("b", "c")], ["b", "c"]) or ()) == [
        {"b": 1, "c": 5}, {"b": 1, "c": 6}, {"b": 2, "c": 6},
    ]  # fmt: skip
    assert list(combinations(axes, [], []) or ()) == [{}]
    assert combinations({"a": range(10**4), "b": range(10**4)}, [], ["a", "b"]) is None
