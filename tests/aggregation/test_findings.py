"""What every finding keeps to, whatever it is given."""

from __future__ import annotations

import json
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from infosweep.aggregation import FINDINGS, finding, findings_table
from infosweep.aggregation.frames import Frames
from infosweep.aggregation.rows import COLUMNS, records
from infosweep.errors import UsageError
from infosweep.study.settings import StudySettings

CLAIMS = {
    "overcompression": "C7",
    "depth_benefit": "C8",
    "batch_information": "C6",
    "label_noise_effect": "C1",
}
AXES = {
    "train_size": (0.04, 0.85),
    "batch_size": (64, 512),
    "depth": (1, 5),
    "label_noise": (0.0, 0.2, 1.0),
}


def _check(table: pd.DataFrame, name: str) -> None:
    """Assert what holds for each finding's table."""
    assert tuple(table.columns[: len(COLUMNS)]) == COLUMNS
    assert set(table["finding"]) == {name}
    # What noise below 1 costs is no part of C1.
    no_claim = name == "label_noise_effect"
    beside = table["cell"].notna() & (table["label_noise"] < 1) & no_claim
    assert set(table["claim"][~beside]) == {CLAIMS[name]}
    assert table["claim"][beside].isna().all()
    assert set(table["verdict"][beside]) <= {"undecided"}
    assert table["cell"].isna().sum() == 1
    assert table["cell"].iloc[0] is None
    assert table["cell"].dropna().is_unique
    assert set(table["verdict"]) <= {"supported", "contradicted", "undecided"}
    for row in records(table):
        assert all(isinstance(each, str) for each in row["flips_under"])
        assert len(set(row["flips_under"])) == len(row["flips_under"])
        assert row["counter_test"]
        assert row["n_seeds"] >= 0
        assert row["n_left_out"] >= 0
        if row["low"] is not None:
            assert row["low"] <= row["effect"] <= row["high"]
        if row["verdict"] != "undecided":
            assert row["n_seeds"] >= 6
        elif row["cell"] is None:
            assert row["note"]
        if row["cell"] is not None and row["verdict"] != "undecided":
            assert row["p"] <= 0.05
            assert (row["effect"] > row["margin"]) == (row["verdict"] == "supported")
    json.dumps(records(table), allow_nan=False)


@pytest.fixture(scope="module")
def study(synthetic: ModuleType) -> StudySettings:
    return synthetic.make_study(**AXES)


@pytest.fixture(scope="module")
def frames(synthetic: ModuleType, study: StudySettings) -> Frames:
    return synthetic.World().frames(study)


@pytest.mark.parametrize("name", FINDINGS)
def test_a_whole_study(frames: Frames, study: StudySettings, name: str):
    table = finding(name, frames, study)
    _check(table, name)
    assert len(table) > 16


@pytest.mark.parametrize("name", FINDINGS)
@pytest.mark.parametrize(
    "case",
    [
        "empty",
        "one seed",
        "five seeds",
        "all diverged",
        "one cell",
        "no checkpoints",
        "no layers",
        "no splits",
        "controls alone",
    ],
)
def test_too_little_is_undecided_and_said(synthetic: ModuleType, name: str, case: str):
    axes: dict[str, object] = dict(AXES)
    options: dict[str, object] = {}
    if case == "one seed":
        axes["seeds"] = 1
    if case == "five seeds":
        axes["seeds"] = 5
    if case == "no checkpoints":
        axes["checkpoints"] = 4
    if case == "one cell":
        axes |= {"train_size": (0.85,), "batch_size": (64,), "depth": (5,), "label_noise": (0.0,)}
    if case == "controls alone":
        axes["label_noise"] = (1.0,)
    if case == "all diverged":
        options["diverged"] = lambda _: True
    if case == "no layers":
        options["layers"] = "none"
    if case == "no splits":
        options |= {"splits": ("validation",), "samples": ("all",)}
    study = synthetic.make_study(**axes)
    empty = Frames(pd.DataFrame(), pd.DataFrame())
    frames = empty if case == "empty" else synthetic.World(**options).frames(study)
    table = finding(name, frames, study)
    _check(table, name)
    if case == "no layers" or (
        case in ("controls alone", "no checkpoints")
        and name in ("label_noise_effect", "depth_benefit")
    ):
        return
    assert set(table["verdict"]) == {"undecided"}


@pytest.mark.parametrize("name", FINDINGS)
def test_unequal_seeds_are_paired_and_counted(synthetic: ModuleType, name: str):
    study = synthetic.make_study(**AXES, seeds=9)
    world = synthetic.World(
        diverged=lambda trial: trial.seed == 2 and trial.depth == 5 and trial.label_noise < 1,
        missing=lambda trial: trial.seed == 7,
    )
    table = finding(name, world.frames(study), study)
    _check(table, name)
    cells = table[table["cell"].notna()]
    assert (cells["n_left_out"] >= 1).all()
    deep = cells[(cells["depth"] == 5) & (cells["label_noise"] == 0.2)]
    assert (deep["n_seeds"] == 7).all()
    assert (deep["n_left_out"] == 2).all()


