"""Loss, accuracy and discrimination of every split, from the logits over all examples, in one compiled call."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from infosweep.data.problem import Problem
from infosweep.information.counts import nlogn_table
from infosweep.information.ranks import order_of
from infosweep.measures.discrimination import decision_information, ranked
from infosweep.measures.temperature import fit_temperature, losses

COLUMNS = (
    "loss",
    "loss_scaled",
    "temperature",
    "accuracy",
    "accuracy_true",
    "i_decision",
    "i_rank",
    "auc",
)


@dataclass(frozen=True, slots=True)
class Splits:
    """The splits of a problem in flat arrays.

    Attributes:
        names: of the splits.
        sizes: examples in each.
        starts: (splits + 1,) where each begins in `examples`.
        examples: int32 indices of examples, ascending within a split.
        members: (n,) uint8 bit set of the splits that an example is in.
        fitted_on: place of the split that the temperature is fitted on.
        labels: (n,) int64 true labels.
        given: (n,) int64 labels that training sees.
    """

    names: tuple[str, ...]
    sizes: tuple[int, ...]
    starts: NDArray[np.int64]
    examples: NDArray[np.int32]
    members: NDArray[np.uint8]
    fitted_on: int
    labels: NDArray[np.int64]
    given: NDArray[np.int64]


def splits_of(problem: Problem, *, noisy: bool) -> Splits:
    """Return train, validation, test, all and, with label noise, train_clean and train_corrupted.

    train_corrupted holds the training examples whose given label differs from the true one: a label that was redrawn
    and came out the same is clean. A split without examples is left out.
    """
    members = {
        "train": problem.fit,
        "validation": problem.validation,
        "test": problem.test,
        "all": np.arange(problem.labels.size),
    }
    if noisy:
        changed = problem.given[problem.fit] != problem.labels[problem.fit]
        members["train_clean"] = problem.fit[~changed]
        members["train_corrupted"] = problem.fit[changed]
    members = {
        name: np.sort(examples).astype(np.int32)
        for name, examples in members.items()
        if examples.size
    }
    bits = np.zeros(problem.labels.size, np.uint8)
    for bit, examples in enumerate(members.values()):
        bits[examples] |= np.uint8(1 << bit)
    names = tuple(members)
    return Splits(
        names=names,
        sizes=tuple(examples.size for examples in members.values()),
        starts=np.cumsum([0, *(examples.size for examples in members.values())]),
        examples=np.concatenate(list(members.values())),
        members=bits,
        fitted_on=names.index("validation" if "validation" in names else "train"),
        labels=problem.labels.copy(),  # copies can be written to, as compiled code expects of every array
        given=problem.given.copy(),
    )


def measure_curves(logits: NDArray[np.float32], splits: Splits) -> NDArray[np.float64]:
    """Measure every split.

    Losses (nats) and `accuracy` are against the given labels, the rest against the true ones; information in bits.
    `i_rank` ranks the logit difference and is NaN unless there are two classes. `auc` is the mean over classes, one
    against the rest, scored by the logit difference (two classes) or the log probability; NaN if a class is absent.
    The predicted class is the first of the largest logits.

    Args:
        logits: (n_classes, n) finite, over all examples.
        splits: the splits.

    Returns:
        (splits, len(COLUMNS)).
    """
    out = np.empty((len(splits.names), len(COLUMNS)))
    _measure(
        np.ascontiguousarray(logits),
        splits.labels,
        splits.given,
        splits.starts,
        splits.examples,
        splits.members,
        splits.fitted_on,
        nlogn_table(splits.labels.size),
        out,
    )
    return out


@njit(cache=True, nogil=True)
def _measure(
    logits: NDArray[np.float32],
    labels: NDArray[np.int64],
    given: NDArray[np.int64],
    starts: NDArray[np.int64],
    all_examples: NDArray[np.int32],
    members: NDArray[np.uint8],
    fitted_on: int,
    nlogn: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    n_classes, n = logits.shape
    shifted = np.empty((n_classes, n))
    predicted = np.empty(n, np.int32)
    _shift(logits, shifted, predicted)

    loss = np.empty(n)
    scaled = np.empty(n)
    scratch = np.empty((4 + n_classes, n))
    fitted = all_examples[starts[fitted_on] : starts[fitted_on + 1]]
    temperature = fit_temperature(shifted, given, fitted, scratch)
    losses(shifted, predicted, given, 1.0, loss)
    losses(shifted, predicted, given, 1.0 / temperature, scaled)
    for s in range(starts.shape[0] - 1):
        examples = all_examples[starts[s] : starts[s + 1]]
        total, total_scaled, right, right_true = 0.0, 0.0, 0, 0
        for j in examples:
            total += loss[j]
            total_scaled += scaled[j]
            right += predicted[j] == given[j]
            right_true += predicted[j] == labels[j]
        size = examples.shape[0]
        out[s, 0] = total / size
        out[s, 1] = total_scaled / size
        out[s, 2] = temperature
        out[s, 3] = right / size
        out[s, 4] = right_true / size
        out[s, 5] = decision_information(predicted, labels, examples, n_classes, nlogn)
        out[s, 6] = np.nan
        out[s, 7] = 0.0

    # Two classes are ranked once, by the logit difference; more by the log probability of each.
    binary = n_classes == 2
    score = np.empty(n)
    log_sum = loss
    if not binary:
        own = predicted.astype(np.int64)  # their shifted logit is 0, so log sum exp remains
        losses(shifted, predicted, own, 1.0, log_sum)
    for k in range(1 if binary else 0, n_classes):
        for j in range(n):
            if binary:
                score[j] = np.float64(logits[1, j]) - np.float64(logits[0, j])
            else:
                score[j] = shifted[k, j] - log_sum[j]
        _rank(score, k, n_classes, labels, starts, members, nlogn, out)


@njit(cache=True, nogil=True)
def _shift(
    logits: NDArray[np.float32], shifted: NDArray[np.float64], predicted: NDArray[np.int32]
) -> None:
    """Write the logits less each example's largest, and the first class that has it."""
    n_classes, n = logits.shape
    largest = logits[0].copy()
    predicted[:] = 0
    for k in range(1, n_classes):
        row = logits[k]
        for j in range(n):
            predicted[j] = k if row[j] > largest[j] else predicted[j]
            largest[j] = max(row[j], largest[j])
    for k in range(n_classes):
        for j in range(n):
            shifted[k, j] = np.float64(logits[k, j]) - np.float64(largest[j])


