"""A task of one's own: which of two interleaved spirals does a point lie on?"""

import numpy as np


def spirals():
    """Return inputs (1000, 2) in [-1, 1] and labels (1000,), 0 or 1."""
    # Seeded: each worker calls this, and must get the same examples.
    random = np.random.default_rng(0)
    labels = np.arange(1000) % 2
    turn = random.uniform(0.25, 1.5, 1000)  # how far along its spiral, in turns
    angle = 2 * np.pi * turn + np.pi * labels
    points = turn[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return (points + random.normal(0, 0.03, points.shape)) / 1.6, labels


def spirals_with_test():
    """Return the same with a test part of its own: 400 further points, without noise."""
    inputs, labels = spirals()
    turn = np.linspace(0.25, 1.5, 400)
    test_labels = np.arange(400) % 2
    angle = 2 * np.pi * turn + np.pi * test_labels
    test_inputs = turn[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1) / 1.6
    return {
        "inputs": inputs,
        "labels": labels,
        "test_inputs": test_inputs,
        "test_labels": test_labels,
        "n_classes": 2,
    }
