"""Settings made in Python: checks, copies, plain data, widths, ids of estimators."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest

from infosweep.errors import StudyError
from infosweep.study.settings import (
    ESTIMATORS,
    MODELS,
    TASKS,
    Binary12Settings,
    BinsSettings,
    DigitsSettings,
    MlpSettings,
    RecordSettings,
    StudySettings,
    TrainingSettings,
    estimator_id,
    estimator_parameters,
    estimator_settings,
    n_parameters,
    task_settings,
)

SECTIONS = [
    *TASKS.values(),
    *MODELS.values(),
    *ESTIMATORS.values(),
    TrainingSettings,
    RecordSettings,
]


@pytest.mark.parametrize("cls", SECTIONS, ids=lambda cls: cls.__name__)
def test_a_section_is_frozen_and_comes_back_from_its_plain_data(cls):
    made = cls()
    with pytest.raises(AttributeError):
        made.kind = "other"
    assert made.model_dump(exclude_defaults=True) == {}
    data = {name: value for name, value in made.model_dump().items() if value is not None}
    assert cls.model_validate(json.loads(json.dumps(data))) == made
    assert pickle.loads(pickle.dumps(made)) == made
    assert hash(made) == hash(cls())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: MlpSettings(hidden=()), "hidden must hold at least 1 entry"),
        (lambda: MlpSettings(activation="rleu"), "did you mean 'relu'?"),  # pyright: ignore
        (lambda: TrainingSettings(learning_rate=0), "learning_rate must be a number > 0"),
        (
            lambda: TrainingSettings().model_copy(update={"epochs": 0}),
            "epochs must be a whole number",
        ),
        (lambda: BinsSettings(range=(1, -1)), "range must go from low to high"),
        (lambda: BinsSettings(bins="30"), "take the quotes away: 30"),  # pyright: ignore
        (lambda: RecordSettings(measures=("x",)), "measure 'x' is not available in this version"),
        (lambda: TrainingSettings.model_validate({"epoch": 3}), "did you mean 'epochs'?"),
        (
            lambda: task_settings({"kind": "cifar10"}),
            "task 'cifar10' is not available in this version",
        ),
        (lambda: task_settings({}), "task has no kind"),
        (
            lambda: task_settings({"kind": "digits", "holdout": 2}),
            "holdout must be a number > 0 and < 1, not 2",
        ),
        (lambda: estimator_settings({"kind": "bins", "binz": 3}), "did you mean 'bins'?"),
    ],
)
def test_a_wrong_value_in_python_is_refused_in_the_same_words(make, message):
    with pytest.raises(StudyError) as caught:
        make()
    assert message in str(caught.value)


def test_values_of_numpy_are_taken_as_plain_ones():
    made = BinsSettings(edges=np.linspace(-1, 1, 3))  # pyright: ignore
    assert made.edges == (-1.0, 0.0, 1.0)
    assert type(TrainingSettings(epochs=np.int64(3)).epochs) is int  # pyright: ignore
    assert type(TrainingSettings(learning_rate=np.float32(0.5)).learning_rate) is float  # pyright: ignore


def test_a_copy_changes_what_it_is_told():
    copied = TrainingSettings().model_copy(update={"epochs": 3})
    assert copied.epochs == 3
    assert copied.model_dump(exclude_defaults=True) == {"epochs": 3}
    assert TrainingSettings.model_fields["epochs"].default == 4000


def test_shapes_of_tasks():
    assert (Binary12Settings().n_test, Binary12Settings().n_available) == (615, 3481)
    assert (DigitsSettings().n_inputs, DigitsSettings().n_classes, DigitsSettings().n_all) == (
        64,
        10,
        1797,
    )
    mnist1d = task_settings({"kind": "mnist1d"})
    assert (mnist1d.n_all, mnist1d.n_test, mnist1d.n_available, mnist1d.default_train_size) == (
        5000,
        1000,
        4000,
        1.0,
    )


@pytest.mark.parametrize("depth", [1, 2, 3, 5, 9, 40])
@pytest.mark.parametrize("hidden", [(10, 7, 5, 4, 3), (1,), (3, 3), (200, 100, 50)])
def test_equal_parameters_is_the_nearest_width(hidden, depth):
    def count(width):
        return n_parameters((12, *(width,) * depth, 2))

    target = n_parameters((12, *hidden, 2))
    widths = MlpSettings(hidden=hidden, widths="equal-parameters").hidden_at(depth, 12, 2)
    assert len(set(widths)) == 1
    assert len(widths) == depth
    assert abs(count(widths[0]) - target) == min(
        abs(count(width) - target) for width in range(1, 3000)
    )


def test_widths_of_the_other_rules():
    assert MlpSettings().hidden_at(2, 12, 2) == (10, 7)
    assert MlpSettings(widths="constant").hidden_at(7, 12, 2) == (10,) * 7


def test_momentum_in_force():
    assert TrainingSettings(optimizer="momentum").used_momentum == 0.9
    assert TrainingSettings(optimizer="momentum", momentum=0.5).used_momentum == 0.5
    assert TrainingSettings(optimizer="sgd").used_momentum == 0.0


@pytest.mark.parametrize(
    ("settings", "name", "parameters"),
    [
        ({}, "bins", {"bins": 30, "range": [-1.0, 1.0], "correction": "none"}),
        ({"bins": 60}, "bins(bins=60)", {"bins": 60, "range": [-1.0, 1.0], "correction": "none"}),
        (
            {"range": "per-layer", "bins": 100},
            "bins(bins=100, range=per-layer)",
            {"bins": 100, "range": "per-layer", "correction": "none"},
        ),
        ({"width": 0.07}, "bins(width=0.07)", {"width": 0.07, "correction": "none"}),
        ({"edges": [0, 1]}, "bins(edges=[0.0, 1.0])", {"edges": [0.0, 1.0], "correction": "none"}),
    ],
)
def test_an_estimators_name_tells_it_from_others(settings, name, parameters):
    made = BinsSettings(**settings)
    assert estimator_id(made) == name
    assert json.loads(estimator_parameters(made)) == parameters


def test_a_study_is_pickled_whole():
    made = StudySettings(name="a", task=Binary12Settings(), axes={"depth": (1, 2)})
    assert pickle.loads(pickle.dumps(made)) == made
    assert made.model_copy(update={"seeds": (1,)}).seeds == (1,)
