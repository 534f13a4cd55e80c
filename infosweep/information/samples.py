"""A sample of examples prepared once for all layers, checkpoints and estimators: labels, permuted labels, spread.

The null of I(T;Y) permutes the labels 20 times, the same permutations for every layer and checkpoint, so that
its differences along a trajectory are differences of the network alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from infosweep.information.counts import nlogn_table
from infosweep.seeds import permute, stream_key

PERMUTATIONS = 20

_TRUE, _GIVEN, _FIRST_NULL = 0, 1, 2  # lanes


@dataclass(frozen=True, slots=True)
class Samples:
    """Samples of the columns of `[unit, example]` activations, one after the other in flat arrays.

    Attributes:
        names: of the samples, S of them.
        n_columns: columns of the activations that `columns` points into.
        starts: (S + 1,) where each sample begins in the arrays over `M` examples below.
        columns: (M,) int32 columns of the activations.
        lanes: (M, lanes) labels in 0..n_classes-1: true, given, permuted; zero-padded to a multiple of 8.
        permutations: permuted labellings.
        n_classes: number of classes.
        has_given: (S,) whether given labels differ in meaning from the true ones (sample `train`).
        label_sums: (S, 2) sum of c log2 c over the classes, true and given.
        by_class: (M,) int32 columns, within each sample sorted by true class.
        class_starts: (S, n_classes + 1) where each class begins in its part of `by_class`.
    """

    names: tuple[str, ...]
    n_columns: int
    starts: NDArray[np.int64]
    columns: NDArray[np.int32]
    lanes: NDArray[np.signedinteger]
    permutations: int
    n_classes: int
    has_given: NDArray[np.bool_]
    label_sums: NDArray[np.float64]
    by_class: NDArray[np.int32]
    class_starts: NDArray[np.int64]

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Examples in each sample, (S,)."""
        return np.diff(self.starts)

    @property
    def log2_n(self) -> NDArray[np.float64]:
        """The most that I(X;T) can be in each sample, (S,) bits."""
        return np.log2(self.sizes)

    @property
    def h_y(self) -> NDArray[np.float64]:
        """Entropy of the true label in each sample, (S,) bits."""
        return np.maximum(self.log2_n - self.label_sums[:, 0] / self.sizes, 0.0)


