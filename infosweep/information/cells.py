"""The cell of every activation under each rule of the estimator `bins`, and the joint code of all units.

Codes are exact: cells are joined in mixed radix into 64 bits while they fit; before they would overflow, the
codes so far are numbered by a hash table that compares them whole, and the numbers go on as the first digit.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from infosweep.information.counts import number_codes
from infosweep.information.ranks import equal_count_cells

BINS, EDGES, WIDTH, QUANTILES = 0, 1, 2, 3

_MAX_CELLS = 2**31 - 1  # cells are int32
_MAX_SPAN = np.uint64(2**64 - 1)
_FEW = 128  # edges
_EXACT = 2.0**53  # integers up to it are exact in float64


@njit(cache=True, nogil=True)
def equal_cells(
    values: NDArray[np.floating], cells: int, low: float, high: float, cell: NDArray[np.int32]
) -> int:
    """Write the cell of each value among `cells` equal ones over [low, high]; return how many lie outside.

    Cell k is [e_k, e_k+1) with e = numpy.linspace(low, high, cells + 1) in float64, the last one closed;
    values outside go into the first or last cell. Values are compared with the edges themselves, so a value
    that equals an edge lies where numpy.digitize puts it.
    """
    step = (high - low) / cells
    top = cells - 1
    outside = 0
    if step > 1e-14 * max(abs(low), abs(high)):
        inverse = 1.0 / step
        last = float(top)
        for j in range(values.shape[0]):
            value = np.float64(values[j])
            guess = np.int32(min(max((value - low) * inverse, 0.0), last))
            # The product rounds, by less than one cell: the edges decide.
            guess -= np.int32(value < guess * step + low)
            guess += np.int32(value >= (guess + 1) * step + low)
            cell[j] = min(max(guess, 0), top)
            outside += np.int32(value < low) + np.int32(value > high)
        return int(outside)
    for j in range(
        values.shape[0]
    ):  # edges that rounding may let coincide: count those not above the value
        value = np.float64(values[j])
        below, above = 0, cells
        while below < above:
            middle = (below + above) // 2
            if middle * step + low <= value:
                below = middle + 1
            else:
                above = middle
        cell[j] = top if value >= high else max(below - 1, 0)
        outside += np.int32(value < low) + np.int32(value > high)
    return int(outside)


@njit(cache=True, nogil=True)
def digitized_cells(
    values: NDArray[np.floating], edges: NDArray[np.float64], cell: NDArray[np.int32]
) -> None:
    """Write numpy.digitize(values, edges) for increasing edges: how many edges are not above each value."""
    if edges.shape[0] <= _FEW:  # counting fills vector registers, searching does not
        cell[:] = 0
        for k in range(edges.shape[0]):
            edge = edges[k]
            for j in range(values.shape[0]):
                cell[j] += np.int32(np.float64(values[j]) >= edge)
        return
    for j in range(values.shape[0]):
        value = np.float64(values[j])
        below, above = 0, edges.shape[0]
        while below < above:
            middle = (below + above) // 2
            if edges[middle] <= value:
                below = middle + 1
            else:
                above = middle
        cell[j] = below


@njit(cache=True, nogil=True)
def width_cells(
    values: NDArray[np.floating],
    width: float,
    bits: int,
    slots: NDArray[np.int32],
    floors: NDArray[np.float64],
    keys: NDArray[np.uint64],
    cell: NDArray[np.int32],
) -> int:
    """Write cells of floor(value / width) in the dtype of the values; return how many cells there may be."""
    low = np.inf
    high = -np.inf
    for j in range(values.shape[0]):
        floor = np.float64(np.floor(values[j] / width)) + 0.0  # + 0.0 makes -0.0 and 0.0 one cell
        floors[j] = floor
        low = min(low, floor)
        high = max(high, floor)
    if high - low < _MAX_CELLS and abs(low) < _EXACT and abs(high) < _EXACT:
        for j in range(values.shape[0]):
            cell[j] = np.int32(floors[j] - low)
        return int(high - low) + 1
    return number_codes(floors.view(np.uint64), _MAX_SPAN, bits, slots, keys, cell)


@njit(cache=True, nogil=True)
def quantile_cells(
    values: NDArray[np.floating],
    cells: int,
    floats: NDArray[np.float64],
    keys: NDArray[np.uint64],
    cell: NDArray[np.int32],
) -> None:
    """Write equal-count cells of the values, see `equal_count_cells`."""
    n = values.shape[0]
    for j in range(n):
        floats[j] = values[j]
    order = np.empty(n, np.int32)
    other_order = np.empty(n, np.int32)
    other_keys = np.empty(n, np.uint64)
    equal_count_cells(floats, cells, keys, other_keys, order, other_order, cell)


@njit(cache=True, nogil=True)
def joint_codes(
    rows: NDArray[np.floating],
    columns: NDArray[np.int32],
    rule: int,
    cells: int,
    low: float,
    high: float,
    edges: NDArray[np.float64],
    width: float,
    bits: int,
    slots: NDArray[np.int32],
    ids: NDArray[np.int32],
    outside: NDArray[np.int32],
) -> int:
    """Number the joint codes of all units over some examples.

    Args:
        rows: (units, n) activations.
        columns: (m,) examples to take; empty for all n.
        rule: BINS, EDGES, WIDTH or QUANTILES, with `cells`, `low`, `high`, `edges`, `width` as it needs them.
        cells: how many, for BINS and QUANTILES.
        low: lower end of the range, for BINS.
        high: upper end of the range, for BINS.
        edges: increasing edges, for EDGES.
        width: width of a cell in the dtype of `rows`, for WIDTH.
        bits: size of the hash table, see `table_bits`.
        slots: scratch, (2**bits,).
        ids: out, (m,): number of each example's code.
        outside: out, (m,): units of each example that lie outside the range.

    Returns:
        how many codes there are.
    """
    gather = columns.shape[0] > 0
    m = columns.shape[0] if gather else rows.shape[1]
    cell = np.empty(m, np.int32)
    codes = np.empty(m, np.uint64)
    keys = np.empty(m, np.uint64)
    floats = np.empty(m, np.float64)
    gathered = np.empty(m, rows.dtype)
    codes[:] = np.uint64(0)
    outside[:] = 0
    span = np.uint64(1)
    for unit in range(rows.shape[0]):
        values = rows[unit]
        if gather:
            for j in range(m):
                gathered[j] = values[columns[j]]
            values = gathered
        radix = cells
        if rule == BINS:
            if equal_cells(values, cells, low, high, cell) > 0:
                for j in range(m):
                    outside[j] += np.int32(values[j] < low or values[j] > high)
        elif rule == EDGES:
            radix = edges.shape[0] + 1
            digitized_cells(values, edges, cell)
        elif rule == WIDTH:
            radix = width_cells(values, width, bits, slots, floats, keys, cell)
        else:
            quantile_cells(values, cells, floats, keys, cell)
        span = _append(codes, span, cell, np.uint64(radix), bits, slots, keys, ids[:m])
    return number_codes(codes, span, bits, slots, keys, ids[:m])


@njit(cache=True, nogil=True)
def _append(
    codes: NDArray[np.uint64],
    span: np.uint64,
    cell: NDArray[np.int32],
    radix: np.uint64,
    bits: int,
    slots: NDArray[np.int32],
    keys: NDArray[np.uint64],
    ids: NDArray[np.int32],
) -> np.uint64:
    """Make `cell` (below `radix`) the last digit of `codes` (below `span`); return their new bound."""
    if span > _MAX_SPAN // radix:
        span = np.uint64(number_codes(codes, span, bits, slots, keys, ids))
        for j in range(codes.shape[0]):
            codes[j] = np.uint64(ids[j])
    for j in range(codes.shape[0]):
        codes[j] = codes[j] * radix + np.uint64(cell[j])
    return span * radix
