"""Norms and signal-to-noise ratios of minibatch gradients, per layer (Shwartz-Ziv & Tishby 2017, fig. 4)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from infosweep.snapshot import GradientMoments

COLUMNS = ("weight_norm", "mean_norm", "std_norm", "snr_raw", "snr")


def measure_gradients(
    weights: Sequence[NDArray[np.floating]], moments: GradientMoments | None
) -> NDArray[np.float64]:
    """Return per layer the columns COLUMNS, (layers, 5); null ones are NaN.

    snr_raw = mean_norm / std_norm grows with the noise of the mean itself; snr takes that off:
    sqrt(max(0, mean_norm^2 - std_norm^2 / n_batches)) / std_norm. All but weight_norm are null below two batches;
    both ratios are null where the gradients of all batches are equal.

    >>> moments = GradientMoments(4, np.array([1.0]), np.array([1.0]))
    >>> measure_gradients([np.eye(2, dtype=np.float32)], moments).round(4).tolist()
    [[1.4142, 1.0, 1.0, 1.0, 0.866]]
    """
    out = np.full((len(weights), len(COLUMNS)), np.nan)
    for layer, matrix in enumerate(weights):
        out[layer, 0] = np.sqrt(np.square(matrix, dtype=np.float64).sum())
    if moments is None or moments.n_batches < 2:
        return out
    mean, std = moments.mean_norm, moments.std_norm
    out[:, 1] = mean
    out[:, 2] = std
    noisy = std > 0
    out[noisy, 3] = mean[noisy] / std[noisy]
    signal = np.sqrt(np.maximum(mean**2 - std**2 / moments.n_batches, 0.0))
    out[noisy, 4] = signal[noisy] / std[noisy]
    return out
