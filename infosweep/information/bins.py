"""Estimator `bins`: plug-in information of binned activations, all layers and samples in one compiled pass.

T is the joint code of the cells of all units of a layer (Shwartz-Ziv & Tishby 2017; Saxe et al. 2018). A network
without noise gives H(T|X) = 0, so I(X;T) = H(T), whether or not inputs repeat; log2 n is its maximum, reached when
every example has its own code, and then neither number says anything: see `saturated` and `i_ty_null`.
Cost: about 0.1 ms a layer of ten units and 4,096 examples, and as much again for the 20 permutations of the null.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from infosweep.errors import UsageError
from infosweep.information.cells import BINS, EDGES, QUANTILES, WIDTH, joint_codes
from infosweep.information.counts import (
    group_examples,
    information,
    joint_sums,
    nlogn_table,
    table_bits,
)
from infosweep.information.samples import Samples
from infosweep.study.settings import BinsSettings

SETTINGS = BinsSettings

_RULES = {"bins": BINS, "edges": EDGES, "width": WIDTH, "quantiles": QUANTILES}
_FIXED, _PER_LAYER, _PER_EPOCH = 0, 1, 2

_COLUMNS = (
    "h_t",
    "i_ty",
    "i_ty_given",
    "i_ty_null",
    "i_ty_null_sd",
    "unique_fraction",
    "singleton_fraction",
    "clipped_fraction",
)


def check(settings: BinsSettings) -> None:
    """Raise UsageError if more than one rule places the edges."""
    others = [
        name for name in ("edges", "width", "quantiles") if getattr(settings, name) is not None
    ]
    if len(others) > 1:
        raise UsageError(
            f"{' and '.join(others)} are different rules for placing cells", mend="keep one of them"
        )


def measure_layers(
    stacked: NDArray[np.floating],
    offsets: NDArray[np.int64],
    samples: Samples,
    settings: BinsSettings,
) -> dict[str, NDArray[np.float64]]:
    """Measure all layers of one network on all samples.

    Args:
        stacked: (units of all layers, n) finite float32 or float64 activations, C order.
        offsets: (layers + 1,) where each layer begins in `stacked`.
        samples: samples of the n columns.
        settings: how cells are placed. Ranges per layer or epoch, and quantiles, are those of each sample.

    Returns:
        arrays (samples, layers) by column of the table `information`; in bits or fractions. NaN: not computed.

    Raises:
        UsageError: if `width` is 0 in the dtype of the activations.
    """
    width: Any = stacked.dtype.type(settings.width or 1.0)
    if width == 0:
        raise UsageError(
            f"width {settings.width} is 0 in {stacked.dtype}",
            mend="give a larger width, or float64 activations",
        )
    low, high = settings.range if isinstance(settings.range, tuple) else (0.0, 0.0)
    scope = {"per-layer": _PER_LAYER, "per-epoch": _PER_EPOCH}.get(str(settings.range), _FIXED)
    out = np.empty((len(_COLUMNS), len(samples.names), offsets.size - 1))
    _measure(
        stacked,
        offsets,
        _RULES[settings.rule],
        scope,
        settings.quantiles or settings.bins,
        float(low),
        float(high),
        np.asarray(settings.edges or (), dtype=np.float64),
        width,
        samples.starts,
        samples.columns,
        samples.lanes,
        samples.permutations,
        samples.n_classes,
        samples.has_given,
        samples.label_sums,
        nlogn_table(int(samples.sizes.max())),
        table_bits(samples.n_columns),
        out,
    )
    columns = dict(zip(_COLUMNS, out, strict=True))
    return {"i_xt": columns["h_t"], **columns}


@njit(cache=True, nogil=True)
def _extremes(rows: NDArray[np.floating], columns: NDArray[np.int32]) -> tuple[float, float]:
    low, high = np.inf, -np.inf
    for unit in range(rows.shape[0]):
        row = rows[unit]
        for j in range(columns.shape[0]):
            value = np.float64(row[columns[j]])
            low = min(low, value)
            high = max(high, value)
    return low, high


@njit(cache=True, nogil=True)
def _measure(
    stacked: NDArray[np.floating],
    offsets: NDArray[np.int64],
    rule: int,
    scope: int,
    cells: int,
    fixed_low: float,
    fixed_high: float,
    edges: NDArray[np.float64],
    width: float,
    starts: NDArray[np.int64],
    all_columns: NDArray[np.int32],
    all_lanes: NDArray[np.signedinteger],
    permutations: int,
    n_classes: int,
    has_given: NDArray[np.bool_],
    label_sums: NDArray[np.float64],
    nlogn: NDArray[np.float64],
    bits: int,
    out: NDArray[np.float64],
) -> None:
    n_columns = stacked.shape[1]
    n_samples = starts.shape[0] - 1
    slots = np.empty(1 << bits, np.int32)
    ids = np.empty(n_columns, np.int32)
    outside = np.empty(n_columns, np.int32)
    counts = np.empty(n_columns, np.int32)
    order = np.empty(n_columns, np.int32)
    sizes = np.empty(n_columns // 2 + 1, np.int32)
    sums = np.empty(all_lanes.shape[1])
    everything = np.empty(0, np.int32)
    identity = np.empty(n_columns, np.int32)
    for j in range(n_columns):
        identity[j] = j
    # Cells that do not depend on the sample are found once for all columns.
    own_cells = rule == QUANTILES or (rule == BINS and scope != _FIXED)

    lows, highs = np.empty(n_samples), np.empty(n_samples)
    if rule == BINS and scope == _PER_EPOCH:
        for s in range(n_samples):
            lows[s], highs[s] = _extremes(stacked, all_columns[starts[s] : starts[s + 1]])

    for layer in range(offsets.shape[0] - 1):
        rows = stacked[offsets[layer] : offsets[layer + 1]]
        n_ids = 0
        if not own_cells:
            n_ids = joint_codes(
                rows,
                everything,
                rule,
                cells,
                fixed_low,
                fixed_high,
                edges,
                width,
                bits,
                slots,
                ids,
                outside,
            )
        for s in range(n_samples):
            columns = all_columns[starts[s] : starts[s + 1]]
            lanes = all_lanes[starts[s] : starts[s + 1]]
            n = columns.shape[0]
            members = columns
            if own_cells:
                if rule == BINS and scope == _PER_LAYER:
                    lows[s], highs[s] = _extremes(rows, columns)
                n_ids = joint_codes(
                    rows,
                    columns,
                    rule,
                    cells,
                    lows[s],
                    highs[s],
                    edges,
                    width,
                    bits,
                    slots,
                    ids,
                    outside,
                )
                members = identity[:n]
            n_groups, n_codes, n_single, sum_t = group_examples(
                ids, n_ids, members, nlogn, counts, order, sizes
            )
            joint_sums(order, sizes, n_groups, lanes, 2 + permutations, n_classes, nlogn, sums)

            clipped = 0
            for j in range(n):
                clipped += outside[members[j]]
            out[5, s, layer] = n_codes / n
            out[6, s, layer] = n_single / n
            out[7, s, layer] = clipped / (n * rows.shape[0])
            _from_sums(n, sum_t, label_sums[s], sums, permutations, has_given[s], out[:, s, layer])


@njit(cache=True, nogil=True)
def _from_sums(
    n: int,
    sum_t: float,
    label_sums: NDArray[np.float64],
    sums: NDArray[np.float64],
    permutations: int,
    has_given: bool,
    row: NDArray[np.float64],
) -> None:
    """Write the first five of _COLUMNS from the sums of c log2 c over T, the labels and their joint cells."""
    log2_n = np.log2(n)
    row[0] = max(log2_n - sum_t / n, 0.0)
    row[1] = information(log2_n, n, sum_t, label_sums[0], sums[0])
    row[2] = information(log2_n, n, sum_t, label_sums[1], sums[1]) if has_given else np.nan
    excess = 0.0  # over the first, so that equal values have exactly their mean and no deviation
    for p in range(permutations):
        sums[2 + p] = information(log2_n, n, sum_t, label_sums[0], sums[2 + p])
        excess += sums[2 + p] - sums[2]
    mean = sums[2] + excess / permutations if permutations > 0 else np.nan
    squares = 0.0
    for p in range(permutations):
        squares += (sums[2 + p] - mean) ** 2
    row[3] = mean
    row[4] = np.sqrt(squares / (permutations - 1)) if permutations > 1 else np.nan
