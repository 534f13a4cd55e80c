"""Cells: their names, controls, what varies with what, and the curves measured in them."""

from __future__ import annotations

from types import ModuleType

import pandas as pd
import pytest

from infosweep.aggregation.frames import Frames
from infosweep.aggregation.grid import Grid, extremes, grid_of
from infosweep.aggregation.strata import along, first_variant, held, same_batches, variants

NOTHING = Frames(pd.DataFrame(), pd.DataFrame())


def test_cells_are_named_by_what_varies(synthetic: ModuleType):
    grid = Grid(NOTHING, synthetic.make_study(batch_size=(64, "full")))
    assert [grid.label(cell) for cell in grid.cells][:3] == [
        "train_size=0.04, batch_size=64, label_noise=0",
        "train_size=0.04, batch_size=64, label_noise=1",
        "train_size=0.04, batch_size=full, label_noise=0",
    ]
    alone = Grid(NOTHING, synthetic.make_study(train_size=(0.85,), label_noise=(0.0,)))
    assert alone.label(alone.cells[0]) == "train_size=0.85, batch_size=64, depth=5, label_noise=0"


def test_a_control_differs_in_nothing_but_noise_and_what_follows_it(synthetic: ModuleType):
    grid = Grid(
        NOTHING,
        synthetic.make_study(
            label_noise=(0.0, 1.0),
            training__epochs=(1000, 2000),
            zip_=(("label_noise", "training.epochs"),),
        ),
    )
    for cell in grid.cells:
        control = grid.control_of(cell)
        assert control is not None
        assert control.is_control
        assert control.axes["train_size"] == cell.axes["train_size"]
    without = Grid(NOTHING, synthetic.make_study(label_noise=(0.0, 0.2)))
    assert without.control_of(without.cells[0]) is None


def test_further_axes_split_and_zipped_ones_follow(synthetic: ModuleType):
    free = Grid(NOTHING, synthetic.make_study(model__activation=("tanh", "relu")))
    assert [(name, len(cells)) for name, cells in variants(free, free.cells)] == [
        ("", 4),
        ("activation=relu", 4),
    ]
    zipped = Grid(
        NOTHING,
        synthetic.make_study(
            training__epochs=(2000, 100), zip_=(("train_size", "training.epochs"),)
        ),
    )
    assert len(first_variant(zipped, zipped.cells)) == len(zipped.cells) == 4


def test_sizes_order_by_what_they_amount_to(synthetic: ModuleType):
    # 1000 is a count of examples, 0.85 a share that makes 3,481.
    grid = Grid(NOTHING, synthetic.make_study(train_size=(0.85, 1000, 0.04)))
    groups = along(grid.cells, "train_size")
    assert [group[0].trial.n_train for group in groups] == [163, 1000, 3481]
    assert {
        cell.axes["train_size"] for cell in extremes(grid.cells, "train_size", largest=True)
    } == {0.85}
    assert held([], train_size=True) == []
    assert same_batches([]) == []


def test_curves_are_the_rows_of_the_table(synthetic: ModuleType):
    study = synthetic.make_study(seeds=4)
    frames = synthetic.World(missing=lambda t: t.seed == 1).frames(study)
    grid = grid_of(frames, study)
    assert grid_of(frames, study) is grid
    curve = grid.curves("curves", "i_rank", split="test")[grid.cells[0]]
    assert curve.seeds.tolist() == [0, 2, 3]
    rows = frames.curves
    rows = rows[
        (rows["train_size"] == 0.04) & (rows["label_noise"] == 0) & (rows["split"] == "test")
    ]
    expected = rows[rows["seed"] == 2].sort_values("step")
    assert curve.values[1].tolist() == expected["i_rank"].tolist()
    assert curve.epochs == pytest.approx(expected["epoch"].to_numpy())


def test_a_trial_cut_short_is_left_out(synthetic: ModuleType):
    study = synthetic.make_study(seeds=4)
    frames = synthetic.World().frames(study)
    lost = (frames.curves["seed"] == 2) & (frames.curves["step"] == frames.curves["step"].max())
    cut = Frames(frames.trials, frames.curves[~lost])
    grid = Grid(cut, study)
    largest = next(cell for cell in grid.cells if cell.trial.n_train == 3481)
    assert grid.curves("curves", "auc", split="test")[largest].seeds.tolist() == [0, 1, 3]


def test_steps_count_as_parts_of_epochs(synthetic: ModuleType):
    study = synthetic.make_study(seeds=2, train_size=(0.85,), label_noise=(0.0,))
    study = study.model_copy(update={"training": study.training.model_copy(update={"steps": 110})})
    grid = Grid(synthetic.World().frames(study), study)
    curve = grid.curves("curves", "auc", split="all")[grid.cells[0]]
    assert curve.epochs[-1] == pytest.approx(2.0)
    assert 0 < curve.epochs[1] < 1
