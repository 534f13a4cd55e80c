"""What every estimator must provide and keep to; one run for each kind."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from infosweep.errors import UsageError
from infosweep.information import ESTIMATORS, estimator_module
from infosweep.information.samples import prepare
from infosweep.study import settings
from infosweep.tables import INFORMATION

pytestmark = pytest.mark.parametrize("kind", list(ESTIMATORS))


@pytest.fixture
def measured(rng):
    """Activations of two layers, and samples of all and of some examples."""
    labels = rng.integers(3, size=80)
    stacked = np.tanh(rng.normal(size=(5, 80)) + 0.3 * labels).astype(np.float32)
    return stacked, np.array([0, 3, 5]), labels


def samples_of(labels, parts):
    return prepare(
        list(parts),
        list(parts.values()),
        [labels[columns] for columns in parts.values()],
        [labels[columns] if name == "train" else None for name, columns in parts.items()],
        n_columns=labels.size,
        n_classes=3,
        seed=0,
    )


def test_kind_is_one_name_everywhere(kind):
    module = estimator_module(kind)
    assert module.__name__ == f"infosweep.information.{kind}"
    assert settings.ESTIMATORS[kind] is module.SETTINGS
    assert module.SETTINGS().kind == kind
    assert Path(__file__).with_name(f"test_{kind}.py").exists()
    module.check(module.SETTINGS())


def test_gives_columns_of_the_table(kind, measured):
    stacked, offsets, labels = measured
    module = estimator_module(kind)
    out = module.measure_layers(
        stacked, offsets, samples_of(labels, {"all": np.arange(80)}), module.SETTINGS()
    )
    assert {"i_xt", "i_ty"} <= set(out) <= {column.name for column in INFORMATION.columns}
    for values in out.values():
        assert values.shape == (1, 2)
    assert (out["i_xt"] >= out["i_ty"] - 1e-9).all()


def test_depends_on_sample_and_layer_alone_bit_for_bit(kind, measured):
    stacked, offsets, labels = measured
    module = estimator_module(kind)
    parts = {"all": np.arange(80), "train": np.arange(0, 80, 2), "test": np.arange(1, 80, 2)}
    before = stacked.copy()
    both = module.measure_layers(stacked, offsets, samples_of(labels, parts), module.SETTINGS())
    np.testing.assert_array_equal(stacked, before)
    turned = dict(reversed(parts.items()))
    again = module.measure_layers(stacked, offsets, samples_of(labels, turned), module.SETTINGS())
    last = module.measure_layers(
        stacked[3:],
        np.array([0, 2]),
        samples_of(labels, {"train": parts["train"]}),
        module.SETTINGS(),
    )
    for column, values in both.items():
        np.testing.assert_array_equal(again[column][::-1], values, err_msg=column)
        np.testing.assert_array_equal(last[column][0, 0], values[1, 1], err_msg=column)


def test_unknown_kind_is_refused_by_name(kind):
    with pytest.raises(UsageError, match="'mine' is not available in this version") as caught:
        estimator_module("mine")
    assert kind in str(caught.value)