def prepare(
    names: Sequence[str],
    columns: Sequence[NDArray[np.int64]],
    labels: Sequence[NDArray[np.int64]],
    given: Sequence[NDArray[np.int64] | None],
    *,
    n_columns: int,
    n_classes: int,
    seed: int,
    permutations: int = PERMUTATIONS,
) -> Samples:
    """Prepare samples: each is a name, its columns, their true labels and given labels (None: not asked for).

    Permutation p of a sample's labels is drawn by `permute` with key (seed, "null") and counter p.
    """
    key = stream_key(seed, "null")
    dtype = np.int8 if n_classes <= np.iinfo(np.int8).max else np.int32
    n_lanes = _FIRST_NULL + permutations
    blocks, by_class, class_starts, label_sums = [], [], [], []
    for own, true, seen in zip(columns, labels, given, strict=True):
        block = np.zeros((true.size, -(-n_lanes // 8) * 8), dtype)
        block[:, _TRUE] = true
        block[:, _GIVEN] = true if seen is None else seen
        for p in range(permutations):
            shuffled = true.copy()
            permute(shuffled, key, p)
            block[:, _FIRST_NULL + p] = shuffled
        blocks.append(block)
        by_class.append(own[np.argsort(true, kind="stable")])
        class_starts.append(
            np.concatenate([[0], np.cumsum(np.bincount(true, minlength=n_classes))])
        )
        nlogn = nlogn_table(true.size)
        label_sums.append([nlogn[np.bincount(block[:, lane])].sum() for lane in (_TRUE, _GIVEN)])
    return Samples(
        names=tuple(names),
        n_columns=n_columns,
        starts=np.concatenate([[0], np.cumsum([true.size for true in labels])]).astype(np.int64),
        columns=np.concatenate(columns).astype(np.int32),
        lanes=np.ascontiguousarray(np.concatenate(blocks)),
        permutations=permutations,
        n_classes=n_classes,
        has_given=np.array([seen is not None for seen in given]),
        label_sums=np.array(label_sums),
        by_class=np.concatenate(by_class).astype(np.int32),
        class_starts=np.array(class_starts, dtype=np.int64),
    )


def spread(
    stacked: NDArray[np.floating], offsets: NDArray[np.int64], samples: Samples
) -> NDArray[np.float64]:
    """Return per sample and layer the share of dead units and the variances within and between classes.

    With mean m of a unit, mean m_y and share p_y of class y: within = sum over units of sum_y p_y E[(t - m_y)^2 | y],
    between = sum over units of sum_y p_y (m_y - m)^2 (population variances; they add up to the total variance).
    A unit is dead if its activation is the same for all examples of the sample.

    Args:
        stacked: (units of all layers, n) activations.
        offsets: (layers + 1,) where each layer begins in `stacked`.
        samples: the samples, over the columns of `stacked`.

    Returns:
        (samples, layers, 3): dead fraction, variance within, variance between.
    """
    out = np.empty((len(samples.names), offsets.size - 1, 3))
    _spread(stacked, offsets, samples.starts, samples.by_class, samples.class_starts, out)
    return out


# Sums may be reordered to fill vector registers; per machine type the result is fixed.
@njit(cache=True, nogil=True, fastmath={"reassoc", "contract", "nsz"})
def _sum(values: NDArray[np.float64]) -> float:
    total = 0.0
    for j in range(values.shape[0]):
        total += values[j]
    return total


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract", "nsz"})
def _squares(values: NDArray[np.float64], center: float) -> float:
    total = 0.0
    for j in range(values.shape[0]):
        total += (values[j] - center) * (values[j] - center)
    return total


@njit(cache=True, nogil=True)
def _unit_spread(
    values: NDArray[np.float64], bounds: NDArray[np.int64], means: NDArray[np.float64]
) -> tuple[bool, float, float]:
    """Return whether all values are equal, and their sums of squares within and between classes."""
    n = values.shape[0]
    same = 1
    while same < n and values[same] == values[0]:
        same += 1
    if same == n:
        return True, 0.0, 0.0
    total = 0.0
    within = 0.0
    between = 0.0
    for y in range(means.shape[0]):
        members = values[bounds[y] : bounds[y + 1]]
        if members.shape[0] > 0:
            class_sum = _sum(members)
            total += class_sum
            means[y] = class_sum / members.shape[0]
            within += _squares(members, means[y])
    for y in range(means.shape[0]):
        if bounds[y + 1] > bounds[y]:
            between += (bounds[y + 1] - bounds[y]) * (means[y] - total / n) ** 2
    return False, within, between


@njit(cache=True, nogil=True)
def _spread(
    stacked: NDArray[np.floating],
    offsets: NDArray[np.int64],
    starts: NDArray[np.int64],
    by_class: NDArray[np.int32],
    class_starts: NDArray[np.int64],
    out: NDArray[np.float64],
) -> None:
    means = np.empty(class_starts.shape[1] - 1)
    buffer = np.empty(stacked.shape[1])
    for s in range(starts.shape[0] - 1):
        examples = by_class[starts[s] : starts[s + 1]]
        n = examples.shape[0]
        for layer in range(offsets.shape[0] - 1):
            n_dead = 0
            within = 0.0
            between = 0.0
            for unit in range(offsets[layer], offsets[layer + 1]):
                row = stacked[unit]
                for j in range(n):
                    buffer[j] = row[examples[j]]
                dead, unit_within, unit_between = _unit_spread(buffer[:n], class_starts[s], means)
                n_dead += dead
                within += unit_within
                between += unit_between
            out[s, layer, 0] = n_dead / (offsets[layer + 1] - offsets[layer])
            out[s, layer, 1] = within / n
            out[s, layer, 2] = between / n
