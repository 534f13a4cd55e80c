"""How well the output tells the classes apart: information of the decision and of ranks, area under the ROC curve.

None of these changes when the logits are rescaled by a strictly increasing map of their difference, so saturation
of the output can't move them, as it moves information in fixed bins.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from infosweep.information.counts import information

RANK_CELLS = 15


@njit(cache=True, nogil=True)
def table_information(table: NDArray[np.int32], nlogn: NDArray[np.float64]) -> float:
    """Plug-in information in bits of rows and columns of a table of counts."""
    n = 0
    sum_rows = 0.0
    sum_cells = 0.0
    sum_columns = 0.0
    for i in range(table.shape[0]):
        row = 0
        for k in range(table.shape[1]):
            row += table[i, k]
            sum_cells += float(nlogn[table[i, k]])
        sum_rows += nlogn[row]
        n += row
    for k in range(table.shape[1]):
        column = 0
        for i in range(table.shape[0]):
            column += table[i, k]
        sum_columns += nlogn[column]
    return information(np.log2(n), n, sum_rows, sum_columns, sum_cells)


@njit(cache=True, nogil=True)
def decision_information(
    predicted: NDArray[np.int32],
    labels: NDArray[np.int64],
    examples: NDArray[np.int32],
    n_classes: int,
    nlogn: NDArray[np.float64],
) -> float:
    """Plug-in information in bits of predicted and true class over `examples`."""
    table = np.zeros((n_classes, n_classes), np.int32)
    for j in examples:
        table[predicted[j], labels[j]] += 1
    return table_information(table, nlogn)


@njit(cache=True, nogil=True)
def ranked(
    members: NDArray[np.uint8],
    positive: NDArray[np.uint8],
    new_value: NDArray[np.uint8],
    bit: int,
    n_members: int,
    nlogn: NDArray[np.float64],
) -> tuple[float, float]:
    """Return the area under the ROC curve and the information of rank cell and label, over one split.

    The area is P(score of a positive > score of a negative) + P(equal) / 2 (Mann-Whitney U with mid-ranks). The
    cell of an example is floor(15 * (members with a smaller score) / members): equal scores share a cell.

    Args:
        members: (n,) bit set of the splits that each example is in, in ascending order of the score.
        positive: (n,) 1 for examples of the class, in that order.
        new_value: (n,) 1 where the score differs from the one before.
        bit: of the split.
        n_members: examples in the split.
        nlogn: table of c log2 c.

    Returns:
        area, NaN where a class has no example, and information in bits.
    """
    table = np.zeros((RANK_CELLS, 2), np.int32)
    mask = np.uint8(1 << bit)
    seen = 0  # members so far, and those of each kind below or among the present tie
    below = 0
    cell = 0
    tied_positive = 0
    tied_negative = 0
    positives = 0
    area = 0.0
    for place in range(members.shape[0]):
        if new_value[place]:
            area += tied_positive * (below + 0.5 * tied_negative)
            below += tied_negative
            tied_positive = 0
            tied_negative = 0
        if members[place] & mask:
            if tied_positive + tied_negative == 0:
                cell = RANK_CELLS * seen // n_members
            label = np.int64(positive[place])
            table[cell, label] += 1
            tied_positive += label
            tied_negative += 1 - label
            positives += label
            seen += 1
    area += tied_positive * (below + 0.5 * tied_negative)
    negatives = n_members - positives
    auc = area / positives / negatives if positives > 0 and negatives > 0 else np.nan
    return auc, table_information(table, nlogn)
