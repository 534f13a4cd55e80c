"""Rows of the table `information`: what every estimator shares, and `information_plane` for a user's arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from infosweep.errors import UsageError
from infosweep.information import estimator_module
from infosweep.information.samples import Samples, prepare, spread
from infosweep.study.settings import (
    AnyEstimator,
    estimator_id,
    estimator_parameters,
    estimator_settings,
)
from infosweep.tables import INFORMATION

if TYPE_CHECKING:
    import pandas as pd

SATURATED = 0.95

Estimates = dict[str, NDArray[np.float64]]


def information_columns(
    estimators: Sequence[AnyEstimator],
    estimates: Sequence[Sequence[Estimates]],
    spreads: Sequence[NDArray[np.float64]],
    samples: Samples,
    layers: Sequence[tuple[int, str, int]],
) -> dict[str, Any]:
    """Lay estimates out as columns of `information`, all but `step` and `epoch`.

    Args:
        estimators: settings of each estimator.
        estimates: per moment and estimator, what `measure_layers` returned.
        spreads: per moment, what `spread` returned.
        samples: the samples measured.
        layers: number, name and width of each layer.

    Returns:
        arrays and lists by column; rows by moment, estimator, sample, layer.
    """
    shape = (len(estimates), len(estimators), len(samples.names), len(layers))

    def per_estimator(values: Sequence[str]) -> list[str]:
        return np.broadcast_to(np.array(values, object)[:, None, None], shape).ravel().tolist()

    def per_sample(values: NDArray[Any]) -> NDArray[Any]:
        return np.broadcast_to(values[:, None], shape).ravel()

    def per_layer(values: NDArray[Any]) -> NDArray[Any]:
        return np.broadcast_to(values, shape).ravel()

    def estimated(column: str) -> NDArray[np.float64]:
        values = np.full(shape, np.nan)
        for moment, of_moment in enumerate(estimates):
            for e, of_estimator in enumerate(of_moment):
                if column in of_estimator:
                    values[moment, e] = of_estimator[column]
        return values.ravel()

    variances = np.array(spreads).reshape(shape[0], 1, *shape[2:], 3)
    log2_n = per_sample(samples.log2_n)
    columns: dict[str, Any] = {
        "layer": per_layer(np.array([number for number, _, _ in layers])),
        "layer_name": per_layer(np.array([name for _, name, _ in layers], object)).tolist(),
        "width": per_layer(np.array([width for _, _, width in layers])),
        "sample": per_sample(np.array(samples.names, object)).tolist(),
        "estimator_id": per_estimator([estimator_id(settings) for settings in estimators]),
        "estimator": per_estimator([settings.kind for settings in estimators]),
        "h_y": per_sample(samples.h_y),
        "n": per_sample(samples.sizes),
        "log2_n": log2_n,
        "dead_fraction": per_layer(variances[..., 0]),
        "within_class": per_layer(variances[..., 1]),
        "between_class": per_layer(variances[..., 2]),
        "saturated": estimated("i_xt") > SATURATED * log2_n,
        "correction": per_estimator([settings.correction for settings in estimators]),
        "parameters": per_estimator([estimator_parameters(settings) for settings in estimators]),
    }
    names = [column.name for column in INFORMATION.columns if column.name not in ("step", "epoch")]
    return {name: columns[name] if name in columns else estimated(name) for name in names}


def information_plane(
    layers: Sequence[ArrayLike] | Mapping[str, ArrayLike],
    labels: ArrayLike,
    estimator: str = "bins",
    *,
    seed: int = 0,
    **settings: Any,
) -> pd.DataFrame:
    """Measure how much information each layer holds about input and label.

    T is a layer of a deterministic network, so I(X;T) = H(T) for the estimator's codes. The null permutes the
    labels 20 times (`seed`). Definitions and units of the columns: `infosweep.tables.INFORMATION`.

    Args:
        layers: arrays (n, width), one a layer, of the same n examples; a mapping gives them names. float32 and
            float64 keep their dtype, other real numbers become the next of the two that holds them.
        labels: (n,) integer class labels.
        estimator: kind; this version has `bins`.
        seed: of the permutations of the null.
        settings: of the estimator. For `bins`: `bins` (30) equal cells over `range` ((-1, 1), "per-layer" or
            "per-epoch"), or `edges` (as numpy.digitize), or `width`, or `quantiles` (equal-count cells per unit).

    Returns:
        A row per layer with the columns of `information` (bits) but those of trial and moment.

    Raises:
        UsageError: if lengths differ, values are not finite, labels are no integers, or a setting is wrong.

    >>> table = information_plane([[[-0.9], [-0.8], [0.8], [0.9]]], [0, 0, 1, 1], bins=2)
    >>> table[["layer", "width", "i_xt", "i_ty", "h_y"]].to_dict("records")
    [{'layer': 1, 'width': 1, 'i_xt': 1.0, 'i_ty': 1.0, 'h_y': 1.0}]
    """
    import pandas as pd

    module = estimator_module(estimator)
    # numpy's arrays and numbers become Python's, which hold the same values.
    plain = {
        name: value.tolist() if isinstance(value, np.ndarray | np.generic) else value
        for name, value in settings.items()
    }
    chosen = estimator_settings({"kind": estimator, **plain})
    module.check(chosen)
    named = (
        list(layers.items())
        if isinstance(layers, Mapping)
        else [(f"layer {i + 1}", a) for i, a in enumerate(layers)]
    )
    if not named:
        raise UsageError("no layers", mend="give at least one array (n, width)")
    codes = _labels(labels)
    rows = [_rows(array, name, codes.size) for name, array in named]

    samples = prepare(
        ["all"],
        [np.arange(codes.size)],
        [codes],
        [None],
        n_columns=codes.size,
        n_classes=int(codes.max()) + 1,
        seed=seed,
    )
    # One pass takes layers of one dtype.
    groups = [rows] if len({array.dtype for array in rows}) == 1 else [[array] for array in rows]
    used = chosen
    if len(groups) > 1 and chosen.range == "per-epoch":
        ends = min(float(array.min()) for array in rows), max(float(array.max()) for array in rows)
        used = replace(chosen, range=ends)
    estimates, spreads = [], []
    for group in groups:
        stacked = np.ascontiguousarray(np.concatenate(group))
        offsets = np.cumsum([0, *(array.shape[0] for array in group)])
        estimates.append(module.measure_layers(stacked, offsets, samples, used))
        spreads.append(spread(stacked, offsets, samples))
    columns = information_columns(
        [chosen],
        [[{name: np.concatenate([e[name] for e in estimates], axis=1) for name in estimates[0]}]],
        [np.concatenate(spreads, axis=1)],
        samples,
        [(i + 1, name, rows[i].shape[0]) for i, (name, _) in enumerate(named)],
    )
    return pd.DataFrame(columns)


def _labels(labels: ArrayLike) -> NDArray[np.int64]:
    array = np.asarray(labels)
    if array.ndim != 1 or array.size == 0:
        raise UsageError(
            f"labels have shape {array.shape}",
            mend="give one label per example: (n,), n at least 1",
        )
    if array.dtype.kind not in "iub":
        raise UsageError(
            f"labels are {array.dtype}, not integers",
            mend="number the classes: np.unique(labels, return_inverse=True)[1]",
        )
    return np.unique(array, return_inverse=True)[1].astype(np.int64)


def _rows(layer: ArrayLike, name: str, n: int) -> NDArray[np.floating]:
    array = np.asarray(layer)
    if array.ndim != 2:
        raise UsageError(
            f"{name} has shape {array.shape}",
            mend="give (n, width), for example layer.reshape(len(layer), -1)",
        )
    if array.shape[0] != n:
        raise UsageError(
            f"{name} has {array.shape[0]} examples but there are {n} labels",
            mend="give activations as (n, width), one row per label",
        )
    if array.shape[1] == 0:
        raise UsageError(f"{name} has no units", mend="leave the layer out")
    if array.dtype.kind not in "fiub" or array.dtype.itemsize > 8:
        raise UsageError(f"{name} holds {array.dtype}", mend="give float32 or float64 activations")
    if array.dtype not in (np.float32, np.float64):
        array = array.astype(np.float32 if array.dtype == np.float16 else np.float64)
    finite = np.isfinite(array)
    if not finite.all():
        example, unit = np.argwhere(~finite)[0]
        raise UsageError(
            f"{name} holds {array[example, unit]} (example {example}, unit {unit})",
            mend="leave out examples whose activations are not finite",
        )
    return np.ascontiguousarray(array.T)
