"""How networks learn: engines that yield snapshots.

- `fused` trains one small MLP per call on one CPU thread, in compiled loops that release the GIL.
- `torch_engine` trains packs of MLPs of equal shapes by batched matrix products, on CPU or CUDA.

Both draw the same initial weights and the same batches and take the same optimiser steps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from infosweep.study.settings import n_parameters

if TYPE_CHECKING:
    from infosweep.plan.trial import Trial

FUSED_PARAMETERS = 100_000
FUSED_INPUTS = 1024


def engine_of(trial: Trial) -> Literal["fused", "torch"]:
    """Return the engine that trains a trial; its settings alone decide, never the hardware."""
    if trial.training.engine != "auto":
        return trial.training.engine
    widths = trial.layer_widths
    small = n_parameters(widths) <= FUSED_PARAMETERS and widths[0] <= FUSED_INPUTS
    return "fused" if small else "torch"


def warm_up() -> None:
    """Compile the fused engine's kernels, or load them from numba's cache on disk; safe in a thread."""
    from infosweep.training.fused import warm_up

    warm_up()
