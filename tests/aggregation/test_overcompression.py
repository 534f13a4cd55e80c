"""Overcompression: ranking that is truly lost is found, saturation is not taken for it."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from infosweep.aggregation import finding
from infosweep.plan.trial import Trial
from infosweep.study.settings import BinsSettings

AXES = {
    "train_size": (0.04, 0.16, 0.85),
    "batch_size": (64,),
    "depth": (3, 5),
    "label_noise": (0.0, 1.0),
}


def little(trial: Trial, bits: float) -> float:
    """Lose so many bits with little data, fewer with more, none in the control."""
    return (
        0.0 if trial.label_noise == 1 else bits * (163 / trial.n_train) ** 0.7 * (trial.depth == 5)
    )


def claim(table: pd.DataFrame) -> pd.Series:
    return table[table["cell"].isna()].iloc[0]


@pytest.fixture(scope="module")
def study(synthetic: ModuleType):
    return synthetic.make_study(**AXES)


def test_lost_ranking_is_overcompression(synthetic: ModuleType, study):
    table = finding(
        "overcompression",
        synthetic.World(ranking_lost=lambda t: little(t, 0.12)).frames(study),
        study,
    )
    row = claim(table)
    assert row["verdict"] == "supported"
    assert row["measure"] == "i_rank"
    assert row["low"] > 0.05
    assert row["p"] <= 0.05
    assert row["trend"] < -0.5
    assert not row["saturation"]
    assert row["flips_under"] == []
    cells = table[table["cell"].notna()].set_index("cell")["verdict"]
    assert cells["train_size=0.04, depth=5, label_noise=0"] == "supported"
    assert cells["train_size=0.04, depth=3, label_noise=0"] != "supported"
    assert not cells.index.str.contains("label_noise=1").any()


def test_saturation_is_not_overcompression(synthetic: ModuleType, study):
    table = finding(
        "overcompression",
        synthetic.World(saturating=lambda t: little(t, 0.12)).frames(study),
        study,
    )
    row = claim(table)
    assert row["verdict"] == "undecided"
    assert row["fixed_bin_effect_low"] > 0.05
    assert row["saturation"]
    assert "saturate" in row["note"]
    assert "I(T;Y) of the softmax, bins" in row["flips_under"]
    cell = table[table["cell"] == "train_size=0.04, depth=5, label_noise=0"].iloc[0]
    assert cell["verdict"] == "undecided"
    assert cell["saturation"]
    assert "I(T;Y) of the softmax, bins" in cell["flips_under"]


def test_the_control_is_taken_off(synthetic: ModuleType, study):
    world = synthetic.World(
        ranking_lost=lambda t: 0.12 * (163 / t.n_train),
        level=lambda t: 0.6 if t.label_noise < 1 else 0.3,
    )
    row = claim(finding("overcompression", world.frames(study), study))
    assert row["drop_low"] > 0.05
    assert row["control_drop_low"] > 0.05
    assert row["verdict"] == "undecided"


def test_without_a_control_nothing_is_decided(synthetic: ModuleType):
    study = synthetic.make_study(**{**AXES, "label_noise": (0.0, 0.2)})
    table = finding(
        "overcompression",
        synthetic.World(ranking_lost=lambda t: little(t, 0.12)).frames(study),
        study,
    )
    assert set(table["verdict"]) == {"undecided"}
    assert table["note"].str.contains("add `label_noise: 1.0`", regex=False).all()
    assert np.isnan(claim(table)["effect"])
    assert claim(table)["drop_low"] > 0.05  # its own drop is still shown


def test_a_drop_on_the_training_examples_is_no_overcompression(synthetic: ModuleType, study):
    world = synthetic.World(ranking_lost=lambda t: little(t, 0.12), unlearned=lambda _: 0.1)
    row = claim(finding("overcompression", world.frames(study), study))
    assert row["verdict"] == "undecided"
    assert "training examples show a drop" in row["note"]


def test_the_same_drop_at_every_size_lacks_the_trend(synthetic: ModuleType, study):
    world = synthetic.World(ranking_lost=lambda t: 0.12 * (t.label_noise < 1))
    row = claim(finding("overcompression", world.frames(study), study))
    assert row["low"] > 0.05
    assert row["verdict"] == "undecided"
    assert "do not shrink with more data" in row["note"]


def test_a_rise_to_the_end_is_contradicted(synthetic: ModuleType, study):
    world = synthetic.World(ranking_lost=lambda t: -little(t, 0.12))
    assert (
        claim(finding("overcompression", world.frames(study), study))["verdict"] == "contradicted"
    )


def test_no_rise_is_undecided(synthetic: ModuleType, study):
    world = synthetic.World(level=lambda _: 0.0)
    table = finding("overcompression", world.frames(study), study)
    assert set(table["verdict"]) == {"undecided"}
    assert table["note"].str.contains("does not rise").all()


def test_too_few_seeds_are_not_taken_for_too_few_checkpoints(synthetic: ModuleType):
    one = synthetic.make_study(**AXES, seeds=1)
    table = finding("overcompression", synthetic.World().frames(one), one)
    assert not table["note"].str.contains("checkpoints").any()
    assert "6 are needed" in claim(table)["note"]
    assert table["note"].iloc[1:].str.contains("one seed has finished here").all()
    few = synthetic.make_study(**AXES, checkpoints=4)
    table = finding("overcompression", synthetic.World().frames(few), few)
    assert table["note"].str.contains("too few checkpoints").all()
    none = synthetic.World(missing=lambda _: True).frames(one)
    table = finding("overcompression", none, one)
    assert claim(table)["note"].startswith("no seed has finished")
    assert not table["note"].str.contains("recorded").any()


def test_the_literature_has_fixed_bins(synthetic: ModuleType):
    study = synthetic.make_study(**AXES)
    quantiles, fixed = BinsSettings(quantiles=6), BinsSettings(bins=60)
    both = study.model_copy(update={"estimators": (quantiles, fixed)})
    frames = synthetic.World(saturating=lambda t: little(t, 0.12)).frames(both)
    row = claim(finding("overcompression", frames, both))
    assert row["bins_estimator"] == "bins(bins=60)"
    assert row["fixed_bin_effect_low"] > 0.05
    assert row["saturation"]
    alone = study.model_copy(update={"estimators": (quantiles,)})
    frames = synthetic.World(saturating=lambda t: little(t, 0.12)).frames(alone)
    table = finding("overcompression", frames, alone)
    assert claim(table)["bins_estimator"] == "bins(quantiles=6)"
    assert claim(table)["softmax_estimate_effect_low"] > 0.05
    assert not table.columns.str.startswith("fixed_bin").any()
    assert not table["saturation"].any()


def test_more_than_two_classes_use_the_decision(synthetic: ModuleType):
    study = synthetic.make_study(**{**AXES, "train_size": (80, 1000)}, digits=True)
    row = claim(finding("overcompression", synthetic.World().frames(study), study))
    assert row["measure"] == "i_decision"


def test_a_further_axis_is_a_counter_test(synthetic: ModuleType):
    study = synthetic.make_study(**AXES, model__activation=("tanh", "relu"))
    world = synthetic.World(ranking_lost=lambda t: little(t, 0.12) * (t.model.activation == "tanh"))
    row = claim(finding("overcompression", world.frames(study), study))
    assert row["verdict"] == "supported"
    assert row["flips_under"] == ["activation=relu"]
    assert "activation=tanh" in row["note"]


def test_batch_sizes_past_the_training_set_count_once(synthetic: ModuleType):
    # 512 and full are one training of 163 examples; 64 weighs as much as both together.
    study = synthetic.make_study(**{**AXES, "batch_size": (64, 512, "full")})
    world = synthetic.World(
        ranking_lost=lambda t: little(t, 0.2) * (t.batch_used == 64), noise=1e-6
    )
    row = claim(finding("overcompression", world.frames(study), study))
    alone = synthetic.make_study(**{**AXES, "batch_size": (64,)})
    whole = claim(finding("overcompression", world.frames(alone), alone))
    assert row["effect"] == pytest.approx(whole["effect"] / 2, rel=0.02)
