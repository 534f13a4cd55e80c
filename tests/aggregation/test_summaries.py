"""What figures draw: bands, arrivals, which cells small multiples show."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from infosweep.aggregation.frames import Frames
from infosweep.aggregation.grid import Curve, Grid
from infosweep.aggregation.statistics import t_interval
from infosweep.aggregation.summaries import arrived_share, band, panels, planes, spread
from infosweep.seeds import generator

NOTHING = Frames(pd.DataFrame(), pd.DataFrame())


def test_a_band_is_the_interval_at_each_checkpoint():
    values = generator(0, "test-band").standard_normal((7, 4))
    found = band(Curve(np.arange(7), np.arange(4.0), values))
    for k in range(4):
        expected = t_interval(values[:, k])
        assert (found.mean[k], found.low[k], found.high[k]) == pytest.approx(
            (expected.mean, expected.low, expected.high)
        )
    inside = band(Curve(np.arange(7), np.arange(4.0), values), (-0.1, 0.1))
    assert inside.low.min() == -0.1
    assert inside.high.max() == 0.1
    assert inside.mean.tolist() == found.mean.tolist()
    alone = band(Curve(np.arange(1), np.arange(4.0), values[:1]))
    assert alone.mean.tolist() == values[0].tolist()
    assert np.isnan(alone.low).all()


def test_arrivals_of_nobody_and_at_the_start():
    assert arrived_share(np.array([np.inf, np.inf]), 9.0)[1].tolist() == [0, 0]
    epochs, share = arrived_share(np.array([3.0, 0.0]), 9.0)
    assert epochs.tolist() == [0, 0, 3, 9]
    assert share.tolist() == [0, 0.5, 1, 1]


def test_spread_keeps_both_ends():
    assert spread(list(range(9)), 3) == [0, 4, 8]
    assert spread([1, 2], 3) == [1, 2]
    assert spread([1, 2, 3], 1) == [1]


def _shown(study) -> list[list[str]]:
    grid = Grid(NOTHING, study)
    return [[grid.label(cell) for cell in row] for row in panels(grid, 3, 2)]


def test_panels_run_along_the_first_two_varied_axes(synthetic: ModuleType):
    both = synthetic.make_study(
        train_size=(0.85, 0.04, 0.16, 0.36), depth=(1, 5), label_noise=(0.0, 0.2, 1.0)
    )
    assert _shown(both) == [
        [f"train_size={size}, depth=5, label_noise={noise}" for size in (0.04, 0.36, 0.85)]
        for noise in (0, 1)
    ]
    one = synthetic.make_study(train_size=(0.85,), label_noise=(0.0,), depth=(1, 2, 3, 4, 5))
    assert _shown(one) == [["depth=1", "depth=2", "depth=3"], ["depth=4", "depth=5"]]
    none = synthetic.make_study(train_size=(0.85,), label_noise=(0.0,))
    assert len(_shown(none)) == 1


def test_planes_are_per_layer_and_say_what_saturates(synthetic: ModuleType):
    study = synthetic.make_study(train_size=(0.85,), label_noise=(0.0,), depth=(2, 5), seeds=3)
    frames = synthetic.World(layers="all").frames(study)
    grid = Grid(frames, study)
    shallow, deep = planes(grid, grid.cells, "all", "bins")
    assert list(shallow.i_xt) == [1, 2, 3]
    assert list(deep.i_ty) == [1, 2, 3, 4, 5, 6]
    assert deep.h_y == pytest.approx(synthetic.H_Y)
    assert deep.log2_n == 12
    assert 1 in deep.saturated
    assert 6 not in deep.saturated
    rows = frames.information
    expected = rows[
        (rows["depth"] == 2)
        & (rows["layer"] == 3)
        & (rows["sample"] == "all")
        & (rows["seed"] == 1)
    ]
    assert shallow.i_xt[3].values[1].tolist() == expected.sort_values("step")["i_xt"].tolist()
    assert planes(grid, grid.cells, "all", "kde") == []
