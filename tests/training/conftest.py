"""Trials, problems and losses for the tests of the engines."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from infosweep.data.problem import Problem, make_problem
from infosweep.plan.trial import Trial
from infosweep.plan.trials import trials_of
from infosweep.snapshot import Snapshot
from infosweep.study import study_from_mapping

torch.set_num_threads(1)  # networks this small get slower with more

Made = tuple[list[Trial], list[Problem]]


@pytest.fixture(scope="session")
def make() -> Callable[..., Made]:
    """Return trials of one cell and their problems, by seeds; keywords go to the section that has them."""

    def make_trials(
        *,
        seeds: int = 1,
        task: str = "binary12",
        validation: float = 0.0,
        train_size: float = 0.85,
        batch_size: int | str = 256,
        label_noise: float = 0.2,
        hidden: tuple[int, ...] = (10, 7, 5, 4, 3),
        activation: str = "tanh",
        checkpoints: int = 2,
        spacing: str = "log",
        probe: int = 4096,
        **training: object,
    ) -> Made:
        study = study_from_mapping(
            {
                "name": "engines",
                "task": {"kind": task, "validation": validation},
                "model": {"hidden": list(hidden), "activation": activation},
                "training": training,
                "axes": {
                    "train_size": [train_size],
                    "batch_size": [batch_size],
                    "label_noise": [label_noise],
                },
                "record": {"checkpoints": checkpoints, "spacing": spacing, "probe": probe},
                "seeds": seeds,
            }
        )
        trials = trials_of(study)
        return trials, [make_problem(trial) for trial in trials]

    return make_trials


@pytest.fixture(scope="session")
def loss_of() -> Callable[[Snapshot, Problem], float]:
    """Return the mean cross entropy of the training examples in nats, in float64."""

    def loss(snapshot: Snapshot, problem: Problem) -> float:
        z = snapshot.logits[:, problem.fit].astype(np.float64)
        z -= z.max(0)
        chosen = z[problem.given[problem.fit], np.arange(len(problem.fit))]
        return float((np.log(np.exp(z).sum(0)) - chosen).mean())

    return loss
