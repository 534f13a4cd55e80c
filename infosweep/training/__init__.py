"""How networks learn: engines that yield snapshots.

- `fused` trains one small MLP per call on one CPU thread, in compiled loops that release the GIL.
- `torch_engine` trains packs of MLPs of equal shapes by batched matrix products, on CPU or CUDA.
- `torch_network` trains any torch.nn.Module of the user's own, one at a time.

The first two draw the same initial weights and the same batches and take the same optimiser steps; the
third takes the same batches.
"""

from __future__ import annotations

from infosweep.plan.engine import engine_of

__all__ = ["engine_of", "warm_up"]


def warm_up() -> None:
    """Compile the fused engine's kernels, or load them from numba's cache on disk; safe in a thread."""
    from infosweep.training.fused import warm_up

    warm_up()
