from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from infosweep.data.problem import Problem
from infosweep.plan.trial import Trial
from infosweep.study.settings import (
    BinsSettings,
    DigitsSettings,
    MlpSettings,
    RecordSettings,
    TrainingSettings,
)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(11)


@pytest.fixture
def make_problem(rng) -> Callable[..., Problem]:
    """A problem of random labels; the last examples test, `n_validation` of the others validation."""

    def make(n=400, n_classes=2, n_test=100, n_validation=50, noise=0.2) -> Problem:
        order = rng.permutation(n)
        labels = np.concatenate([np.arange(n_classes), rng.integers(n_classes, size=n - n_classes)])
        train = order[: n - n_test]
        given = labels.copy()
        redrawn = train[rng.random(train.size) < noise]
        given[redrawn] = rng.integers(n_classes, size=redrawn.size)
        fit, test = train[n_validation:], np.sort(order[n - n_test :])
        return Problem(
            inputs=np.zeros((n, 3), np.float32),
            labels=labels,
            given=given,
            n_classes=n_classes,
            fit=fit,
            validation=train[:n_validation],
            test=test,
            probe={
                "all": np.sort(rng.permutation(n)[: n - 20]),
                "train": np.sort(fit)[::2],
                "test": test[5:],
            },
        )

    return make


@pytest.fixture
def make_trial() -> Callable[..., Trial]:
    def make(hidden=(4, 3), record=None, estimators=None, label_noise=0.2, seed=3) -> Trial:
        return Trial(
            trial_id="t",
            content="{}",
            seed=seed,
            task=DigitsSettings(),
            model=MlpSettings(hidden=hidden),
            training=TrainingSettings(),
            record=record or RecordSettings(),
            estimators=estimators or (BinsSettings(),),
            train_size=300,
            n_train=300,
            batch_size=32,
            batch_used=32,
            full_batch=False,
            depth=len(hidden),
            label_noise=label_noise,
            hidden=hidden,
        )

    return make
