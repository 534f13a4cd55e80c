"""Activations, softmax and optimisers against float64 and torch.optim."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numba import njit
from numpy.typing import NDArray

from infosweep.training import elementwise
from infosweep.training.elementwise import LINEAR, RELU, SIGMOID, SOFTPLUS, SOFTSIGN, TANH

REFERENCE = {
    LINEAR: (lambda x: x, lambda _: 1.0),
    TANH: (np.tanh, lambda x: 1 / np.cosh(np.clip(x, -300, 300)) ** 2),
    RELU: (lambda x: np.maximum(x, 0), lambda x: x > 0),
    SIGMOID: (lambda x: 0.5 + 0.5 * np.tanh(x / 2), lambda x: 0.25 - np.tanh(x / 2) ** 2 / 4),
    SOFTPLUS: (lambda x: np.logaddexp(0, x), lambda x: 0.5 + 0.5 * np.tanh(x / 2)),
    SOFTSIGN: (lambda x: x / (1 + abs(x)), lambda x: (1 + abs(x)) ** -2.0),
}
# Largest absolute error, of the values relative to them beyond 1.
BOUNDS = {LINEAR: 0, TANH: 3.1e-7, RELU: 0, SIGMOID: 2e-7, SOFTPLUS: 2.5e-7, SOFTSIGN: 1.2e-7}


@njit
def activated(x, kind):
    out = x.copy()
    elementwise.activate(out, 0, x.shape[0], kind)
    return out


@njit
def sloped(d, h, kind):
    out = d.copy()
    elementwise.multiply_by_slope(out, 0, h, 0, d.shape[0], kind)
    return out


@njit
def softmax_of(z, n_classes):
    out = z.copy()
    elementwise.softmax(out, 0, n_classes, z.shape[0] // n_classes)
    return out


@njit
def errors_of(p, n_classes, target, scale):
    out = p.copy()
    elementwise.subtract_targets(out, 0, n_classes, target, 0, scale, 0, target.shape[0])
    return out


@njit
def adam_step(params, grads, m, v, step, unbias, decay):
    elementwise.adam(params, 0, grads, 0, m, 0, v, 0, params.shape[0], step, unbias, decay)


@njit
def descend_step(params, grads, v, rate, momentum, decay):
    elementwise.descend(params, 0, grads, 0, v, 0, params.shape[0], rate, momentum, decay)


def arguments() -> NDArray[np.float32]:
    """Every magnitude that float32 knows, finely where activations bend, and both zeros."""
    fine = np.linspace(-12, 12, 400_000)
    coarse = np.geomspace(1e-37, 3e38, 20_000)
    x = np.concatenate([fine, coarse, -coarse, [0.0, -0.0]]).astype(np.float32)
    return np.concatenate([x, np.zeros(-len(x) % 16, np.float32)])


@pytest.mark.parametrize("kind", REFERENCE)
def test_activation_is_near_float64(kind: int) -> None:
    x = arguments()
    exact = REFERENCE[kind][0](x.astype(np.float64))
    error = np.abs(activated(x, kind) - exact) / np.maximum(1, np.abs(exact))
    assert error.max() <= BOUNDS[kind]


@pytest.mark.parametrize("kind", REFERENCE)
def test_slope_is_near_float64(kind: int) -> None:
    x = np.linspace(-12, 12, 160_000).astype(np.float32)
    exact = 3 * REFERENCE[kind][1](x.astype(np.float64))
    slopes = sloped(np.full_like(x, 3), activated(x, kind), kind)
    assert np.abs(slopes - exact).max() <= 3e-6


def test_tanh_stays_within_its_range_and_is_odd() -> None:
    x = arguments()
    y = activated(x, TANH)
    assert np.abs(y).max() < 1
    np.testing.assert_array_equal(activated(-x, TANH), -y)


@pytest.mark.parametrize("kind", REFERENCE)
def test_nan_and_infinity_do_not_vanish(kind: int) -> None:
    x = np.zeros(16, np.float32)
    x[3] = np.nan
    y = activated(x, kind)
    assert np.isnan(y[3])
    assert np.isfinite(np.delete(y, 3)).all()
    if kind in (LINEAR, RELU, SOFTPLUS):
        x[3] = np.inf
        assert not np.isfinite(activated(x, kind)[3])


@pytest.mark.parametrize("n_classes", [1, 2, 3, 10])
def test_softmax_is_near_float64(n_classes: int) -> None:
    z = np.random.default_rng(n_classes).normal(0, 20, (n_classes, 1024)).astype(np.float32)
    z[:, 0] = 3e38 * np.linspace(-1, 1, n_classes)  # no overflow on the way
    exact = np.exp(z.astype(np.float64) - z.max(0))
    exact /= exact.sum(0)
    found = softmax_of(z.ravel(), n_classes).reshape(z.shape)
    assert np.abs(found - exact).max() <= 3e-7


def test_softmax_of_nan_is_nan_in_its_column_alone() -> None:
    z = np.zeros((3, 16), np.float32)
    z[1, 5] = np.nan
    found = softmax_of(z.ravel(), 3).reshape(3, 16)
    assert np.isnan(found[:, 5]).all()
    assert np.isfinite(np.delete(found, 5, axis=1)).all()


def test_errors_are_softmax_minus_target_weighted() -> None:
    random = np.random.default_rng(0)
    p = random.random((3, 32), np.float32)
    target = random.integers(3, size=32)
    scale = random.random(32, np.float32)
    found = errors_of(p.ravel(), 3, target.astype(np.float32), scale).reshape(3, 32)
    np.testing.assert_array_equal(found, (p - np.eye(3, dtype=np.float32)[:, target]) * scale)


@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_adam_takes_the_steps_of_torch(decay: float) -> None:
    random = np.random.default_rng(1)
    start = random.normal(size=64).astype(np.float32)
    reference = torch.from_numpy(start.astype(np.float64)).requires_grad_()
    optimizer = torch.optim.Adam([reference], lr=0.01, weight_decay=decay)
    params, m, v = start.copy(), np.zeros(64, np.float32), np.zeros(64, np.float32)
    for t in range(1, 101):
        grads = random.normal(size=64).astype(np.float32) * 10.0 ** random.integers(-6, 3)
        grads = grads.astype(np.float32)
        reference.grad = torch.from_numpy(grads.astype(np.float64))
        optimizer.step()
        step, unbias = 0.01 / (1 - 0.9**t), (1 - 0.999**t) ** -0.5
        adam_step(params, grads, m, v, np.float32(step), np.float32(unbias), np.float32(decay))
    assert np.abs(params - reference.detach().numpy()).max() <= 2e-6
    assert np.abs(params - start).min() > 1e-4


@pytest.mark.parametrize("decay", [0.0, 0.1])
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_descend_takes_the_steps_of_torch(momentum: float, decay: float) -> None:
    random = np.random.default_rng(2)
    start = random.normal(size=64).astype(np.float32)
    reference = torch.from_numpy(start.astype(np.float64)).requires_grad_()
    optimizer = torch.optim.SGD([reference], lr=0.01, momentum=momentum, weight_decay=decay)
    params, v = start.copy(), np.zeros(64, np.float32)
    for _ in range(100):
        grads = random.normal(size=64).astype(np.float32)
        reference.grad = torch.from_numpy(grads.astype(np.float64))
        optimizer.step()
        descend_step(params, grads, v, np.float32(0.01), np.float32(momentum), np.float32(decay))
    assert np.abs(params - reference.detach().numpy()).max() <= 2e-6
    assert np.abs(params - start).max() > 0.01
