"""The examples that one trial learns from: a task, split and corrupted by the trial's seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Task:
    """A task's examples, in a fixed order, its own test split (if it has one) last.

    Attributes:
        name: the kind.
        inputs: (n, d) float32.
        labels: (n,) int64 in 0..n_classes-1.
        n_classes: number of classes.
        n_own_test: how many of the last examples are the task's own test split.
    """

    name: str
    inputs: NDArray[np.float32]
    labels: NDArray[np.int64]
    n_classes: int
    n_own_test: int = 0


@dataclass(frozen=True, slots=True)
class Problem:
    """A task as one trial sees it; index arrays point into the task's examples.

    Attributes:
        inputs: (n, d) float32, all examples of the task.
        labels: (n,) int64, the true labels.
        given: (n,) int64, the labels that training sees: true outside the training subset.
        n_classes: number of classes.
        fit: (n_fit,) int64, the training examples without their validation part (split `train`).
        validation: (n_validation,) int64, with given (noisy) labels; empty where there is none.
        test: (n_test,) int64, labels never corrupted.
        probe: sample name (all, train, test) -> sorted int64 indices, at most `record.probe` each.
    """

    inputs: NDArray[np.float32]
    labels: NDArray[np.int64]
    given: NDArray[np.int64]
    n_classes: int
    fit: NDArray[np.int64]
    validation: NDArray[np.int64]
    test: NDArray[np.int64]
    probe: dict[str, NDArray[np.int64]]

    @property
    def probe_union(self) -> NDArray[np.int64]:
        """Sorted indices of all examples in any probe sample: the columns of a snapshot's activations."""
        return np.unique(np.concatenate(list(self.probe.values())))
