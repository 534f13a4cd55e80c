"""Compile the kernels, or load them from numba's cache, before anyone waits for them."""

from __future__ import annotations

import numpy as np

from infosweep.data.problem import Problem
from infosweep.measures.measurer import Measurer
from infosweep.plan.trial import Trial
from infosweep.snapshot import GradientMoments, Snapshot
from infosweep.study.settings import (
    Binary12Settings,
    BinsSettings,
    MlpSettings,
    RecordSettings,
    TrainingSettings,
)


def warm_up() -> None:
    """Measure one tiny network, so that every kernel of a run is compiled; takes seconds only the first time."""
    trial = Trial(
        trial_id="warm-up",
        content="{}",
        seed=0,
        task=Binary12Settings(),
        model=MlpSettings(),
        training=TrainingSettings(),
        record=RecordSettings(samples=("all",)),
        estimators=(BinsSettings(),),
        train_size=4,
        n_train=4,
        batch_size=2,
        batch_used=2,
        full_batch=False,
        depth=1,
        label_noise=0.0,
        hidden=(2,),
    )
    n = 8
    labels = np.arange(n) % 2
    problem = Problem(
        inputs=np.zeros((n, 1), np.float32),
        labels=labels,
        given=labels,
        n_classes=2,
        fit=np.arange(4),
        validation=np.arange(0),
        test=np.arange(4, n),
        probe={"all": np.arange(n)},
    )
    values = np.linspace(-1, 1, 2 * n, dtype=np.float32).reshape(2, n)
    moments = GradientMoments(n_batches=2, mean_norm=np.ones(2), std_norm=np.ones(2))
    measurer = Measurer(trial, problem)
    measurer.take(Snapshot(0, 0, (values, values), (values, values), values, moments))
