"""The 1,797 handwritten 8x8 digits of scikit-learn (a test part of the UCI Optical Recognition set)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def make() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return inputs (1797, 64) float32 in 0..1 (counts of ink, divided by 16) and labels (1797,) int64."""
    from sklearn.datasets import load_digits  # slow to import

    inputs, labels = load_digits(return_X_y=True)
    return (inputs / 16).astype(np.float32), labels.astype(np.int64)
