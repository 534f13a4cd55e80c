"""Estimator `bins`: every rule against numpy, the laws of plug-in information, the null, the guard rails."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from infosweep.errors import UsageError
from infosweep.information import information_plane
from infosweep.information.bins import measure_layers
from infosweep.information.samples import prepare
from infosweep.seeds import permute, stream_key
from infosweep.study.settings import BinsSettings

RULES = [
    {},
    {"bins": 7},
    {"bins": 1},
    {"bins": 1000, "range": (-0.5, 0.3)},
    {"bins": 9, "range": (0.0, 1.0)},
    {"range": "per-layer"},
    {"bins": 100, "range": "per-epoch"},
    {"edges": tuple(np.linspace(-1, 1, 30).tolist())},
    {"edges": (0.25,)},
    {"edges": tuple(np.linspace(-2, 2, 500).tolist())},
    {"width": 0.07},
    {"width": 3.0},
    {"width": 1e-12},
    {"quantiles": 2},
    {"quantiles": 15},
]


def network(rng, n=300, widths=(12, 5, 3, 2), gain=2.0, dtype=np.float32):
    """Activations (n, width) of a random tanh network, and labels of three classes."""
    t = rng.choice([-1.0, 1.0], size=(n, 12))
    layers = []
    for width in widths:
        t = np.tanh(t @ rng.normal(scale=gain / np.sqrt(t.shape[1]), size=(t.shape[1], width)))
        layers.append(t.astype(dtype))
    return layers, rng.integers(3, size=n)


def nulls(labels, seed=0):
    out = []
    for p in range(20):
        shuffled = labels.copy()
        permute(shuffled, stream_key(seed, "null"), p)
        out.append(shuffled)
    return out


def agrees(row, expected):
    for column, value in expected.items():
        assert row[column] == pytest.approx(value, abs=1e-12, rel=1e-12, nan_ok=True), column


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("rule", RULES, ids=str)
def test_every_rule_equals_numpy(rng, reference, rule, dtype):
    layers, labels = network(rng, dtype=dtype)
    table = information_plane(layers, labels, seed=3, **rule)
    for row, t in zip(table.to_dict("records"), layers, strict=True):
        agrees(row, reference.row(t, labels, layers, nulls(labels, 3), **rule))


@pytest.mark.parametrize("gain", [0.05, 1.0, 40.0])
@pytest.mark.parametrize("n_classes", [1, 2, 3, 10, 200])
def test_class_counts_and_saturation(rng, reference, gain, n_classes):
    layers, _ = network(rng, gain=gain)
    labels = rng.integers(n_classes, size=300)
    table = information_plane(layers, labels)
    for row, t in zip(table.to_dict("records"), layers, strict=True):
        agrees(
            row, reference.row(t, labels, layers, nulls(np.unique(labels, return_inverse=True)[1]))
        )


def test_ibsgd_and_idnns_binnings_are_reproduced(rng, reference):
    """floor(t / .07) of artemyk/ibsgd, and digitize on linspace(-1, 1, 30) of ravidziv/IDNNs, as published."""
    layers, labels = network(rng)
    t = layers[1]
    ibsgd = np.floor(t / 0.07).astype(int)
    idnns = np.digitize(t, np.linspace(-1, 1, 30)) - 1
    for settings, codes in (({"width": 0.07}, ibsgd), ({"edges": np.linspace(-1, 1, 30)}, idnns)):
        row = information_plane([t], labels, **settings).iloc[0]
        assert row["i_xt"] == pytest.approx(reference.entropy(codes), abs=1e-12)
        assert row["i_ty"] == pytest.approx(reference.information(codes, labels), abs=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("bins", [1, 2, 3, 10, 30, 49, 1000])
@pytest.mark.parametrize(
    "ends", [(-1.0, 1.0), (0.1, 0.7), (-3e-6, 5e6), (100.0, 100.0001), (1.0, 1 + 1e-15)]
)
def test_values_on_and_beside_edges_go_where_digitize_puts_them(reference, dtype, bins, ends):
    edges = np.linspace(*ends, bins + 1)
    near = np.concatenate([edges, np.nextafter(edges, -np.inf), np.nextafter(edges, np.inf)])
    narrow = near.astype(np.float32)
    t = np.concatenate([near, narrow, np.nextafter(narrow, np.float32(9e9))]).astype(dtype)[:, None]
    codes, clipped = reference.equal_cells(t, bins, *ends)
    labels = codes[:, 0]  # the code says all about a label that is the reference's code
    row = information_plane([t], labels, bins=bins, range=ends).iloc[0]
    assert row["i_xt"] == pytest.approx(reference.entropy(codes), abs=1e-12)
    assert row["i_ty"] == pytest.approx(reference.entropy(codes), abs=1e-12)
    assert row["clipped_fraction"] == pytest.approx(clipped, abs=1e-15)


def test_codes_of_wide_layers_are_exact(rng, reference):
    """30^14 > 2^64: units that come late must still tell examples apart, and only where they differ."""
    t = np.zeros((64, 200), np.float32)
    t[:, 0] = rng.uniform(-1, 1, 64)
    t[:, 150] = rng.choice([-0.5, 0.5], 64)
    t[:, 199] = rng.choice([-0.5, 0.5], 64)
    labels = (t[:, 150] > 0).astype(int) + 2 * (t[:, 199] > 0)
    for settings in ({}, {"bins": 1_000_000}, {"width": 1e-3}, {"quantiles": 30}):
        row = information_plane([t], labels, **settings).iloc[0]
        codes, _ = reference.cells(t, [t], **settings)
        assert row["i_xt"] == pytest.approx(reference.entropy(codes), abs=1e-12)
        assert row["i_ty"] == pytest.approx(reference.entropy(labels), abs=1e-12)


def test_width_takes_cells_beyond_any_integer():
    t = np.array([[0.0], [-0.0], [1e30], [-1e30], [1e30], [1e-30]])
    row = information_plane([t], [0, 0, 1, 2, 1, 0], width=1e-20).iloc[0]
    assert row["unique_fraction"] == 3 / 6
    assert row["i_ty"] == pytest.approx(row["h_y"], abs=1e-12)


def test_width_divides_in_the_dtype_of_the_activations():
    """float32: 0.35 / 0.07 = 5.0 exactly, float64 just below: the two dtypes have other cells."""
    values = np.array([0.35, 0.36, 0.34])
    in_32 = information_plane([values.astype(np.float32)[:, None]], [0, 0, 1], width=0.07).iloc[0]
    in_64 = information_plane([values[:, None]], [0, 0, 1], width=0.07).iloc[0]
    for row, cells in (
        (in_32, np.floor(values.astype(np.float32) / np.float32(0.07))),
        (in_64, np.floor(values / 0.07)),
    ):
        assert row["unique_fraction"] == len(np.unique(cells)) / 3


def test_edges_are_compared_in_float64():
    """float32(.1) lies above .1, float32(.7) below .7: an edge cast to float32 would lie below both."""
    for edge, expected in ((0.1, 1.0), (0.7, 0.0)):
        t = np.array([[edge], [1.0], [0.0], [0.0]], np.float32)
        row = information_plane([t[:2]], [0, 1], edges=[edge]).iloc[0]
        assert row["i_xt"] == 1 - expected
        row = information_plane([t], [0, 0, 1, 1], edges=[edge]).iloc[0]
        assert (row["i_ty"] == 1) == bool(expected)


def test_constant_layer_tells_nothing():
    for rule in RULES:
        row = information_plane([np.full((9, 4), 0.5, np.float32)], np.arange(9) % 2, **rule).iloc[
            0
        ]
        assert row["i_xt"] == 0
        assert row["i_ty"] == 0
        assert row["i_ty_null"] == 0
        assert row["dead_fraction"] == 1
        assert row["unique_fraction"] == pytest.approx(1 / 9)


def test_null_is_near_the_bias_of_independent_variables(rng):
    """(K_t - 1)(K_y - 1) / (2 n ln 2) bits: Miller 1955."""
    n, k = 4000, 12
    t = ((2 * rng.integers(k, size=(n, 1)) + 1) / k - 1).astype(np.float32)
    for n_classes in (2, 5):
        row = information_plane([t], rng.integers(n_classes, size=n), bins=k).iloc[0]
        bias = (k - 1) * (n_classes - 1) / (2 * n * np.log(2))
        assert row["i_ty_null"] == pytest.approx(bias, rel=0.25)
        assert 0 < row["i_ty_null_sd"] < bias


def test_saturated_layer_says_the_same_of_any_labels(rng):
    t = np.tanh(rng.normal(size=(512, 10))).astype(np.float32)
    row = information_plane([t, t[:, :1]], rng.integers(2, size=512)).iloc
    assert row[0]["saturated"]
    assert row[0]["i_xt"] == 9
    assert row[0]["i_ty"] == row[0]["i_ty_null"]
    assert row[0]["i_ty_null_sd"] == 0
    assert not row[1]["saturated"]


def test_null_depends_on_the_seed_alone(rng):
    layers, labels = network(rng)
    first, again, other = (
        information_plane(layers, labels, seed=s)["i_ty_null"].iloc[-1] for s in (1, 1, 2)
    )
    assert first == again
    assert first != other


def test_samples_are_measured_as_if_alone(rng):
    """Ranges per layer and epoch and quantiles are those of the sample; other rules share their cells."""
    layers, labels = network(rng)
    subset = np.sort(rng.permutation(300)[:110])
    stacked = np.ascontiguousarray(np.concatenate([t.T for t in layers]))
    offsets = np.cumsum([0, *(t.shape[1] for t in layers)])
    noisy = np.where(rng.random(110) < 0.3, 0, labels[subset])
    samples = prepare(
        ["all", "train"],
        [np.arange(300), subset],
        [labels, labels[subset]],
        [None, noisy],
        n_columns=300,
        n_classes=3,
        seed=0,
    )
    for rule in RULES:
        both = measure_layers(stacked, offsets, samples, BinsSettings(**rule))
        whole = information_plane(layers, labels, **rule)
        alone = information_plane([t[subset] for t in layers], labels[subset], **rule)
        for column, values in both.items():
            if column != "i_ty_given":
                np.testing.assert_allclose(
                    values, [whole[column], alone[column]], rtol=0, atol=1e-12, err_msg=column
                )
        given_labels = information_plane([t[subset] for t in layers], noisy, **rule)
        assert np.isnan(both["i_ty_given"][0]).all()
        np.testing.assert_allclose(both["i_ty_given"][1], given_labels["i_ty"], rtol=0, atol=1e-12)


ACTIVATIONS = hnp.arrays(
    np.float32,
    st.tuples(st.integers(1, 40), st.integers(1, 4)),
    elements=st.floats(-1.5, 1.5, width=32),
)


@given(ACTIVATIONS, st.sampled_from(RULES), st.integers(0, 10))
def test_laws_of_plug_in_information(t, rule, seed):
    labels = np.random.default_rng(seed).integers(3, size=len(t))
    row = information_plane([t], labels, **rule).iloc[0]
    assert 0 <= row["i_ty"] <= min(row["h_t"], row["h_y"])
    assert 0 <= row["i_ty_null"] <= row["h_y"] + 1e-12
    assert row["i_xt"] == row["h_t"]
    assert 0 <= row["h_t"] <= row["log2_n"] + 1e-12
    assert row["singleton_fraction"] <= row["unique_fraction"] <= 1
    permuted = np.random.default_rng(seed).permutation(3)[labels]
    again = information_plane([t], permuted, **rule).iloc[0]
    assert again["i_ty"] == pytest.approx(row["i_ty"], abs=1e-12)


@given(ACTIVATIONS, st.integers(0, 10))
def test_processing_lowers_information(t, seed):
    """Cells of twice the width, and codes of fewer units, are functions of the code."""
    labels = np.random.default_rng(seed).integers(3, size=len(t))
    fine = information_plane([t], labels, bins=16).iloc[0]
    for coarse in (
        information_plane([t], labels, bins=8).iloc[0],
        information_plane([t[:, :1]], labels, bins=16).iloc[0],
    ):
        assert coarse["i_ty"] <= fine["i_ty"] + 1e-12
        assert coarse["i_xt"] <= fine["i_xt"] + 1e-12


@given(ACTIVATIONS)
def test_quantile_cells_are_equal_in_count_and_invariant(t):
    labels = np.arange(len(t)) % 2
    row = information_plane([t], labels, quantiles=4).iloc[0]
    mapped = information_plane(
        [np.arctan(t.astype(np.float64) * 8) * 3 + 1], labels, quantiles=4
    ).iloc[0]
    assert mapped["i_xt"] == pytest.approx(row["i_xt"], abs=1e-12)
    assert mapped["i_ty"] == pytest.approx(row["i_ty"], abs=1e-12)
    distinct = information_plane([np.arange(40.0)[:, None]], np.arange(40) % 2, quantiles=4).iloc[0]
    assert distinct["i_xt"] == 2


def test_faults_have_words():
    t = np.ones((3, 1), np.float32)
    with pytest.raises(UsageError, match="edges and width are different rules"):
        information_plane([t], [0, 1, 1], edges=[0.0], width=1.0)
    with pytest.raises(UsageError, match="width 1e-60 is 0 in float32"):
        information_plane([t], [0, 1, 1], width=1e-60)
