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
    """

    names: tuple[str, ...]
    sizes: tuple[int, ...]
    starts: NDArray[np.int64]
    examples: NDArray[np.int32]
    members: NDArray[np.uint8]
    fitted_on: int


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
    )


def measure_curves(
    logits: NDArray[np.float32], problem: Problem, splits: Splits
) -> NDArray[np.float64]:
    """Measure every split.

    Losses (nats) and `accuracy` are against the given labels, the rest against the true ones; information in bits.
    `i_rank` ranks the logit difference and is NaN unless there are two classes. `auc` is the mean over classes, one
    against the rest, scored by the logit difference (two classes) or the log probability; NaN if a class is absent.
    The predicted class is the first of the largest logits.

    Args:
        logits: (n_classes, n) finite, over all examples.
        problem: gives the labels.
        splits: the splits.

    Returns:
        (splits, len(COLUMNS)).
    """
    out = np.empty((len(splits.names), len(COLUMNS)))
    _measure(
        logits,
        problem.labels,
        problem.given,
        splits.starts,
        splits.examples,
        splits.members,
        splits.fitted_on,
        nlogn_table(problem.labels.size),
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
    n_splits = starts.shape[0] - 1
    shifted = np.empty((n_classes, n))
    largest = np.empty(n)
    predicted = np.zeros(n, np.int32)
    for j in range(n):
        largest[j] = logits[0, j]
    for k in range(1, n_classes):
        for j in range(n):
            value = np.float64(logits[k, j])
            predicted[j] = k if value > largest[j] else predicted[j]
            largest[j] = max(value, largest[j])
    for k in range(n_classes):
        for j in range(n):
            shifted[k, j] = logits[k, j] - largest[j]

    loss = np.empty(n)
    scaled = np.empty(n)
    scratch = np.empty((4 + n_classes, n))
    fitted = all_examples[starts[fitted_on] : starts[fitted_on + 1]]
    temperature = fit_temperature(shifted, given, fitted, scratch)
    losses(shifted, predicted, given, 1.0, loss)
    losses(shifted, predicted, given, 1.0 / temperature, scaled)
    for s in range(n_splits):
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

    score = np.empty(n)
    keys, other_keys = np.empty(n, np.uint64), np.empty(n, np.uint64)
    order, other_order = np.empty(n, np.int32), np.empty(n, np.int32)
    members_sorted, positive, new_value = (
        np.empty(n, np.uint8),
        np.empty(n, np.uint8),
        np.empty(n, np.uint8),
    )
    log_sum = scratch[0]
    if n_classes > 2:
        losses(
            shifted, predicted, predicted.astype(np.int64), 1.0, log_sum
        )  # of logit 0: log sum exp remains
    for k in range(1 if n_classes == 2 else 0, n_classes):
        for j in range(n):
            if n_classes == 2:
                score[j] = np.float64(logits[1, j]) - np.float64(logits[0, j])
            else:
                score[j] = shifted[k, j] - log_sum[j]
        order_of(score, keys, other_keys, order, other_order)
        for place in range(n):
            j = order[place]
            members_sorted[place] = members[j]
            positive[place] = labels[j] == k
            new_value[place] = place > 0 and score[j] != score[order[place - 1]]
        for s in range(n_splits):
            auc, i_rank = ranked(
                members_sorted, positive, new_value, s, starts[s + 1] - starts[s], nlogn
            )
            if n_classes == 2:
                out[s, 6] = i_rank
                out[s, 7] = auc
            else:
                out[s, 7] += auc / n_classes
