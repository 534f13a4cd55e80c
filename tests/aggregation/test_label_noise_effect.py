"""Label noise: random labels fitted and chance on new examples, or not, or not able to."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from infosweep.aggregation import finding
from infosweep.plan.trial import Trial

AXES = {"train_size": (0.04, 0.85), "depth": (5,), "label_noise": (0.0, 0.4, 1.0)}


def claim(table: pd.DataFrame) -> pd.Series:
    return table[table["cell"].isna()].iloc[0]


def chance(trial: Trial) -> float:
    return 0.0 if trial.label_noise == 1 else 0.8 - trial.label_noise


@pytest.fixture(scope="module")
def study(synthetic: ModuleType):
    return synthetic.make_study(**AXES)


def test_memorised_at_chance_supports_it(synthetic: ModuleType, study):
    world = synthetic.World(level=chance, noise=1e-5)
    table = finding("label_noise_effect", world.frames(study), study)
    row = claim(table)
    assert row["verdict"] == "supported"
    assert row["effect"] == pytest.approx(1.0)
    assert row["margin"] == 0.99
    assert row["test_accuracy"] == pytest.approx(0.5, abs=0.02)
    assert "train_size=0.04" in row["note"]  # 294 parameters memorise 163 examples, not 3,481
    assert row["trend"] == pytest.approx(-1)
    cells = table[table["cell"].notna()]
    assert cells.groupby("label_noise")["verdict"].unique().map(list).to_dict() == {
        0.0: ["undecided"],
        0.4: ["supported"],
        1.0: ["supported"],
    }


def test_the_interval_is_held_against_both_bounds(synthetic: ModuleType, study):
    half = synthetic.World(
        level=chance, noise=1e-5, train_accuracy=lambda t: 1 - 0.3 * t.label_noise
    )
    row = claim(finding("label_noise_effect", half.frames(study), study))
    assert row["verdict"] == "contradicted"
    assert "not fitted" in row["note"]
    wide = synthetic.World(
        level=chance, noise=1e-5, train_accuracy=lambda t: 1 - 0.03 * (t.seed % 2) * t.label_noise
    )
    row = claim(finding("label_noise_effect", wide.frames(study), study))
    assert row["verdict"] == "undecided"
    assert "holds .99" in row["note"]
    knows = synthetic.World(level=lambda _: 0.5)
    row = claim(finding("label_noise_effect", knows.frames(study), study))
    assert row["verdict"] == "contradicted"
    assert "differs from chance" in row["note"]


def test_too_small_a_network_is_no_test_of_it(synthetic: ModuleType):
    study = synthetic.make_study(**{**AXES, "train_size": (0.5, 0.85)})
    world = synthetic.World(
        level=chance, noise=1e-5, train_accuracy=lambda t: 1 - 0.4 * t.label_noise
    )
    row = claim(finding("label_noise_effect", world.frames(study), study))
    assert row["verdict"] == "undecided"
    assert "294 parameters for 2048 examples" in row["note"]


def test_without_random_labels_it_says_what_to_add(synthetic: ModuleType):
    study = synthetic.make_study(**{**AXES, "label_noise": (0.0, 0.4)})
    table = finding("label_noise_effect", synthetic.World(level=chance).frames(study), study)
    row = claim(table)
    assert row["verdict"] == "undecided"
    assert "add `label_noise: 1.0`" in row["note"]
    assert np.isnan(row["effect"])
    assert row["trend"] == pytest.approx(-1)  # what the noise levels tell is still told
