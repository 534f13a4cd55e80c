"""Times to a target: interpolation, runs, censoring."""

from __future__ import annotations

import numpy as np
import pytest

from infosweep.aggregation.times import restricted, time_to

TIMES = np.array([0.0, 1, 10, 100, 1000])


def test_interpolates_in_the_logarithm_of_the_epoch():
    (tau,) = time_to(TIMES, np.array([[0, 0.2, 0.4, 0.8, 0.9]]), 0.6)
    assert np.log1p(tau) == pytest.approx((np.log(11) + np.log(101)) / 2)


def test_a_run_is_asked_for_and_its_first_counts():
    once = np.array([[0, 1.0, 0, 1.0, 1.0]])
    assert np.isfinite(time_to(TIMES, once, 0.9, running=2)[0])
    assert time_to(TIMES, once, 1.0, running=2)[0] == pytest.approx(100)
    assert time_to(TIMES, once, 0.9, running=1)[0] < 1
    assert time_to(TIMES, once, 0.9, running=3)[0] == np.inf


def test_from_the_start_never_and_too_few_checkpoints():
    assert time_to(TIMES, np.ones((1, 5)), 0.9, running=3).tolist() == [0.0]
    assert time_to(TIMES, np.zeros((2, 5)), 0.9).tolist() == [np.inf, np.inf]
    assert time_to(TIMES[:2], np.ones((1, 2)), 0.9, running=3).tolist() == [np.inf]


def test_runs_that_do_not_arrive_count_with_the_end():
    assert restricted(np.array([5.0, np.inf]), 1000.0).mean() == pytest.approx(502.5)
