"""The cross-fitted drop: its windows, and its error rates on curves that do and don't fall."""

from __future__ import annotations

import numpy as np
import pytest

from infosweep.aggregation.drop import at_end, cross_fitted_drop, end_window
from infosweep.aggregation.statistics import t_interval
from infosweep.plan.checkpoints import spaced
from infosweep.seeds import generator

TIMES = np.array(spaced(2000, 40, "log"), float)
SHARE = np.linspace(0, 1, TIMES.size)


def test_end_window_is_the_last_fifth_of_the_training():
    assert end_window(np.array([0.0, 50, 79, 80, 90, 100])) == slice(3, 6)
    assert end_window(np.array([0.0, 50, 79, 90, 100])) is None
    assert end_window(np.empty(0)) is None


@pytest.mark.parametrize("checkpoints", [8, 9, 20, 60])
@pytest.mark.parametrize("epochs", [12, 100, 3000])
def test_planned_checkpoints_give_an_end_window(epochs: int, checkpoints: int):
    assert end_window(np.array(spaced(epochs, checkpoints, "log"), float)) is not None


def test_the_peak_comes_from_the_other_half():
    times = np.arange(20.0)
    early, late = np.zeros(20), np.zeros(20)
    early[3], late[9] = 1, 1
    drops = cross_fitted_drop(times, np.stack([early, late, early, late]))
    assert drops is not None
    assert drops.peak_time.tolist() == [9, 3, 9, 3]
    assert drops.drop.tolist() == [0, 0, 0, 0]


def test_windows_are_disjoint():
    times = np.arange(21.0)
    rising = np.tile(times, (6, 1))
    drops = cross_fitted_drop(times, rising)
    assert drops is not None
    assert drops.peak_time.tolist() == [14.0] * 6  # 13..15 before 16..20
    assert drops.drop.tolist() == [14.0 - 18.0] * 6
    assert drops.rise.tolist() == [14.0] * 6


def test_too_little_gives_no_drop():
    assert cross_fitted_drop(TIMES, np.zeros((1, TIMES.size))) is None
    assert cross_fitted_drop(np.arange(4.0), np.zeros((8, 4))) is None
    assert cross_fitted_drop(np.array([0.0, 8, 9, 10]), np.zeros((8, 4))) is None
    assert at_end(np.array([0.0, 10]), np.zeros((8, 2))) is None


def _noise(n: int, correlated: bool, draw: np.random.Generator) -> np.ndarray:
    white = 0.02 * draw.standard_normal((n, TIMES.size))
    if not correlated:
        return white
    for k in range(1, TIMES.size):
        white[:, k] = 0.9 * white[:, k - 1] + (1 - 0.81) ** 0.5 * white[:, k]
    return white


def _share_called_drops(curve: np.ndarray, n: int, correlated: bool) -> float:
    draw = generator(0, "test-drop", n, int(correlated))
    called = 0
    for _ in range(150):
        drops = cross_fitted_drop(TIMES, curve + _noise(n, correlated, draw))
        assert drops is not None
        called += t_interval(drops.drop).low > 0
    return called / 150


@pytest.mark.parametrize("correlated", [False, True])
@pytest.mark.parametrize("n", [6, 8, 16])
def test_rising_and_saturating_curves_are_not_called_drops(n: int, correlated: bool):
    assert _share_called_drops(SHARE, n, correlated) == 0
    assert _share_called_drops(1 - np.exp(-np.arange(TIMES.size) / 10), n, correlated) <= 0.08
    assert _share_called_drops(np.minimum(SHARE * 3, 1), n, correlated) <= 0.08


@pytest.mark.parametrize("n", [8, 16])
def test_a_drop_of_a_twentieth_is_found(n: int):
    falling = np.minimum(SHARE * 3, 1) - 0.05 / (1 + np.exp(-(SHARE - 0.6) * 25))
    assert _share_called_drops(falling, n, False) >= 0.9
