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
        0.4: ["undecided"],
        1.0: ["supported"],
    }
    some = cells[cells["label_noise"] == 0.4]
    assert some["claim"].isna().all()
    assert (some["unit"] == "accuracy lost").all()
    assert (some["p"] < 0.05).all()
    assert some["effect"].tolist() == pytest.approx(some["accuracy_lost"].tolist())
    assert cells.loc[cells["label_noise"] == 1, "effect"].tolist() == pytest.approx([1.0, 1.0])
    assert set(cells.loc[cells["label_noise"] == 1, "claim"]) == {"C1"}


def test_cells_that_did_not_fit_contradict_it(synthetic: ModuleType, study):
    world = synthetic.World(
        level=chance,
        noise=1e-3,
        train_accuracy=lambda t: (
            1 - (0.4 + 0.01 * (t.seed % 2)) * t.label_noise * (t.n_train > 200)
        ),
    )
    table = finding("label_noise_effect", world.frames(study), study)
    cells = table[(table["label_noise"] == 1) & table["cell"].notna()].set_index("train_size")
    assert cells["verdict"].to_dict() == {0.04: "supported", 0.85: "contradicted"}
    assert cells.loc[0.85, "effect"] == pytest.approx(0.595, abs=0.01)
    assert (cells["margin"] == 0.99).all()
    assert cells.loc[0.04, "note"] == "all 8 seeds agree"
    assert cells.loc[0.04, "p"] == pytest.approx(2 * 0.5**8)
    knows = synthetic.World(level=lambda _: 0.5)
    table = finding("label_noise_effect", knows.frames(study), study)
    cells = table[(table["label_noise"] == 1) & table["cell"].notna()]
    assert set(cells["verdict"]) == {"undecided"}
    assert cells["note"].str.contains("not within .02 of chance").all()


def test_accuracies_stay_within_0_and_1(synthetic: ModuleType, study):
    world = synthetic.World(level=chance, train_accuracy=lambda t: 1 - 0.2 * (t.seed == 3))
    table = finding("label_noise_effect", world.frames(study), study)
    ends = table[["test_accuracy_high", "train_accuracy_high"]]
    assert (ends.max() <= 1).all()
    assert (table.loc[table["unit"] == "accuracy", "high"] <= 1).all()
    assert table["train_accuracy_high"].max() == 1.0


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
    assert row["verdict"] == "undecided"
    assert "not within .02 of chance" in row["note"]


def test_too_small_a_network_is_judged_and_said(synthetic: ModuleType):
    study = synthetic.make_study(**{**AXES, "train_size": (0.5, 0.85)})
    world = synthetic.World(
        level=chance, noise=1e-5, train_accuracy=lambda t: 1 - 0.4 * t.label_noise
    )
    row = claim(finding("label_noise_effect", world.frames(study), study))
    assert row["verdict"] == "contradicted"
    assert "294 parameters cannot memorise 2,048 labels" in row["note"]
    assert "train_size=0.5" in row["note"]


def test_without_random_labels_it_says_what_to_add(synthetic: ModuleType):
    study = synthetic.make_study(**{**AXES, "label_noise": (0.0, 0.4)})
    table = finding("label_noise_effect", synthetic.World(level=chance).frames(study), study)
    row = claim(table)
    assert row["verdict"] == "undecided"
    assert "add `label_noise: 1.0`" in row["note"]
    assert np.isnan(row["effect"])
    assert row["trend"] == pytest.approx(-1)  # what the noise levels tell is still told
