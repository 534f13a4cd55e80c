"""Counting discrete codes exactly, and the plug-in information that the counts give.

Codes are numbered by an open-addressing hash table that compares whole codes, so two codes never share a
number. All sums are of c log2 c over counts c: with S_T, S_Y, S_TY these sums over the cells of T, of Y and
of both, H(T) = log2 n - S_T / n and I(T;Y) = log2 n - (S_T + S_Y - S_TY) / n (plug-in, in bits).
Cost: one pass over the examples each for numbering, grouping and joint counts.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from infosweep.errors import UsageError

CORRECTIONS = ("none",)

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_ONE = np.uint64(1)


@lru_cache(maxsize=16)
def nlogn_table(n: int) -> NDArray[np.float64]:
    """Return c log2 c for c in 0..n, shape (n + 1,)."""
    counts = np.arange(n + 1, dtype=np.float64)
    table = counts * np.log2(np.maximum(counts, 1))
    table.setflags(write=False)
    return table


def table_bits(n: int) -> int:
    """Return b such that a hash table of 2**b slots is at most half full with n codes."""
    return max(4, (2 * n - 1).bit_length())


@njit(cache=True, nogil=True)
def number_codes(
    codes: NDArray[np.uint64],
    span: np.uint64,
    bits: int,
    slots: NDArray[np.int32],
    keys: NDArray[np.uint64],
    ids: NDArray[np.int32],
) -> int:
    """Number distinct codes 0, 1, ... by first appearance into `ids`; return how many there are.

    `span` is an upper bound of the codes (all below it); `slots` has 2**bits entries, `keys` one per example.
    """
    slots[:] = -1
    found = 0
    if span <= np.uint64(slots.shape[0]):  # few possible codes: each is its own slot
        for j in range(codes.shape[0]):
            slot = np.int64(codes[j])
            number = slots[slot]
            if number < 0:
                number = found
                slots[slot] = found
                found += 1
            ids[j] = number
        return found
    mask = np.uint64(slots.shape[0] - 1)
    shift = np.uint64(64 - bits)
    for j in range(codes.shape[0]):
        code = codes[j]
        slot = (code * _GOLDEN) >> shift
        while True:
            number = slots[np.int64(slot)]
            if number < 0:
                slots[np.int64(slot)] = found
                keys[found] = code
                number = found
                found += 1
                break
            if keys[number] == code:
                break
            slot = (slot + _ONE) & mask
        ids[j] = number
    return found


@njit(cache=True, nogil=True)
def group_examples(
    ids: NDArray[np.int32],
    n_ids: int,
    columns: NDArray[np.int32],
    nlogn: NDArray[np.float64],
    counts: NDArray[np.int32],
    order: NDArray[np.int32],
    sizes: NDArray[np.int32],
) -> tuple[int, int, int, float]:
    """Gather the examples that share a code with another, group by group.

    Args:
        ids: (n,) number of each example's code, below `n_ids`.
        n_ids: how many codes there are.
        columns: (m,) the examples that count.
        nlogn: table of c log2 c.
        counts: scratch, at least `n_ids`.
        order: out, (m,): positions in `columns`, group after group.
        sizes: out, at least m // 2: examples in each group.

    Returns:
        number of groups, of distinct codes, of codes of a single example, and the sum of c log2 c over codes.
    """
    for i in range(n_ids):
        counts[i] = 0
    for j in range(columns.shape[0]):
        counts[ids[columns[j]]] += 1
    n_groups = 0
    n_codes = 0
    n_single = 0
    start = 0
    total = 0.0
    for i in range(n_ids):
        count = counts[i]
        counts[i] = -1  # from here on: where the group's next example goes; -1 for none
        if count > 0:
            n_codes += 1
        if count == 1:
            n_single += 1
        elif count > 1:
            total += float(nlogn[count])
            sizes[n_groups] = count
            n_groups += 1
            counts[i] = start
            start += count
    for j in range(columns.shape[0]):
        i = ids[columns[j]]
        place = counts[i]
        if place >= 0:
            order[place] = j
            counts[i] = place + 1
    return n_groups, n_codes, n_single, total


@njit(cache=True, nogil=True)
def joint_sums(
    order: NDArray[np.int32],
    sizes: NDArray[np.int32],
    n_groups: int,
    lanes: NDArray[np.signedinteger],
    n_lanes: int,
    n_classes: int,
    nlogn: NDArray[np.float64],
    sums: NDArray[np.float64],
) -> None:
    """Sum c log2 c over the joint cells of code and label, for many labellings at once.

    Args:
        order: positions of examples, group after group; see `group_examples`.
        sizes: examples in each group.
        n_groups: how many groups there are.
        lanes: (m, lanes) labels of each example, one labelling a lane; unused lanes are 0.
        n_lanes: lanes in use.
        n_classes: labels are below it.
        nlogn: table of c log2 c.
        sums: out, at least `n_lanes`. Cells of one example add nothing, so single codes are not needed.
    """
    sums[:] = 0.0
    if n_classes == 2:
        _binary_sums(order, sizes, n_groups, lanes, n_lanes, nlogn, sums)
    else:
        _class_sums(order, sizes, n_groups, lanes, n_lanes, n_classes, nlogn, sums)


@njit(cache=True, nogil=True)
def _binary_sums(
    order: NDArray[np.int32],
    sizes: NDArray[np.int32],
    n_groups: int,
    lanes: NDArray[np.signedinteger],
    n_lanes: int,
    nlogn: NDArray[np.float64],
    sums: NDArray[np.float64],
) -> None:
    """Add up whole rows of labels, which fills vector registers: the sums are the counts of label 1."""
    width = lanes.shape[1]
    ones = np.empty(width, np.int32)
    first = 0
    for g in range(n_groups):
        size = sizes[g]
        ones[:] = 0
        for q in range(first, first + size):
            row = order[q]
            for lane in range(width):
                ones[lane] += lanes[row, lane]
        for lane in range(n_lanes):
            sums[lane] += nlogn[ones[lane]] + nlogn[size - ones[lane]]
        first += size


@njit(cache=True, nogil=True)
def _class_sums(
    order: NDArray[np.int32],
    sizes: NDArray[np.int32],
    n_groups: int,
    lanes: NDArray[np.signedinteger],
    n_lanes: int,
    n_classes: int,
    nlogn: NDArray[np.float64],
    sums: NDArray[np.float64],
) -> None:
    seen = np.empty((n_classes, n_lanes), np.int32)
    seen[:] = 0
    first = 0
    for g in range(n_groups):
        size = sizes[g]
        for q in range(first, first + size):
            row = order[q]
            for lane in range(n_lanes):
                label = lanes[row, lane]
                count = seen[label, lane]
                sums[lane] += nlogn[count + 1] - nlogn[count]
                seen[label, lane] = count + 1
        for q in range(first, first + size):
            row = order[q]
            for lane in range(n_lanes):
                seen[lanes[row, lane], lane] = 0
        first += size


@njit(cache=True, nogil=True)
def information(log2_n: float, n: int, sum_t: float, sum_y: float, sum_ty: float) -> float:
    """Plug-in I(T;Y) in bits, from the sums of c log2 c; rounding alone can't take it out of [0, min(H)]."""
    value = log2_n - (sum_t + sum_y - sum_ty) / n
    most = log2_n - max(sum_t, sum_y) / n
    return max(0.0, min(value, most))


