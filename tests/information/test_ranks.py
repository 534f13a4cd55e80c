"""The radix sort and cells by rank, against numpy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from infosweep.information.ranks import equal_count_cells, order_of

FINITE = hnp.arrays(
    np.float64,
    st.integers(0, 60),
    elements=st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from([0.0, -1.5, 2.0, 1e-320]),
)


def scratch(n):
    return (
        np.empty(n, np.uint64),
        np.empty(n, np.uint64),
        np.empty(n, np.int32),
        np.empty(n, np.int32),
    )


@given(FINITE)
def test_order_equals_a_stable_sort(values):
    keys, other_keys, order, other_order = scratch(values.size)
    order_of(values, keys, other_keys, order, other_order)
    # Numerically equal zeros are told apart by their sign.
    expected = np.lexsort((~np.signbit(values), values))
    np.testing.assert_array_equal(order, expected)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_order_of_many(rng, dtype):
    values = (
        np.concatenate([rng.normal(size=5000), rng.normal(size=3000).round(1)])
        .astype(dtype)
        .astype(float)
    ) + 0.0  # no negative zero: numpy takes both zeros as equal
    keys, other_keys, order, other_order = scratch(values.size)
    order_of(values, keys, other_keys, order, other_order)
    np.testing.assert_array_equal(order, np.argsort(values, kind="stable"))


@given(FINITE, st.integers(1, 20))
def test_cells_count_smaller_values(values, cells):
    cell = np.empty(values.size, np.int32)
    equal_count_cells(values, cells, *scratch(values.size), cell)
    smaller = (values[:, None] > values[None, :]).sum(1)
    np.testing.assert_array_equal(cell, cells * smaller // max(values.size, 1))
