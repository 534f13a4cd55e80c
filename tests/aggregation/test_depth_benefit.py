"""Depth benefit: paired restricted means, targets fixed in advance, censoring, alternatives."""

from __future__ import annotations

from types import ModuleType

import pandas as pd
import pytest

from infosweep.aggregation import finding
from infosweep.plan.trial import Trial

AXES = {"train_size": (0.85,), "depth": (1, 2, 5), "label_noise": (0.0,)}


def claim(table: pd.DataFrame) -> pd.Series:
    return table[table["cell"].isna()].iloc[0]


def high(trial: Trial) -> float:
    return 0.97 if trial.label_noise < 1 else 0.0


@pytest.fixture(scope="module")
def study(synthetic: ModuleType):
    return synthetic.make_study(**AXES, epochs=1000, checkpoints=40)


def test_faster_deep_networks_support_it(synthetic: ModuleType, study):
    world = synthetic.World(level=high, speed=lambda t: 100.0 / t.depth, noise=0.001)
    table = finding("depth_benefit", world.frames(study), study)
    row = claim(table)
    assert row["verdict"] == "supported"
    assert row["target"] == pytest.approx(0.9 * synthetic.H_Y)
    assert row["unit"] == "epochs"
    assert row["trend"] == pytest.approx(-1)
    assert row["p"] < 0.001
    cells = table[table["cell"].notna()].set_index("depth")
    assert row["effect"] == pytest.approx(
        cells.loc[1, "epochs_to_target"] - cells.loc[5, "epochs_to_target"]
    )
    assert cells["verdict"].tolist() == ["undecided", "supported", "supported"]
    assert "compared with" in cells.loc[1, "note"]
    # 12-10-2 and 12-10-7-5-4-3-2: 3 x 2 x weights x examples an epoch
    weights = {1: 12 * 10 + 10 * 2, 5: 12 * 10 + 70 + 35 + 20 + 12 + 6}
    for depth, count in weights.items():
        per_epoch = 6 * count * 3481
        assert cells.loc[depth, "operations_to_target"] == pytest.approx(
            cells.loc[depth, "epochs_to_target"] * per_epoch
        )
    assert cells.loc[1, "steps_to_target"] == pytest.approx(cells.loc[1, "epochs_to_target"] * 55)


def test_slower_deep_networks_contradict_it(synthetic: ModuleType, study):
    world = synthetic.World(level=high, speed=lambda t: 20.0 * t.depth, noise=0.001)
    assert claim(finding("depth_benefit", world.frames(study), study))["verdict"] == "contradicted"


def test_operations_are_an_alternative(synthetic: ModuleType, study):
    # A fifth of the epochs at 1.9 times the operations an epoch gains; nine tenths of them does not.
    world = synthetic.World(
        level=high, speed=lambda t: {1: 100.0, 2: 95.0, 5: 80.0}[t.depth], noise=0.001
    )
    row = claim(finding("depth_benefit", world.frames(study), study))
    assert row["verdict"] == "supported"
    assert "operations instead of epochs" in row["flips_under"]
    assert row["operations_effect_high"] < 0


def test_runs_that_do_not_arrive_are_kept_at_the_end(synthetic: ModuleType, study):
    world = synthetic.World(
        level=lambda t: 0.97 if t.depth > 1 or t.seed % 2 else 0.5,
        speed=lambda _: 50.0,
        noise=0.001,
    )
    table = finding("depth_benefit", world.frames(study), study)
    shallow = table[table["depth"] == 1].iloc[0]
    assert (shallow["n_arrived"], shallow["n_censored"], shallow["n_seeds"]) == (4, 4, 8)
    assert shallow["epochs_to_target"] > 500
    assert claim(table)["n_censored"] == 4


def test_epochs_stay_within_the_training(synthetic: ModuleType, study):
    world = synthetic.World(
        level=lambda t: 0.97 if t.seed == 3 else 0.5, speed=lambda _: 50.0, noise=0.001
    )
    table = finding("depth_benefit", world.frames(study), study)
    cells = table[table["cell"].notna()]
    assert (cells["n_arrived"] == 1).all()
    assert (cells["epochs_to_target_high"] == 1000.0).all()
    assert (cells["epochs_to_target_low"] < cells["epochs_to_target"]).all()


def test_nobody_arriving_says_nothing(synthetic: ModuleType, study):
    table = finding("depth_benefit", synthetic.World(level=lambda _: 0.5).frames(study), study)
    assert set(table["verdict"]) == {"undecided"}
    assert "no seed reached the target" in claim(table)["note"]
    assert claim(table)["n_arrived"] == 0


def test_the_largest_train_size_and_least_noise_are_judged(synthetic: ModuleType):
    study = synthetic.make_study(
        **{**AXES, "train_size": (0.04, 0.85), "label_noise": (0.2, 0.0, 1.0)}, epochs=1000
    )
    world = synthetic.World(
        level=lambda _: 0.97,
        speed=lambda t: (
            100.0 / t.depth if t.n_train > 200 and t.label_noise == 0 else 20.0 * t.depth
        ),
        noise=0.001,
    )
    row = claim(finding("depth_benefit", world.frames(study), study))
    assert row["verdict"] == "supported"
    assert "train_size=0.85" in row["note"]
    assert "label_noise=0" in row["note"]


def test_one_depth_asks_for_others(synthetic: ModuleType):
    study = synthetic.make_study(**{**AXES, "depth": (5,)})
    row = claim(finding("depth_benefit", synthetic.World().frames(study), study))
    assert row["verdict"] == "undecided"
    assert "add others" in row["note"]
