"""Prepared samples: permuted labels, spread within and between classes, dead units."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from infosweep.information.samples import PERMUTATIONS, prepare, spread
from infosweep.seeds import permute, stream_key


def one_sample(labels, columns=None, n_columns=None, **options):
    columns = np.arange(labels.size) if columns is None else columns
    return prepare(
        ["all"],
        [columns],
        [labels],
        [None],
        n_columns=n_columns or labels.size,
        n_classes=int(labels.max()) + 1,
        seed=5,
        **options,
    )


def test_lanes_hold_true_given_and_permuted_labels(rng):
    labels = rng.integers(4, size=50)
    samples = one_sample(labels)
    assert samples.lanes.shape == (50, 24)
    np.testing.assert_array_equal(samples.lanes[:, 0], labels)
    np.testing.assert_array_equal(samples.lanes[:, 1], labels)
    for p in range(PERMUTATIONS):
        expected = labels.copy()
        permute(expected, stream_key(5, "null"), p)
        np.testing.assert_array_equal(samples.lanes[:, 2 + p], expected)
    assert not samples.lanes[:, 22:].any()


def test_more_classes_than_a_byte_counts(rng):
    labels = rng.permutation(1000)
    np.testing.assert_array_equal(one_sample(labels).lanes[:, 0], labels)


def test_entropies_of_labels():
    labels = np.array([0, 0, 1, 2])
    samples = one_sample(labels)
    assert samples.h_y.tolist() == [1.5]
    assert samples.log2_n.tolist() == [2.0]


@given(
    hnp.arrays(np.float32, (6, 30), elements=st.floats(-100, 100, width=32)),
    st.integers(1, 5),
    st.integers(0, 99),
)
def test_spread_equals_numpy_and_adds_up(rows, n_classes, seed):
    rng = np.random.default_rng(seed)
    rows[2] = rows[2, 0]
    columns = rng.permutation(30)[:20]
    labels = rng.integers(n_classes, size=20)
    samples = one_sample(labels, columns, 30)
    offsets = np.array([0, 4, 6])
    out = spread(rows, offsets, samples)
    assert out.shape == (1, 2, 3)
    for layer, (first, last) in enumerate([(0, 4), (4, 6)]):
        t = rows[first:last, columns].astype(np.float64)
        within = sum(
            (labels == y).mean() * t[:, labels == y].var(1).sum() for y in np.unique(labels)
        )
        between = sum(
            (labels == y).mean() * ((t[:, labels == y].mean(1) - t.mean(1)) ** 2).sum()
            for y in np.unique(labels)
        )
        dead = (t == t[:, :1]).all(1).mean()
        assert out[0, layer].tolist() == pytest.approx([dead, within, between], rel=1e-9, abs=1e-9)
        assert out[0, layer, 1] + out[0, layer, 2] == pytest.approx(
            t.var(1).sum(), rel=1e-9, abs=1e-9
        )


def test_collapse_is_seen_below_rounding_of_the_mean():
    """Classes 1 apart and 1e-9 wide: the variance within, 1e-18, is not lost beside that between."""
    labels = np.arange(200) % 2
    t = 0.5 + labels + 1e-9 * ((np.arange(200) // 2) % 2 - 0.5)
    _, within, between = spread(t[None, :], np.array([0, 1]), one_sample(labels))[0, 0]
    assert within == pytest.approx(0.25e-18, rel=1e-3)
    assert between == pytest.approx(0.25, rel=1e-12)
