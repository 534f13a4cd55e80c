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
        inputs: (n, d) float32, all examples of the task; shared by trials, not to be written to.
        labels: (n,) int64, the true labels; shared likewise.
        given: (n,) int64, the labels that training sees: true outside the training subset.
        n_classes: number of classes.
        fit: (n_fit,) int64, the training examples without their validation part (split `train`), in the
            seed's order: a smaller subset is a prefix of a larger one.
        validation: (n_validation,) int64, with given (noisy) labels; empty where there is none.
        test: (n_test,) int64, sorted; labels never corrupted.
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

    All draws are made over all examples of the task and then indexed, so they depend on the seed alone:

    - Split: one permutation of the examples. The test part is its end (or the task's own test split), the
      training subset its first `n_train`, so subsets are nested. The validation part is the end of that
      subset, so the examples trained on are nested as well.
    - Label noise: each example has a threshold u in [0, 1) and a class c, uniform over the classes and
      perhaps the true one; in the training subset the given label is c where u < label_noise (Zhang et
      al. 2017). So what is corrupted at less noise is corrupted, to the same class, at more. Test labels
      are never corrupted; a validation part keeps its noisy labels.
    - Probe: the examples of a sample that come first in another permutation, at most `record.probe`.

    Args:
        trial: its seed, sizes, label noise and samples are read.
        task: the trial's task; loaded if not given.
    """
    if task is None:
        from infosweep.data import load_task

        task = load_task(trial.task)
    n_all = len(task.labels)
    n_pool = n_all - task.n_own_test
    order = generator(trial.seed, "split").permutation(n_pool)
    subset, fit = order[: trial.n_train], order[: trial.n_fit].copy()
    test = np.arange(n_pool, n_all)
    if not task.n_own_test:
        test = np.sort(order[n_pool - trial.task.n_test :])

    threshold = generator(trial.seed, "noise", 0).random(n_all)
    redrawn = generator(trial.seed, "noise", 1).integers(task.n_classes, size=n_all)
    corrupted = subset[threshold[subset] < trial.label_noise]
    given = task.labels.copy()
    given[corrupted] = redrawn[corrupted]

    rank = generator(trial.seed, "probe").permutation(n_all)
    members = {"all": np.arange(n_all), "train": fit, "test": test}
    samples = trial.record.samples
    return Problem(
        inputs=task.inputs,
        labels=task.labels,
        given=given,
        n_classes=task.n_classes,
        fit=fit,
        validation=order[trial.n_fit : trial.n_train].copy(),
        test=test,
        probe={name: _first(members[name], rank, trial.record.probe) for name in samples},
    )


def _first(examples: NDArray[np.int64], rank: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """Return, sorted, at most so many of the examples, those of lowest rank."""
    return np.sort(examples[np.argsort(rank[examples])[:most]])
