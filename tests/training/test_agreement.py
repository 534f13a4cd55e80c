"""The engines agree: both stay within 1e-5 of the loss of a float64 torch run, the judge."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from infosweep.training import fused
from infosweep.training.torch_engine import train_pack

ACTIVATIONS = ["tanh", "relu", "sigmoid", "softplus", "softsign", "linear"]
OPTIMIZERS = [("adam", 4e-4), ("sgd", 0.1), ("momentum", 0.01)]


def check(make, loss_of, **study) -> None:
    """Train with both engines and compare losses and gradient moments with the judge's."""
    (trial,), (problem,) = make(checkpoints=11, spacing="linear", **study)
    judge = [s for _, s in train_pack([trial], [problem], dtype=torch.float64)]
    packed = [s for _, s in train_pack([trial], [problem])]
    single = list(fused.train(trial, problem))
    # A ReLU whose input is near 0 may be on in one precision and off in the other.
    tolerance = 1e-3 if trial.model.activation == "relu" else 2e-5
    moved = abs(loss_of(judge[-1], problem) - loss_of(judge[0], problem))
    assert moved > 1e-4  # something was learned that could have differed
    for exact, *others in zip(judge, packed, single, strict=True):
        for other in others:
            assert (other.epoch, other.step) == (exact.epoch, exact.step)
            assert abs(loss_of(other, problem) - loss_of(exact, problem)) <= 1e-5
            for a, b in zip(other.activations, exact.activations, strict=True):
                np.testing.assert_allclose(a, b, atol=tolerance)
            for name in ("mean_norm", "std_norm"):
                found, wanted = getattr(other.gradients, name), getattr(exact.gradients, name)
                np.testing.assert_allclose(found, wanted, rtol=2e-3, atol=1e-5)


@pytest.mark.parametrize(("optimizer", "rate"), OPTIMIZERS)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_activations_and_optimisers(make, loss_of, activation, optimizer, rate) -> None:
    check(make, loss_of, steps=100, activation=activation, optimizer=optimizer, learning_rate=rate)


@pytest.mark.parametrize(("optimizer", "rate"), OPTIMIZERS)
def test_weight_decay(make, loss_of, optimizer, rate) -> None:
    check(make, loss_of, steps=100, weight_decay=0.05, optimizer=optimizer, learning_rate=rate)


@pytest.mark.parametrize("batch_size", [1, 60, 256, "full"])
def test_batch_sizes(make, loss_of, batch_size) -> None:
    check(make, loss_of, train_size=150, steps=100, batch_size=batch_size, validation=0.1)


def test_many_classes_and_wide_layers(make, loss_of) -> None:
    check(make, loss_of, task="digits", hidden=(130, 21), steps=50, batch_size=100)


def test_several_epochs(make, loss_of) -> None:
    check(make, loss_of, epochs=12, train_size=700, batch_size=64)
