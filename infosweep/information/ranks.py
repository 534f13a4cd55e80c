"""Ordering numbers inside compiled code: a least-significant-digit radix sort of indices.

Six passes of 11 bits over the order-preserving bit pattern of a float64; passes in which all digits agree
are skipped (three of the six for numbers that were float32). Cost: about 10 ns a number, without comparisons.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

_DIGIT = 11
_MASK = np.uint64((1 << _DIGIT) - 1)
_SIGN = np.uint64(1 << 63)


@njit(cache=True, nogil=True)
def order_of(
    values: NDArray[np.float64],
    keys: NDArray[np.uint64],
    other_keys: NDArray[np.uint64],
    order: NDArray[np.int32],
    other_order: NDArray[np.int32],
) -> None:
    """Write into `order` the indices that sort `values` (finite), equal values by index; the rest is scratch.

    All arrays have the same length. -0.0 sorts before 0.0: compare values to find ties.
    """
    n = values.shape[0]
    histogram = np.zeros((6, 1 << _DIGIT), np.int32)
    for j in range(n):
        bits = np.float64(values[j]).view(np.uint64)
        key = ~bits if bits & _SIGN else bits | _SIGN
        keys[j] = key
        order[j] = j
        for digit in range(6):
            histogram[digit, np.int64((key >> np.uint64(_DIGIT * digit)) & _MASK)] += 1
    source_keys, source, target_keys, target = keys, order, other_keys, other_order
    passes = 0
    for digit in range(6):
        shift = np.uint64(_DIGIT * digit)
        counts = histogram[digit]
        if n == 0 or counts[np.int64((source_keys[0] >> shift) & _MASK)] == n:
            continue
        start = 0
        for i in range(1 << _DIGIT):
            count = counts[i]
            counts[i] = start
            start += count
        for j in range(n):
            key = source_keys[j]
            i = np.int64((key >> shift) & _MASK)
            place = counts[i]
            counts[i] = place + 1
            target_keys[place] = key
            target[place] = source[j]
        source_keys, source, target_keys, target = target_keys, target, source_keys, source
        passes += 1
    if passes % 2 == 1:
        for j in range(n):  # assigning slices takes numba seconds to compile
            order[j] = other_order[j]


@njit(cache=True, nogil=True)
def equal_count_cells(
    values: NDArray[np.float64],
    cells: int,
    keys: NDArray[np.uint64],
    other_keys: NDArray[np.uint64],
    order: NDArray[np.int32],
    other_order: NDArray[np.int32],
    cell: NDArray[np.int32],
) -> None:
    """Write into `cell` floor(cells * (how many values are smaller) / n) for each value.

    Equal values share a cell, and any strictly increasing map of the values leaves the cells as they are.
    """
    n = values.shape[0]
    order_of(values, keys, other_keys, order, other_order)
    smaller = 0
    for place in range(n):
        j = order[place]
        if place > 0 and values[j] != values[order[place - 1]]:
            smaller = place
        cell[j] = cells * smaller // n
