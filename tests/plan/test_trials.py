"""Cells and trials: the grid, the ids, the limit."""

from __future__ import annotations

import itertools
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infosweep.errors import LimitError
from infosweep.plan import trial_from_content, trials_of
from infosweep.plan.cells import cells_of
from infosweep.plan.ids import NUMERICS, digest
from infosweep.study.settings import (
    BinsSettings,
    DigitsSettings,
    LimitSettings,
    MlpSettings,
    RecordSettings,
    ResourceSettings,
    StudySettings,
    TrainingSettings,
    task_settings,
)

AXES = {"train_size": (0.85,), "batch_size": (256,), "depth": (5,), "label_noise": (0.0,)}


def study(axes=None, task="binary12", **sections) -> StudySettings:
    return StudySettings(
        **{"name": "a", "seeds": (0, 1), **sections},
        task=task_settings({"kind": task}) if isinstance(task, str) else task,
        axes={**AXES, **(axes or {})},
    )


def ids(*arguments, **sections) -> list[str]:
    return [trial.trial_id for trial in trials_of(study(*arguments, **sections))]


# --- the grid -----------------------------------------------------------------------------------------


def test_cells_are_the_product_of_the_axes_and_trials_add_seeds():
    axes = {
        "train_size": (0.1, 0.5),
        "batch_size": (16, "full"),
        "depth": (1, 5),
        "label_noise": (0, 1.0),
    }
    one = study(axes, seeds=(3, 9))
    found = [(c.train_size, c.batch_size, c.depth, c.label_noise) for c in cells_of(one)]
    assert found == list(itertools.product(*axes.values()))
    assert [trial.seed for trial in trials_of(one)] == [3, 9] * 16


def test_zip_groups_advance_together():
    axes = {"train_size": (0.1, 0.5, 0.5), "batch_size": (8, 8, 16), "depth": (1, 2)}
    cells = cells_of(study(axes, zip=(("batch_size", "train_size"),)))
    found = [(c.train_size, c.batch_size, c.depth) for c in cells]
    assert found == [(t, b, d) for t, b in ((0.1, 8), (0.5, 8), (0.5, 16)) for d in (1, 2)]


def test_where_keeps_cells_for_which_all_conditions_hold():
    axes = {"batch_size": (64, "full"), "depth": (1, 3, 5), "label_noise": (0.0, 1.0)}
    where = ("label_noise == 0 or depth == 5", "full_batch or batch_size < n_train / 50")
    cells = cells_of(study(axes, where=where))
    assert {(c.batch_size, c.depth, c.label_noise) for c in cells} == {
        *((b, d, 0.0) for b in (64, "full") for d in (1, 3, 5)),
        *((b, 5, 1.0) for b in (64, "full")),
    }


def test_further_axes_apply_to_their_section_and_name_a_column():
    axes = {"training.learning_rate": (0.1, 1), "model.activation": ("tanh", "relu")}
    trials = trials_of(study(axes, seeds=(0,)))
    assert [(t.training.learning_rate, t.model.activation) for t in trials] == [
        (0.1, "tanh"),
        (0.1, "relu"),
        (1.0, "tanh"),
        (1.0, "relu"),
    ]
    assert [t.extra for t in trials] == [
        {"learning_rate": t.training.learning_rate, "activation": t.model.activation}
        for t in trials
    ]
    fixed = study(training=TrainingSettings(learning_rate=0.1), seeds=(0,))
    assert trials_of(fixed)[0].trial_id == trials[0].trial_id


@pytest.mark.parametrize(
    ("train_size", "n_train"),
    [(0.04, 163), (0.16, 655), (0.85, 3481), (0.29, 1187), (2, 2), (500, 500), (0.1 + 0.2, 1228)],
)
def test_n_train_is_the_floor_of_the_fraction_or_the_count(train_size, n_train):
    (one, _) = trials_of(study({"train_size": (train_size,)}))
    assert (one.n_train, one.n_fit, one.n_validation) == (n_train, n_train, 0)