@pytest.mark.parametrize("name", ["overcompression", "depth_benefit", "label_noise_effect"])
def test_a_batch_size_missing_in_one_group_is_left_out_of_all(synthetic: ModuleType, name: str):
    study = synthetic.make_study(**AXES)
    # Everything differs with the batch size, and it diverges at one of the values that the claim compares.
    unlike: dict[str, object] = {
        "level": lambda t: (0.97 if t.batch_size == 64 else 0.6) * (1 - 0.5 * t.label_noise),
        "speed": lambda t: (60.0 if t.batch_size == 64 else 400.0) / t.depth,
        "ranking_lost": lambda t: 0.1 if t.batch_size == 64 else 0.4,
    }
    lost = {
        "overcompression": lambda t: t.n_train > 200 and t.depth == 5 and t.label_noise == 0,
        "depth_benefit": lambda t: t.n_train > 200 and t.depth == 1 and t.label_noise == 0,
        "label_noise_effect": lambda t: t.n_train < 200 and t.depth == 5 and t.label_noise == 1,
    }[name]
    world = synthetic.World(**unlike, diverged=lambda t: t.batch_size == 512 and lost(t))
    row = finding(name, world.frames(study), study).iloc[0]
    alone = synthetic.make_study(**{**AXES, "batch_size": (64,)})
    other = finding(name, synthetic.World(**unlike).frames(alone), alone).iloc[0]
    for column in ("verdict", "effect", "low", "high", "p", "n_seeds", "trend"):
        assert row[column] == other[column] or pd.isna(other[column])
    assert "batch_size=512 is left out throughout" in row["note"]
    assert "batch_size=64" in row["note"]
    assert "mean over" not in row["note"]
    assert (row["n_left_out"], other["n_left_out"]) == (8, 0)


def test_batch_sizes_are_not_taken_for_depth(synthetic: ModuleType):
    axes = {"train_size": (0.85,), "batch_size": (64, 512), "depth": (1, 5), "label_noise": (0.0,)}
    study = synthetic.make_study(**axes, epochs=1000, checkpoints=40)
    options: dict[str, object] = {
        "level": lambda _: 0.97,
        "speed": lambda t: (60.0 if t.batch_size == 64 else 240.0) / t.depth**0.25,
        "noise": 0.001,
    }
    whole = finding("depth_benefit", synthetic.World(**options).frames(study), study).iloc[0]
    holed = synthetic.World(**options, diverged=lambda t: t.batch_size == 512 and t.depth == 1)
    assert whole["verdict"] == "supported"
    assert finding("depth_benefit", holed.frames(study), study).iloc[0]["verdict"] == "supported"


@pytest.mark.parametrize("name", FINDINGS)
def test_missing_values_leave_a_seed_out(frames: Frames, study: StudySettings, name: str):
    holed = Frames(frames.trials, frames.curves.copy(), frames.information.copy())
    for table in (holed.curves, holed.information):
        measured = table.select_dtypes("float").columns.difference(
            ["train_size", "label_noise", "h_y"]
        )
        table.loc[table["seed"] == 4, measured] = np.nan
    found = finding(name, holed, study)
    _check(found, name)
    assert found["n_seeds"].max() == 7


def test_rows_of_other_trials_change_nothing(
    synthetic: ModuleType, frames: Frames, study: StudySettings
):
    before = findings_table(frames, study)
    wider = synthetic.make_study(**AXES, seeds=12, epochs=1000)
    others = synthetic.World(ranking_lost=lambda _: 0.3).frames(wider)
    both = Frames(
        **{
            name: pd.concat([getattr(others, name), getattr(frames, name)], ignore_index=True)
            for name in ("trials", "curves", "information")
        }
    )
    pd.testing.assert_frame_equal(findings_table(both, study), before)


def test_order_of_rows_changes_nothing(frames: Frames, study: StudySettings):
    before = findings_table(frames, study)
    shuffled = Frames(
        **{
            name: getattr(frames, name)
            .sample(frac=1, random_state=np.random.RandomState(1))
            .reset_index(drop=True)
            for name in ("trials", "curves", "information")
        }
    )
    pd.testing.assert_frame_equal(findings_table(shuffled, study), before)


def test_tables_are_read_once_and_only_when_needed(frames: Frames, study: StudySettings):
    read: list[str] = []

    def source(name: str):
        def load() -> pd.DataFrame:
            read.append(name)
            return getattr(frames, name)

        return load

    lazy = Frames(source("trials"), source("curves"), source("information"), source("gradients"))
    finding("label_noise_effect", lazy, study)
    assert sorted(read) == ["curves", "trials"]
    findings_table(lazy, study)
    assert sorted(read) == ["curves", "information", "trials"]


def test_all_findings_stand_under_each_other(frames: Frames, study: StudySettings):
    table = findings_table(frames, study)
    assert list(table["finding"].unique()) == list(study.findings)
    json.dumps(records(table), allow_nan=False)
    none = study.model_copy(update={"findings": ()})
    assert findings_table(Frames(pd.DataFrame(), pd.DataFrame()), none).empty


def test_an_unknown_finding_is_refused_by_name():
    with pytest.raises(UsageError, match=r"overcompresion.*\n.*overcompression, depth_benefit"):
        finding("overcompresion", Frames(pd.DataFrame(), pd.DataFrame()), None)  # type: ignore[arg-type]
