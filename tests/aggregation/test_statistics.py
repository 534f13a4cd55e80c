"""Intervals, trends and corrections against references, and their error rates."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from infosweep.aggregation.statistics import (
    SHARE,
    clipped,
    complete,
    halves,
    holm,
    mean_over,
    page_trend,
    paired,
    t_interval,
)
from infosweep.seeds import generator


def test_t_interval_equals_scipy():
    x = generator(0, "test-statistics").standard_normal(9) + 0.3
    found = t_interval(x)
    expected = stats.ttest_1samp(x, 0.0)
    low, high = expected.confidence_interval(0.95)
    assert (found.low, found.high, found.p) == pytest.approx((low, high, expected.pvalue))
    assert found.mean == pytest.approx(x.mean())
    assert t_interval(x, margin=0.3).p == pytest.approx(stats.ttest_1samp(x, 0.3).pvalue)


def test_t_interval_says_only_what_few_values_tell():
    assert np.isnan(t_interval([]).mean)
    one = t_interval([0.5, np.nan])
    assert (one.mean, one.n) == (0.5, 1)
    assert np.isnan(one.low)
    assert np.isnan(one.p)


def test_rounding_is_no_effect():
    rounding = np.array([1, 1, 1, 1, 1, 2, 1, 1]) * 1.1e-16
    found = t_interval(rounding)
    assert (found.low, found.high, found.p) == (0.0, 0.0, 1.0)
    same = t_interval([0.2] * 8)
    assert (same.low, same.p) == (pytest.approx(0.2), stats.binomtest(8, 8).pvalue)
    assert t_interval([0.2] * 8, margin=0.2).p == 1.0


def test_no_interval_leaves_what_is_possible():
    found = page_trend([[1, 2, 3]] * 7 + [[3, 2, 1]])
    assert found.correlation.mean == 0.75
    assert found.correlation.high == 1.0
    assert found.correlation.low < 0.75
    wide = clipped(t_interval([1.0, 1.0, 0.9, 1.0, 1.0, 1.0]), SHARE)
    assert wide.high == 1.0
    assert wide.low < wide.mean < 1.0
    assert np.isnan(clipped(t_interval([0.5]), SHARE).low)


@pytest.mark.parametrize("n", [6, 8, 30])
def test_t_interval_covers_the_mean_in_95_percent(n: int):
    draws = generator(1, "test-coverage", n).standard_normal((4000, n))
    covered = np.mean([found.low <= 0 <= found.high for found in map(t_interval, draws)])
    assert covered == pytest.approx(0.95, abs=0.012)


def test_page_trend_equals_scipy_and_finds_the_direction():
    x = generator(2, "test-page").standard_normal((8, 5)) + 0.4 * np.arange(5)
    rise = page_trend(x)
    assert rise.p == pytest.approx(stats.page_trend_test(x, method="exact").pvalue)
    expected = np.mean([stats.spearmanr(row, np.arange(5)).statistic for row in x])
    assert rise.correlation.mean == pytest.approx(expected)
    fall = page_trend(x, increasing=False)
    assert fall.p == pytest.approx(stats.page_trend_test(x[:, ::-1], method="exact").pvalue)
    assert fall.correlation == rise.correlation


@pytest.mark.parametrize(("seeds", "cells"), [(6, 3), (8, 4), (12, 6), (2, 9)])
def test_page_p_is_exact(seeds: int, cells: int):
    draws = generator(5, "test-page-exact", seeds, cells)
    for slope in (0.0, 0.3):
        x = draws.standard_normal((seeds, cells)) + slope * np.arange(cells)
        expected = stats.page_trend_test(x, method="exact").pvalue
        assert page_trend(x).p == pytest.approx(expected, rel=1e-9)


def test_page_p_of_many_cells_and_of_ties():
    x = generator(6, "test-page-many").standard_normal((8, 12)) + 0.05 * np.arange(12)
    expected = stats.page_trend_test(x, method="asymptotic").pvalue
    assert page_trend(x).p == pytest.approx(expected, rel=1e-6)
    tied = np.array([[1, 2, 2], [1, 1, 3], [2, 2, 2], [1, 2, 3]])
    found = page_trend(tied)
    assert found.correlation.mean == pytest.approx(np.mean([0.8660254, 0.8660254, 0, 1]))
    assert found.p == pytest.approx(stats.page_trend_test(tied, method="exact").pvalue)


def test_page_trend_of_two_cells_is_the_sign_test():
    x = np.array([[0, 1], [0, 1], [0, 1], [0, 1], [0, 1], [1, 0], [1, 1]])
    assert page_trend(x).p == pytest.approx(7 / 64)
    assert page_trend(np.ones((7, 2))).p == 1.0


def test_page_trend_where_nothing_can_be_said():
    for values in (np.empty((0, 0)), np.empty((0, 3)), np.ones((5, 1)), np.full((5, 3), np.nan)):
        found = page_trend(values)
        assert np.isnan(found.p)
        assert np.isnan(found.correlation.mean)
    flat = page_trend(np.full((8, 4), 0.946) + 1e-15 * generator(3, "test-page").random((8, 4)))
    assert flat.correlation.mean == 0.0
    assert flat.p > 0.5


def test_page_p_is_uniform_without_a_trend():
    draws = generator(4, "test-page-null").standard_normal((800, 8, 4))
    p = np.array([page_trend(x).p for x in draws])
    for level in (0.05, 0.2, 0.5, 0.8):
        assert np.mean(p <= level) == pytest.approx(level, abs=0.05)
    assert np.mean(p <= 0.05) <= 0.065


def test_holm_by_hand():
    found = holm([0.01, np.nan, 0.04, 0.03, 0.005])
    assert found[[0, 2, 3, 4]].tolist() == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert np.isnan(found[1])
    assert holm([]).size == 0
    assert holm([0.9, 0.8]).tolist() == [1.0, 1.0]


@given(arrays(float, st.integers(1, 12), elements=st.floats(0, 1)))
def test_holm_keeps_the_order_and_never_lowers(p: np.ndarray):
    adjusted = holm(p)
    assert (adjusted >= p).all()
    assert (adjusted <= 1).all()
    assert (np.diff(adjusted[np.argsort(p, kind="stable")]) >= 0).all()


def test_halves_are_even_and_odd_places():
    even, odd = halves(5)
    assert even.tolist() == [0, 2, 4]
    assert odd.tolist() == [1, 3]


def test_seeds_are_matched_not_places():
    a = (np.array([1, 2, 5]), np.array([10.0, 20.0, 50.0]))
    b = (np.array([5, 1, 7]), np.array([5.0, 1.0, 7.0]))
    seeds, difference = paired(a, b)
    assert seeds.tolist() == [1, 5]
    assert difference.tolist() == [9.0, 45.0]
    both, values = complete([a, b])
    assert both.tolist() == [1, 5]
    assert values.tolist() == [[10.0, 1.0], [50.0, 5.0]]
    nothing = (np.empty(0, int), np.empty(0))
    assert mean_over([a, b])[1].tolist() == [5.5, 27.5]
    assert mean_over([a, nothing, b])[1].size == 0  # a mean over fewer cells is another quantity
    assert mean_over([nothing])[1].size == 0
