"""Checkpoints: the laws that findings rely on."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infosweep.plan import checkpoints_of, trials_of
from infosweep.plan.checkpoints import count_checkpoints, spaced
from infosweep.study.settings import (
    Binary12Settings,
    RecordSettings,
    StudySettings,
    TrainingSettings,
)

LAST = st.one_of(st.integers(1, 60), st.integers(1, 10**7))
SPACING = st.sampled_from(["log", "linear"])


@given(LAST, st.integers(2, 300), SPACING)
def test_first_and_last_are_among_at_most_the_stated_number(last, at_most, spacing):
    points = spaced(last, at_most, spacing)
    assert points[0] == 0
    assert points[-1] == last
    assert len(points) <= at_most
    assert list(points) == sorted(set(points))


@given(LAST, st.integers(8, 300), SPACING)
def test_from_8_on_three_lie_in_the_last_fifth_as_far_as_there_are_epochs(last, at_most, spacing):
    points = spaced(last, at_most, spacing)
    for inside in (
        lambda e: 5 * e > 4 * last,
        lambda e: 5 * e >= 4 * last,
    ):  # either reading of "in"
        there = sum(inside(e) for e in range(max(0, last - 3), last + 1))
        assert sum(inside(e) for e in points) >= min(3, there)


@given(st.integers(1, 59), SPACING)
def test_few_epochs_are_all_measured(last, spacing):
    assert len(spaced(last, 300, spacing)) == last + 1


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((4000, 2, "log"), (0, 4000)),
        ((4000, 3, "log"), (0, 1, 4000)),
        ((4000, 5, "log"), (0, 1, 16, 252, 4000)),
        ((1, 60, "log"), (0, 1)),
        ((10000, 21, "linear"), tuple(range(0, 10001, 500))),
        ((7, 3, "linear"), (0, 4, 7)),
    ],
)
def test_spacing(arguments, expected):
    assert spaced(*arguments) == expected


def test_log_spacing_is_even_in_the_logarithm():
    points = spaced(10**6, 25, "log")
    ratios = [b / a for a, b in pairwise(points[5:19])]
    assert max(ratios) / min(ratios) < 1.05


def trial(batch_size=256, train_size=0.85, **training):
    axes = {
        "train_size": (train_size,),
        "batch_size": (batch_size,),
        "depth": (1,),
        "label_noise": (0.0,),
    }
    study = StudySettings(
        name="a",
        task=Binary12Settings(),
        training=TrainingSettings(**training),
        record=RecordSettings(checkpoints=16, spacing="linear"),
        axes=axes,
        seeds=(0,),
    )
    return trials_of(study)[0]


def test_epochs_are_counted_with_their_smaller_last_batch():
    one = trial(epochs=15)  # 3,481 examples: 13 full batches and one of 153
    assert checkpoints_of(one) == tuple((epoch, 14 * epoch) for epoch in range(16))
    assert one.n_steps == 210


def test_steps_are_spaced_in_steps_and_count_finished_passes():
    one = trial(steps=45)
    assert checkpoints_of(one) == tuple((step // 14, step) for step in range(0, 46, 3))
    assert checkpoints_of(one)[-1] == (3, 45)
    assert one.n_steps == 45
    assert count_checkpoints(one) == 16
