"""`information_plane`: the table that users get for their own arrays, and what it says when they are wrong."""

from __future__ import annotations

import json

import numpy as np
import pytest

from infosweep.errors import UsageError
from infosweep.information import information_plane
from infosweep.tables import INFORMATION


def test_columns_are_those_of_the_table(rng):
    table = information_plane(
        [rng.normal(size=(30, 3)), rng.normal(size=(30, 2))], np.arange(30) % 3
    )
    expected = [
        column.name for column in INFORMATION.columns if column.name not in ("step", "epoch")
    ]
    assert table.columns.tolist() == expected
    for column in INFORMATION.columns:
        if column.name in expected:
            kind = {"string": "OUT", "int64": "iu", "double": "f", "bool": "b"}[column.type]
            assert table[column.name].dtype.kind in kind, column.name
            if not column.nullable:
                assert table[column.name].notna().all(), column.name
    assert table["layer"].tolist() == [1, 2]
    assert table["layer_name"].tolist() == ["layer 1", "layer 2"]
    assert table["width"].tolist() == [3, 2]
    assert set(table["sample"]) == {"all"}
    assert set(table["n"]) == {30}
    assert (
        table[["i_xt_lower", "i_xt_se", "i_ty_lower", "i_ty_se", "i_ty_given"]]
        .isna()
        .all(axis=None)
    )


def test_settings_are_recorded():
    table = information_plane([np.ones((3, 1))], [0, 1, 1], bins=60, range="per-layer")
    assert table["estimator"].item() == "bins"
    assert table["estimator_id"].item() == "bins(bins=60, range=per-layer)"
    assert json.loads(table["parameters"].item()) == {
        "bins": 60,
        "range": "per-layer",
        "correction": "none",
    }
    assert table["correction"].item() == "none"


def test_numpy_settings_and_names_are_taken(rng):
    t = rng.uniform(-1, 1, size=(40, 2)).astype(np.float32)
    labels = np.arange(40) % 2
    named = information_plane(
        {"conv": t, "head": t}, labels, bins=np.int64(12), range=np.array([-1, 1])
    )
    assert named["layer_name"].tolist() == ["conv", "head"]
    assert named["i_xt"].tolist() == information_plane([t, t], labels, bins=12)["i_xt"].tolist()
    edges = np.linspace(-1, 1, 5, dtype=np.float32)
    by_array = information_plane([t], labels, edges=edges)
    assert (
        by_array["i_xt"].tolist()
        == information_plane([t], labels, edges=edges.tolist())["i_xt"].tolist()
    )


def test_any_order_of_memory_and_any_real_dtype(rng):
    t = (rng.integers(-4, 5, size=(50, 3)) / 4).astype(np.float32)
    labels = np.array(["a", "b"] * 25) == "a"
    expected = information_plane([t], labels, bins=8)["i_ty"].item()
    for other in (
        t.astype(np.float64),
        t.astype(np.float16),
        np.asfortranarray(t),
        t[::-1][::-1],
        t.tolist(),
    ):
        assert (
            information_plane([other], labels.astype(np.uint8), bins=8)["i_ty"].item() == expected
        )
    whole = information_plane([(t * 4).astype(np.int8)], labels, bins=8, range=(-4, 4))
    assert whole["i_ty"].item() == expected


def test_layers_of_mixed_dtypes_keep_theirs(rng):
    """0.35 / 0.07 is 5 in float32 and below it in float64."""
    a = rng.uniform(-1, 1, size=(60, 2))
    b = rng.uniform(-3, 2, size=(60, 2)).astype(np.float32)
    labels = np.arange(60) % 3
    for settings in ({"width": 0.07}, {"range": "per-layer"}, {}):
        mixed = information_plane([a, b], labels, **settings)
        for i, t in enumerate([a, b]):
            assert mixed["i_ty"][i] == information_plane([t], labels, **settings)["i_ty"].item()
    mixed = information_plane([a, b], labels, range="per-epoch")
    same = information_plane([a, b.astype(np.float64)], labels, range="per-epoch")
    assert mixed["i_ty"].tolist() == same["i_ty"].tolist()
    assert set(mixed["estimator_id"]) == {"bins(range=per-epoch)"}


def test_labels_are_any_integers(rng):
    t = rng.uniform(-1, 1, size=(60, 1))
    labels = rng.integers(3, size=60)
    first = information_plane([t], labels)
    other = information_plane([t], np.array([-7, 10**12, 0])[labels])
    assert other["i_ty"].item() == pytest.approx(first["i_ty"].item(), abs=1e-12)


T = np.ones((3, 2), np.float32)


@pytest.mark.parametrize(
    ("layers", "labels", "settings", "message"),
    [
        ([T], [0, 1], {}, "layer 1 has 3 examples but there are 2 labels"),
        ({"conv": T[:2]}, [0, 1, 1], {}, "conv has 2 examples but there are 3 labels"),
        (
            [T, np.array([[1, 2], [3, np.nan], [5, 6]])],
            [0, 1, 1],
            {},
            r"layer 2 holds nan \(example 1, unit 1\)",
        ),
        (
            [np.array([[1], [3], [-np.inf]])],
            [0, 1, 1],
            {},
            r"layer 1 holds -inf \(example 2, unit 0\)",
        ),
        ([T], [0.0, 1.0, 1.0], {}, "labels are float64, not integers"),
        ([T], ["a", "b", "c"], {}, "labels are <U1, not integers"),
        ([T], [[0], [1], [1]], {}, r"labels have shape \(3, 1\)"),
        ([T[:0]], [], {}, r"labels have shape \(0,\)"),
        ([], [0, 1, 1], {}, "no layers"),
        ([T[:, 0]], [0, 1, 1], {}, r"layer 1 has shape \(3,\)"),
        ([T[:, :0]], [0, 1, 1], {}, "layer 1 has no units"),
        ([T.astype(complex)], [0, 1, 1], {}, "layer 1 holds complex128"),
        ([T.astype(str)], [0, 1, 1], {}, "layer 1 holds <U"),
        (
            [T],
            [0, 1, 1],
            {"estimator": "kde"},
            "'kde' is not available in this version\n.*available: bins",
        ),
        ([T], [0, 1, 1], {"bin": 3}, "unknown key 'bin'; did you mean 'bins'"),
        ([T], [0, 1, 1], {"bins": 0}, "bins must be a whole number"),
        ([T], [0, 1, 1], {"range": (1, -1)}, "range must go from low to high"),
        ([T], [0, 1, 1], {"edges": np.array([1.0, 0.0])}, "edges must increase"),
        (
            [T],
            [0, 1, 1],
            {"correction": "miller-madow"},
            "'miller-madow' is not available in this version",
        ),
    ],
)
def test_faults_have_words(layers, labels, settings, message):
    with pytest.raises(UsageError, match=message) as caught:
        information_plane(layers, labels, **settings)
    assert "mend:" in str(caught.value)


def test_labels_that_are_texts_are_told_how_to_be_numbered():
    with pytest.raises(UsageError) as caught:
        information_plane([T], ["cat", "dog", "cat"])
    assert "np.unique(labels, return_inverse=True)[1]" in str(caught.value)