def test_n_train_is_not_lost_to_rounding():
    # 0.29 * 100 and the like fall just below the whole number in floating point.
    for k in range(1, 86):
        (one,) = trials_of(study({"train_size": (k / 4096,)}, seeds=(0,)))
        assert one.n_train == k


def test_batches_are_bounded_by_the_examples_trained_on():
    task = DigitsSettings(validation=0.25)
    axes = {"train_size": (400,), "batch_size": (256, 350, "full")}
    trials = trials_of(study(axes, task, seeds=(0,)))
    assert [(t.batch_size, t.batch_used, t.full_batch, t.steps_per_epoch) for t in trials] == [
        (256, 256, False, 2),
        (350, 300, False, 1),
        (400, 300, True, 1),
    ]
    assert {(t.n_fit, t.n_validation) for t in trials} == {(300, 100)}


def test_hidden_widths_follow_the_depth():
    trials = trials_of(study({"depth": (1, 3, 5)}, seeds=(0,)))
    assert [t.layer_widths for t in trials] == [
        (12, 10, 2),
        (12, 10, 7, 5, 2),
        (12, 10, 7, 5, 4, 3, 2),
    ]


# --- ids ----------------------------------------------------------------------------------------------


def test_ids_do_not_depend_on_what_changes_no_row():
    other = study(
        name="b",
        resources=ResourceSettings(pack=1, cpus=2),
        limits=LimitSettings(trials=9),
        findings=("overcompression",),
        retries=0,
        seeds=(1, 0),
    )
    assert [t.trial_id for t in trials_of(other)] == ids()[::-1]


@pytest.mark.parametrize(
    "sections",
    [
        {"training": TrainingSettings(optimizer="adam", learning_rate=0.0004, epochs=4000)},
        {"model": MlpSettings(hidden=(10, 7, 5, 4, 3))},
        {"record": RecordSettings(samples=("test", "all", "train"), probe=4096)},
        {"estimators": (BinsSettings(bins=30, range=(-1, 1)),)},
        {"task": task_settings({"kind": "binary12", "holdout": 0.15})},
        {"axes": {"label_noise": (0,)}},
    ],
)
def test_a_default_written_out_is_the_same_trial(sections):
    assert ids(**sections) == ids()


@pytest.mark.parametrize(
    "sections",
    [
        {"axes": {"train_size": (0.5,)}},
        {"axes": {"batch_size": (255,)}},
        {"axes": {"batch_size": ("full",)}},
        {"axes": {"depth": (4,)}},
        {"axes": {"label_noise": (0.5,)}},
        {"seeds": (2, 3)},
        {"task": "digits"},
        {"task": task_settings({"kind": "binary12", "validation": 0.1})},
        {"model": MlpSettings(activation="relu")},
        {"training": TrainingSettings(weight_decay=0.1)},
        {"training": TrainingSettings(steps=4000)},
        {"training": TrainingSettings(engine="torch")},
        {"record": RecordSettings(probe=100)},
        {"record": RecordSettings(samples=("all",))},
        {"estimators": (BinsSettings(bins=31),)},
        {"estimators": (BinsSettings(), BinsSettings(bins=60))},
    ],
)
def test_what_changes_rows_changes_every_id(sections):
    assert not set(ids(**sections)) & set(ids())


def test_two_ways_to_write_one_training_are_one_trial():
    def of(**training):
        return ids(training=TrainingSettings(**training))

    assert of(optimizer="momentum") == of(optimizer="momentum", momentum=0.9)
    assert of(optimizer="momentum") != of(optimizer="momentum", momentum=0.8)
    assert of(optimizer="sgd", momentum=0.9) != of(optimizer="sgd")
    assert of(steps=100, epochs=7) == of(steps=100)


def test_integers_and_floats_of_one_value_are_one_trial():
    whole, point = (
        {"train_size": (1000,), "label_noise": (1,)},
        {"train_size": (1000.0,), "label_noise": (1.0,)},
    )
    assert ids(whole) == ids(point)
    rate = [TrainingSettings(learning_rate=rate) for rate in (1, 1.0)]
    assert ids(training=rate[0]) == ids(training=rate[1])


