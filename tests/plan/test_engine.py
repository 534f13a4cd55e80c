"""The engine: by the settings alone."""

from __future__ import annotations

import pytest

from infosweep.plan import trials_of
from infosweep.plan.engine import engine_of
from infosweep.study.settings import (
    Binary12Settings,
    MlpSettings,
    ResourceSettings,
    StudySettings,
    TrainingSettings,
)


@pytest.mark.parametrize(
    ("hidden", "engine", "expected"),
    [
        ((10, 7, 5), "auto", "fused"),
        ((10, 7, 5), "torch", "torch"),
        ((512, 512, 512), "auto", "torch"),
        ((512, 512, 512), "fused", "fused"),
    ],
)
def test_small_networks_are_fused_unless_the_study_says_otherwise(hidden, engine, expected):
    study = StudySettings(
        name="a",
        task=Binary12Settings(),
        model=MlpSettings(hidden=hidden),
        training=TrainingSettings(engine=engine),
        axes={
            "train_size": (0.5,),
            "batch_size": (64,),
            "depth": (len(hidden),),
            "label_noise": (0.0,),
        },
        resources=ResourceSettings(gpus=1),  # hardware does not decide
    )
    assert {engine_of(trial) for trial in trials_of(study)} == {expected}