def mutual_information(a: ArrayLike, b: ArrayLike, correction: str = "none") -> float:
    """Plug-in mutual information of two discrete variables, in bits.

    I(A;B) = H(A) + H(B) - H(A,B) with relative frequencies for probabilities (Shannon 1948); biased upwards
    by about (K_a - 1)(K_b - 1) / (2 n ln 2) bits for independent A and B (Miller 1955).

    Args:
        a: (n,) codes of any type that sorts: integers, strings, booleans.
        b: (n,) codes of the same examples.
        correction: bias correction; this version has `none`.

    Returns:
        The information in bits, from 0 to the smaller entropy.

    Raises:
        UsageError: if shapes differ, an array is empty or holds NaN, or the correction is unknown.

    >>> mutual_information([0, 0, 1, 1], ["cat", "cat", "dog", "dog"])
    1.0
    >>> mutual_information([0, 0, 1, 1], [0, 1, 0, 1])
    0.0
    """
    if correction not in CORRECTIONS:
        raise UsageError(
            f"correction {correction!r} is not available in this version",
            mend=f"available: {', '.join(CORRECTIONS)}",
        )
    numbered = [_dense(values, name) for values, name in ((a, "a"), (b, "b"))]
    if numbered[0].size != numbered[1].size:
        raise UsageError(
            f"a has {numbered[0].size} examples but b has {numbered[1].size}",
            mend="give both codes of the same examples, in the same order",
        )
    n = numbered[0].size
    nlogn = nlogn_table(n)
    joint = numbered[0] * (int(numbered[1].max()) + 1) + numbered[1]
    sum_a, sum_b = (float(nlogn[np.bincount(values)].sum()) for values in numbered)
    sum_ab = float(nlogn[np.unique(joint, return_counts=True)[1]].sum())
    return float(information(np.log2(n), n, sum_a, sum_b, sum_ab))


def _dense(values: ArrayLike, name: str) -> NDArray[np.int64]:
    array = np.asarray(values)
    if array.ndim != 1 or array.size == 0:
        raise UsageError(
            f"{name} has shape {array.shape}",
            mend="give one code per example: a 1-d array that is not empty",
        )
    if array.dtype.kind in "fc" and np.isnan(array).any():
        raise UsageError(f"{name} holds NaN", mend="leave out examples without a code")
    if array.dtype.kind == "O":
        array = array.astype(str)
    return np.unique(array, return_inverse=True)[1].astype(np.int64)
