"""The examples that one trial learns from: a task, split and corrupted by the trial's seed."""

from __future__ import annotations

from dataclasses import dataclass

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from infosweep.seeds import generator

if TYPE_CHECKING:
    from infosweep.plan.trial import Trial


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


def make_problem(trial: Trial, task: Task | None = None) -> Problem:
    """Split and corrupt a task as a trial's seed says.

    One permutation of the examples per seed: the test part is its end (or the task's own test split), the
    training subset its first `n_train`, so subsets are nested. The validation part is the end of that subset, so
    the examples trained on are nested as well; they stay in the permutation's order. Label noise: every example
    has a threshold u and a class c drawn by the seed, and the given label is c where u < label_noise: what is
    corrupted at less noise is corrupted, to the same class, at more. c may be the true class. Test labels are
    never corrupted; a validation part keeps its noisy labels. Probe samples are the examples of a sample that
    come first in another permutation of the seed. All draws are made over all examples and then indexed.

    Args:
        trial: seed, sizes, label noise and samples are read.
        task: the trial's task, loaded if not given.
    """
    if task is None:
        from infosweep.data import load_task

        task = load_task(trial.task)
    n_all = len(task.labels)
    order = generator(trial.seed, "split").permutation(n_all - task.n_own_test)
    subset, fit = order[: trial.n_train], order[: trial.n_fit]
    test = np.arange(n_all - task.n_own_test, n_all) if task.n_own_test else np.sort(order[-trial.task.n_test :])

    threshold = generator(trial.seed, "noise", 0).random(n_all)
    redrawn = generator(trial.seed, "noise", 1).integers(task.n_classes, size=n_all)
    corrupted = subset[threshold[subset] < trial.label_noise]
    given = task.labels.copy()
    given[corrupted] = redrawn[corrupted]

    rank = generator(trial.seed, "probe").permutation(n_all)
    members = {"all": np.arange(n_all), "train": fit, "test": test}
    return Problem(
        inputs=task.inputs,
        labels=task.labels,
        given=given,
        n_classes=task.n_classes,
        fit=fit.copy(),
        validation=order[trial.n_fit : trial.n_train].copy(),
        test=test,
        probe={name: _first(members[name], rank, trial.record.probe) for name in trial.record.samples},
    )


def _first(examples: NDArray[np.int64], rank: NDArray[np.int64], at_most: int) -> NDArray[np.int64]:
    """Return, sorted, the examples of lowest rank."""
    return np.sort(examples[np.argsort(rank[examples])[:at_most]])
