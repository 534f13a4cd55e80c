"""The 1,797 handwritten 8x8 digits that scikit-learn ships (the test part of a UCI data set)."""

from __future__ import annotations

import gzip
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


def make() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return inputs (1797, 64) float32, ink from 0 to 1 (sixteenths), and labels (1797,) int64."""
    table = _read()  # (1797, 65)
    return (table[:, :-1] / 16).astype(np.float32), table[:, -1].astype(np.int64)


def _read() -> NDArray[np.float64]:
    # The file beside sklearn.datasets, without importing that: it would cost every worker 3.5 s of CPU.
    spec = find_spec("sklearn")
    folders = (spec and spec.submodule_search_locations) or []
    for folder in folders:
        file = Path(folder, "datasets", "data", "digits.csv.gz")
        if file.exists():
            with gzip.open(file, "rt", encoding="ascii") as lines:
                return np.loadtxt(lines, delimiter=",")
    from sklearn.datasets import load_digits

    inputs, labels = load_digits(return_X_y=True)
    return np.column_stack([np.asarray(inputs), np.asarray(labels)])