def test_the_order_of_estimators_and_axes_does_not_matter():
    one, other = BinsSettings(), BinsSettings(width=0.07)
    assert ids(estimators=(one, other)) == ids(estimators=(other, one))
    turned = dict(reversed(AXES.items()))
    assert [t.trial_id for t in trials_of(study().model_copy(update={"axes": turned}))] == ids()


def test_the_content_says_what_was_hashed():
    trial = trials_of(study({"batch_size": ("full",)}))[1]
    assert trial.trial_id == digest(trial.content)
    assert json.loads(trial.content) == {
        "cell": {"train_size": 0.85, "batch_size": "full", "depth": 5, "label_noise": 0.0},
        "task": {"kind": "binary12"},
        "model": {"kind": "mlp"},
        "training": {},
        "record": {},
        "estimators": [{"kind": "bins"}],
        "seed": 1,
        "numerics": NUMERICS,
    }


def test_an_id_is_pinned():
    # Golden: a change of this id orphans every store; it changes with NUMERICS and nothing else.
    assert (NUMERICS, ids()[0]) == (1, "098eebd00efdc90b")


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_trials_are_rebuilt_from_their_content(data):
    def draw(*values):
        return data.draw(st.sampled_from(values))

    one = study(
        {
            "train_size": (draw(0.1, 0.5, 700),),
            "batch_size": (draw(1, 256, "full"),),
            "depth": (draw(1, 2),),
            "label_noise": (draw(0, 0.3, 1.0),),
            "training.momentum": (draw(0, 0.5),),
        },
        task_settings(
            {"kind": draw("binary12", "digits", "mnist1d"), "validation": draw(0.0, 0.2)}
        ),
        model=MlpSettings(
            hidden=draw((10, 7), (4, 4, 4)), widths=draw("prefix", "equal-parameters")
        ),
        training=TrainingSettings(
            optimizer=draw("sgd", "adam"), steps=draw(None, 50), epochs=draw(9, 4000)
        ),
        record=RecordSettings(
            samples=draw(("test", "all"), ("train",)), layers=draw("all", (2, 1))
        ),
        estimators=draw((BinsSettings(),), (BinsSettings(bins=9), BinsSettings(edges=(0.0, 0.5)))),
        seeds=(data.draw(st.integers(0, 2**63 - 1)),),
    )
    (trial,) = trials_of(one)
    assert trial_from_content(trial.content, trial.extra) == trial


def test_the_content_of_another_version_keeps_its_id():
    trial = trials_of(study())[0]
    old = trial.content.replace(f'"numerics":{NUMERICS}', '"numerics":0')
    assert trial_from_content(old).trial_id == digest(old) != trial.trial_id


# --- the limit ----------------------------------------------------------------------------------------


def test_more_trials_than_the_limit_are_refused_with_what_to_change():
    one = study(
        {"depth": tuple(range(1, 6)), "batch_size": tuple(range(1, 201))}, seeds=tuple(range(6))
    )
    with pytest.raises(LimitError) as caught:
        trials_of(one)
    assert str(caught.value) == (
        "the study has 6,000 trials (1,000 cells x 6 seeds); its limit is 5,000\n"
        "  mend: write `limits: {trials: 6000}` if that is meant; else use fewer seeds or take values "
        "from the axes (the longest, batch_size, has 200)"
    )
    assert caught.value.exit_code == 5
    assert len(trials_of(one.model_copy(update={"limits": LimitSettings(trials=6000)}))) == 6000


def test_a_grid_of_a_billion_cells_is_refused_without_walking_it():
    values = tuple(range(1, 1001))
    axes = {"batch_size": values, "train_size": tuple(range(2, 1002)), "depth": values}
    with pytest.raises(LimitError, match=r"2,000,000,000 trials \(1,000,000,000 cells x 2 seeds\)"):
        cells_of(study(axes))
    with pytest.raises(LimitError, match="the axes span 1,000,000,000 cells before `where`"):
        cells_of(study(axes, where=("depth == 1",)))


def test_where_counts_before_the_limit_does():
    axes = {"batch_size": tuple(range(1, 3001)), "depth": (1, 2)}
    assert len(trials_of(study(axes, where=("depth == 1 and batch_size < 11",)))) == 20
