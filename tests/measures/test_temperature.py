"""Temperature scaling against scipy's minimiser and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from infosweep.measures.temperature import HIGHEST, LOWEST, _exp, fit_temperature


def fit(logits, labels, examples=None):
    shifted = np.ascontiguousarray(logits - logits.max(0), dtype=np.float64)
    examples = np.arange(labels.size) if examples is None else examples
    scratch = np.empty((4 + len(logits), labels.size))
    return fit_temperature(shifted, labels, examples.astype(np.int32), scratch)


def loss(logits, labels, temperature):
    return -log_softmax(logits / temperature, axis=0)[labels, np.arange(labels.size)].mean()


@pytest.mark.parametrize("scale", [0.05, 1.0, 20.0])
@pytest.mark.parametrize("n_classes", [2, 3, 10])
def test_equals_scipy(rng, n_classes, scale):
    labels = rng.integers(n_classes, size=500)
    logits = scale * (rng.normal(size=(n_classes, 500)) + (np.arange(n_classes)[:, None] == labels))
    found = minimize_scalar(
        lambda u: loss(logits, labels, np.exp(u)),
        bounds=np.log([LOWEST, HIGHEST]),
        method="bounded",
        options={"xatol": 1e-9},
    )
    assert fit(logits, labels) == pytest.approx(np.exp(found.x), rel=1e-6)


def test_closed_form():
    """Margins of 2, a quarter of them wrong: the slope is 0 where sigmoid(2 / T) = 3/4."""
    labels = np.array([0, 0, 0, 1] * 5)
    logits = np.stack([np.full(20, 2.0), np.zeros(20)])
    assert fit(logits, labels) == pytest.approx(2 / np.log(3), rel=1e-12)


@pytest.mark.parametrize("margin", [60.0, 0.03])
def test_closed_form_far_from_one(margin):
    logits = np.stack([np.full(4, margin), np.zeros(4)])
    assert fit(logits, np.array([0, 0, 0, 1])) == pytest.approx(margin / np.log(3), rel=1e-12)


def test_an_example_that_changes_sides():
    """Logits 1, 0, -2, the second right: their mean is 0 where e^b = 2 e^-2b, b = ln 2 / 3."""
    assert fit(np.array([[1.0], [0.0], [-2.0]]), np.array([1])) == pytest.approx(
        3 / np.log(2), rel=1e-9
    )


def test_scaling_the_logits_scales_the_temperature(rng):
    labels = rng.integers(3, size=200)
    logits = rng.normal(size=(3, 200)) + (np.arange(3)[:, None] == labels)
    assert fit(4 * logits, labels) == pytest.approx(4 * fit(logits, labels), rel=1e-9)


def test_only_the_chosen_examples_count(rng):
    labels = rng.integers(2, size=200)
    logits = rng.normal(size=(2, 200)) + (np.arange(2)[:, None] == labels)
    examples = np.arange(0, 200, 3)
    assert fit(logits, labels, examples) == pytest.approx(
        fit(logits[:, examples], labels[examples]), rel=1e-12
    )


def test_separated_examples_have_the_lowest_temperature():
    assert fit(np.array([[3.0, -2.0], [0.0, 0.0]]), np.array([0, 1])) == LOWEST
    assert fit(np.array([[1e-3, -1e-3], [0.0, 0.0]]), np.array([0, 1])) == LOWEST


def test_misled_examples_have_the_highest_temperature():
    assert fit(np.array([[3.0, -2.0], [0.0, 0.0]]), np.array([1, 0])) == HIGHEST
    assert fit(np.array([[900.0, -2.0], [0.0, 0.0]]), np.array([1, 1])) == HIGHEST


def test_equal_logits_have_temperature_one():
    assert fit(np.zeros((3, 4)), np.array([0, 1, 2, 0])) == 1


@given(
    st.integers(0, 10**6), st.integers(2, 5), st.integers(1, 30), st.sampled_from([1e-3, 1, 1e3])
)
def test_no_temperature_is_better(seed, n_classes, n, scale):
    rng = np.random.default_rng(seed)
    labels = rng.integers(n_classes, size=n)
    logits = (scale * rng.normal(size=(n_classes, n))).round(2)
    best = fit(logits, labels)
    assert LOWEST <= best <= HIGHEST
    for other in (1.0, best * 1.01, best / 1.01, LOWEST, HIGHEST):
        if LOWEST <= other <= HIGHEST:
            assert loss(logits, labels, best) <= loss(logits, labels, other) + 1e-9


@given(st.floats(-800, 0))
def test_exponential(x):
    assert _exp(x) == pytest.approx(np.exp(max(x, -708.0)), rel=5e-16, abs=0)
