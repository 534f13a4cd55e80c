"""What engines yield at a checkpoint and measures read: one network, frozen, with its activations.

Rows are units and columns are examples (`[unit, example]`) throughout: that is the layout in which the
fused engine computes and in which codes are counted fastest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class GradientMoments:
    """Minibatch gradients of the frozen network over one pass without replacement, per weight matrix.

    Attributes:
        n_batches: number of full batches in the pass (the last, smaller one is left out).
        mean_norm: (layers,) Frobenius norm of the mean gradient of the weights.
        std_norm: (layers,) Frobenius norm of the standard deviation (ddof 1) over batches; NaN if n_batches < 2.
    """

    n_batches: int
    mean_norm: NDArray[np.float64]
    std_norm: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One network at one checkpoint.

    Attributes:
        epoch: finished passes over the training subset; 0 before training.
        step: optimiser steps taken; 0 before training.
        weights: per layer (fan_out, fan_in) float32.
        activations: per layer (width, n_probe) float32, C order, over the probe examples; the last is the
            softmax output.
        logits: (n_classes, n) float32 over all examples of the problem.
        gradients: moments of the minibatch gradients.
        diverged: loss or weights stopped being finite; then the arrays must not be measured and nothing
            follows for this trial.
    """

    epoch: int
    step: int
    weights: tuple[NDArray[np.float32], ...]
    activations: tuple[NDArray[np.float32], ...]
    logits: NDArray[np.float32]
    gradients: GradientMoments | None
    diverged: bool = False
