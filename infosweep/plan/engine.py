"""Which engine trains a trial: decided by the study alone, so that the same study gives the same rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from infosweep.study.settings import n_parameters

if TYPE_CHECKING:
    from infosweep.plan.trial import Trial

# The fused engine keeps a network and its batch in the cache; beyond this, torch is as fast.
FUSED_PARAMETERS = 100_000
FUSED_INPUTS = 1024


def engine_of(trial: Trial) -> Literal["fused", "torch"]:
    """Return the engine that trains a trial; its settings alone decide, never the hardware."""
    if trial.training.engine != "auto":
        return trial.training.engine
    widths = trial.layer_widths
    small = n_parameters(widths) <= FUSED_PARAMETERS and widths[0] <= FUSED_INPUTS
    return "fused" if small else "torch"
