"""The micro-kernels against numpy in float64, over all shapes of blocks and their remainders."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit
from numpy.typing import NDArray

from infosweep.training import products

GUARD = 7.0  # written beyond what a kernel may touch


@njit
def multiplied(out, n_out, x, n_in, w, w_row, w_col, bias, bias_row, pitch):
    products.multiply(out, 2, n_out, x, 3, n_in, w, 1, w_row, w_col, bias, 4, bias_row, pitch)


@njit
def dots_added(out, n_out, n_in, d, x, pitch):
    products.add_dots(out, 2, n_out, n_in, d, 3, x, 1, pitch)


@njit
def gathered(out, pitch, inputs, width, order):
    products.gather(out, 2, pitch, inputs, 0, width, order, 1)


def placed(matrix: NDArray, before: int) -> NDArray[np.float32]:
    """Return the matrix flat, after `before` numbers that are not its own and before 20 more."""
    flat = matrix.astype(np.float32).ravel()
    return np.concatenate([np.full(before, GUARD), flat, np.full(20, GUARD)], dtype=np.float32)


sizes = st.integers(1, 19)
pitches = st.sampled_from([16, 32, 48, 64])


@settings(max_examples=60)
@given(sizes, sizes, pitches, st.booleans())
def test_multiply(n_out: int, n_in: int, pitch: int, transposed: bool) -> None:
    random = np.random.default_rng(n_out * 1000 + n_in)
    w, x = random.normal(size=(n_out, n_in)), random.normal(size=(n_in, pitch))
    bias = random.normal(size=n_out)
    out = placed(np.zeros((n_out, pitch)), 2)
    kept = w.T if transposed else w
    strides = (1, n_out) if transposed else (n_in, 1)
    bias_row = 0 if transposed else 1
    multiplied(
        out, n_out, placed(x, 3), n_in, placed(kept, 1), *strides, placed(bias, 4), bias_row, pitch
    )
    exact = w @ x + (bias[:1] if transposed else bias)[:, None]
    found = out[2 : 2 + n_out * pitch].reshape(n_out, pitch)
    np.testing.assert_allclose(found, exact, atol=2e-5)
    assert (np.delete(out, np.s_[2 : 2 + n_out * pitch]) == GUARD).all()


@settings(max_examples=60)
@given(sizes, sizes, pitches)
def test_add_dots(n_out: int, n_in: int, pitch: int) -> None:
    random = np.random.default_rng(n_out * 1000 + n_in)
    d, x = random.normal(size=(n_out, pitch)), random.normal(size=(n_in, pitch))
    before = random.normal(size=(n_out, n_in))
    out = placed(before, 2)
    dots_added(out, n_out, n_in, placed(d, 3), placed(x, 1), pitch)
    found = out[2 : 2 + n_out * n_in].reshape(n_out, n_in)
    np.testing.assert_allclose(found, before + d @ x.T, atol=2e-5)
    assert (np.delete(out, np.s_[2 : 2 + n_out * n_in]) == GUARD).all()


@settings(max_examples=30)
@given(st.sampled_from([4, 8, 12, 40, 64]), pitches)
def test_gather(width: int, pitch: int) -> None:
    random = np.random.default_rng(width + pitch)
    inputs = random.normal(size=(100, width)).astype(np.float32)
    order = random.integers(100, size=pitch + 1)
    out = placed(np.zeros((width, pitch)), 2)
    gathered(out, pitch, inputs.ravel(), width, order)
    found = out[2 : 2 + width * pitch].reshape(width, pitch)
    np.testing.assert_array_equal(found, inputs[order[1:]].T)
    assert (np.delete(out, np.s_[2 : 2 + width * pitch]) == GUARD).all()