@njit(cache=True, nogil=True)
def _rank(
    score: NDArray[np.float64],
    positive_class: int,
    n_classes: int,
    labels: NDArray[np.int64],
    starts: NDArray[np.int64],
    members: NDArray[np.uint8],
    nlogn: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    """Add the area of one class to the mean in every split's `auc`; write `i_rank` where there are two classes.

    One order of all examples serves every split.
    """
    n = score.shape[0]
    keys, other_keys = np.empty(n, np.uint64), np.empty(n, np.uint64)
    order, other_order = np.empty(n, np.int32), np.empty(n, np.int32)
    members_sorted, positive, new_value = (
        np.empty(n, np.uint8),
        np.empty(n, np.uint8),
        np.empty(n, np.uint8),
    )
    order_of(score, keys, other_keys, order, other_order)
    for place in range(n):
        j = order[place]
        members_sorted[place] = members[j]
        positive[place] = labels[j] == positive_class
        new_value[place] = place > 0 and score[j] != score[order[place - 1]]
    for s in range(starts.shape[0] - 1):
        auc, i_rank = ranked(
            members_sorted, positive, new_value, s, starts[s + 1] - starts[s], nlogn
        )
        if n_classes == 2:
            out[s, 6] = i_rank
            out[s, 7] = auc
        else:
            out[s, 7] += auc / n_classes
