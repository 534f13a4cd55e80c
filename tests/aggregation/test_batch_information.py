"""Batch information: regimes are read from what was trained, and both must rise."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from infosweep.aggregation import finding
from infosweep.aggregation.batch_information import regimes
from infosweep.aggregation.frames import Frames
from infosweep.aggregation.grid import Grid
from infosweep.plan.trial import Trial
from infosweep.study.settings import StudySettings

ONE = {"train_size": (0.85,), "label_noise": (0.0,)}
ZIP = (("batch_size", "training.epochs"),)
# 3,481 examples: 55, 28 and 14 steps an epoch. Equal epochs at 1,000; equal steps (55,000) within 2 %.
BOTH = {
    "batch_size": (64, 128, 256, 128, 256),
    "training__epochs": (1000, 1000, 1000, 1964, 3928),
}


def claim(table: pd.DataFrame) -> pd.Series:
    return table[table["cell"].isna()].iloc[0]


def higher(trial: Trial) -> float:
    return 0.7 + 0.1 * np.log2(trial.batch_used / 64)


def budget(trial: Trial) -> float:
    """Rise with steps alone: what equal epochs can't tell from a batch that carries too much."""
    return 0.7 + 0.1 * np.log2(trial.n_steps / 55000)


def _regimes(study: StudySettings) -> dict[str, list[tuple[int, int]]]:
    cells = Grid(Frames(pd.DataFrame(), pd.DataFrame()), study).cells
    return {
        name: [(c.trial.batch_used, round(c.epochs)) for c in found]
        for name, found in regimes(cells).items()
    }


def test_regimes_are_read_from_what_was_trained(synthetic: ModuleType):
    both = synthetic.make_study(**ONE, **BOTH, zip_=ZIP)
    assert _regimes(both) == {
        "equal epochs": [(64, 1000), (128, 1000), (256, 1000)],
        "equal steps": [(64, 1000), (128, 1964), (256, 3928)],
    }
    scaled = synthetic.make_study(
        **ONE,
        batch_size=(64, 128, 256),
        training__learning_rate=(0.001, 0.002, 0.004),
        zip_=(("batch_size", "training.learning_rate"),),
    )
    assert list(_regimes(scaled)) == ["scaled rate"]
    past = synthetic.make_study(
        train_size=(0.04,), label_noise=(0.0,), batch_size=(64, 512, 1024, "full")
    )
    assert _regimes(past)["equal epochs"] == [(64, 2000), (163, 2000)]


def test_equal_epochs_alone_are_undecided_and_say_what_to_add(synthetic: ModuleType):
    study = synthetic.make_study(**ONE, batch_size=(64, 128, 256))
    table = finding("batch_information", synthetic.World(level=higher).frames(study), study)
    row = claim(table)
    assert row["verdict"] == "undecided"
    assert "zip: [[batch_size, training.epochs]]" in row["note"]
    assert row["equal_epochs_trend"] == pytest.approx(1.0)
    assert row["equal_epochs_p"] < 0.001
    assert np.isnan(row["equal_steps_trend"])
    assert row["flips_under"] == ["tuned learning rate (not run)"]
    cells = table[table["cell"].notna()]
    assert cells["verdict"].tolist() == ["undecided"] * 3  # no cell says more than the claim can
    assert cells["note"].iloc[1:].str.contains("zip: [[batch_size", regex=False).all()
    assert (cells["p"].iloc[1:] < 0.05).all()
    assert cells["label_information"].is_monotonic_increasing


def test_equal_steps_alone_ask_for_equal_epochs(synthetic: ModuleType):
    study = synthetic.make_study(
        **ONE, batch_size=(64, 128, 256), training__epochs=(1000, 1964, 3928), zip_=ZIP
    )
    row = claim(finding("batch_information", synthetic.World(level=higher).frames(study), study))
    assert row["verdict"] == "undecided"
    assert "equal epochs" in row["note"]
    assert row["equal_steps_p"] < 0.001


def test_a_rise_in_both_regimes_supports_it(synthetic: ModuleType):
    study = synthetic.make_study(**ONE, **BOTH, zip_=ZIP)
    table = finding("batch_information", synthetic.World(level=higher).frames(study), study)
    row = claim(table)
    assert row["verdict"] == "supported"
    assert row["low"] > 0
    assert len(table) == 6
    assert "all 8 seeds agree" in row["note"]
    assert set(table["verdict"].iloc[2:]) == {"supported"}


def test_a_fall_with_fewer_steps_contradicts_it(synthetic: ModuleType):
    study = synthetic.make_study(**ONE, **BOTH, zip_=ZIP)
    row = claim(finding("batch_information", synthetic.World(level=budget).frames(study), study))
    assert row["equal_epochs_trend"] < -0.9
    assert row["verdict"] == "contradicted"
    assert row["regime"] == "equal epochs"


def test_regimes_that_disagree_are_told(synthetic: ModuleType):
    study = synthetic.make_study(**ONE, **BOTH, zip_=ZIP)
    world = synthetic.World(
        level=lambda t: 1.4 - higher(t) if t.training.epochs == 1000 else higher(t)
    )
    row = claim(finding("batch_information", world.frames(study), study))
    assert row["verdict"] == "contradicted"
    assert "falls at equal epochs (\N{MINUS SIGN}1), rises at equal steps (+1)" in row["note"]


def test_a_batch_size_without_seeds_is_named(synthetic: ModuleType):
    study = synthetic.make_study(**ONE, **BOTH, zip_=ZIP)
    world = synthetic.World(level=higher, diverged=lambda t: t.batch_size == 128)
    row = claim(finding("batch_information", world.frames(study), study))
    assert "no seed has finished at batch_size=128" in row["note"]


def test_a_rise_at_equal_epochs_alone_does_not_support_it(synthetic: ModuleType):
    study = synthetic.make_study(**ONE, **BOTH, zip_=ZIP)
    world = synthetic.World(level=lambda t: higher(t) if t.training.epochs == 1000 else 0.7)
    row = claim(finding("batch_information", world.frames(study), study))
    assert row["verdict"] == "undecided"
    assert "equal steps" in row["note"]
