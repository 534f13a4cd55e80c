"""binary12: the published labels, by two rules."""

from __future__ import annotations

import itertools

import numpy as np

from infosweep.data import load_task
from infosweep.data.binary12 import ANTIPODES, NEIGHBOURS

PHI = (1 + np.sqrt(5)) / 2


def vertices() -> np.ndarray:
    """Unit vertices of the icosahedron in the order of the bits, (12, 3); science.md 2."""
    signs = list(itertools.product((1, -1), repeat=2))
    families = [
        *((0, s, t * PHI) for s, t in signs),
        *((s, t * PHI, 0) for s, t in signs),
        *((t * PHI, 0, s) for s, t in signs),
    ]
    order = [0, 2, 5, 8, 7, 6, 11, 1, 10, 3, 4, 9]
    return np.array(families)[order] / np.sqrt(1 + PHI**2)


def test_both_published_rules_give_the_same_4096_labels():
    task = load_task("binary12")
    score = task.inputs.sum(axis=1) + np.linalg.norm(task.inputs @ vertices(), axis=1)
    for theta in (7.56278, 7.63, 7.70129):  # any threshold of this interval
        np.testing.assert_array_equal(task.labels, score > theta)


def test_neighbours_and_antipodes_are_those_of_an_icosahedron():
    dots = vertices() @ vertices().T * (1 + PHI**2)
    edges = {(a, b) for a, b in zip(*np.nonzero(np.isclose(dots, PHI)), strict=True)}
    assert edges == {(a, b) for a in range(12) for b in NEIGHBOURS[a]}
    opposite = {
        (a, b) for a, b in zip(*np.nonzero(np.isclose(dots, -1 - PHI**2)), strict=True) if a < b
    }
    assert opposite == set(ANTIPODES)


def test_rows_are_binary_numbers_with_the_first_bit_most_significant():
    inputs = load_task("binary12").inputs
    assert inputs.dtype == np.float32
    np.testing.assert_array_equal(inputs @ 2.0 ** np.arange(11, -1, -1), np.arange(4096))
    assert inputs[2048].tolist() == [1] + [0] * 11


def test_label_entropy_is_the_published_one():
    labels = load_task("binary12").labels
    assert labels.sum() == 2118
    p = 2118 / 4096
    assert round(float(-p * np.log2(p) - (1 - p) * np.log2(1 - p)), 5) == 0.99916
