"""Which engine trains a trial: decided by the study alone, so that the same study gives the same rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from infosweep.study.settings import MlpSettings

if TYPE_CHECKING:
    from infosweep.plan.trial import Trial

# A step at batch 256 on one core, fused against a torch pack of 8: 0.16 and 0.69 ms at 8,970 parameters, 2.1 and
# 3.7 ms at 85,002. Beyond that networks gain more from a GPU, which torch alone can use.
FUSED_PARAMETERS = 100_000
FUSED_INPUTS = 1024


def engine_of(trial: Trial) -> Literal["fused", "torch"]:
    """Return the engine that trains a trial; its settings alone decide, never the hardware."""
    if not isinstance(trial.model, MlpSettings):
        return "torch"
    if trial.training.engine != "auto":
        return trial.training.engine
    small = trial.n_parameters <= FUSED_PARAMETERS and trial.task.n_inputs <= FUSED_INPUTS
    return "fused" if small else "torch"
