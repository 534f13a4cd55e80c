"""A network of the user's own trains as the MLP engine would train it, and leaves torch's generator alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from infosweep.data import make_problem
from infosweep.networks.mlp import initial_weights
from infosweep.plan.trials import trials_of
from infosweep.study import study_from_mapping
from infosweep.training import torch_engine, torch_network

TASK = {"kind": "binary12", "validation": 0.1}
FOUND = {"layers": ["1 Tanh", "3 Tanh"], "widths": [6, 4], "n_parameters": 116, "content": "any"}


def trial_of(model, **training):
    study = study_from_mapping(
        {
            "name": "own",
            "task": TASK,
            "model": model,
            "training": {"epochs": 4, **training},
            "axes": {"train_size": [0.05], "batch_size": [48], "label_noise": [0.3]},
            "record": {"checkpoints": 3, "probe": 200},
            "seeds": [5],
        }
    )
    (trial,) = trials_of(study)
    return trial, make_problem(trial)


@pytest.fixture
def own(monkeypatch):
    """Snapshots of a network built in this test, in place of a user's function."""

    def snapshots(build, **training):
        trial, problem = trial_of({"kind": "net:make", "found": FOUND}, **training)
        monkeypatch.setattr(torch_network, "find_function", lambda *_: _Blameless())
        monkeypatch.setattr(torch_network, "build", lambda *_: build())
        return list(torch_network.train(trial, problem))

    return snapshots


class _Blameless:
    @staticmethod
    def blamed(_: str):
        return torch.enable_grad()  # a context that changes nothing here


@pytest.mark.parametrize(
    "training",
    [
        {"optimizer": "adam", "learning_rate": 0.004, "weight_decay": 0.01},
        {"optimizer": "sgd", "learning_rate": 0.1},
        {"optimizer": "momentum", "learning_rate": 0.01, "weight_decay": 0.001},
    ],
    ids=["adam", "sgd", "momentum"],
)
def test_it_takes_the_steps_of_the_mlp_engine(own, training):
    trial, problem = trial_of({"hidden": [6, 4]}, **training)
    expected = [snapshot for _, snapshot in torch_engine.train_pack([trial], [problem])]

    def mlp():
        network = nn.Sequential(
            nn.Linear(12, 6), nn.Tanh(), nn.Linear(6, 4), nn.Tanh(), nn.Linear(4, 2)
        )
        for layer, (weights, bias) in zip((0, 2, 4), initial_weights(trial), strict=True):
            network[layer].weight.data = torch.as_tensor(weights)
            network[layer].bias.data = torch.as_tensor(bias)
        return network

    found = own(mlp, **training)
    assert len(found) == len(expected) == 3
    for mine, theirs in zip(found, expected, strict=True):
        assert (mine.epoch, mine.step, mine.diverged) == (theirs.epoch, theirs.step, False)
        np.testing.assert_allclose(mine.logits, theirs.logits, atol=1e-5)
        for a, b in zip(mine.activations, theirs.activations, strict=True):
            assert a.dtype == np.float32
            assert a.flags.c_contiguous
            np.testing.assert_allclose(a, b, atol=1e-5)
        for a, b in zip(mine.weights, theirs.weights, strict=True):
            np.testing.assert_allclose(a.ravel(), b.ravel(), atol=1e-5)
        assert mine.gradients is not None
        assert theirs.gradients is not None
        assert mine.gradients.n_batches == theirs.gradients.n_batches
        np.testing.assert_allclose(mine.gradients.mean_norm, theirs.gradients.mean_norm, rtol=1e-3)
        np.testing.assert_allclose(mine.gradients.std_norm, theirs.gradients.std_norm, rtol=1e-3)


def dropped():
    torch.default_generator.manual_seed(3)
    return nn.Sequential(
        nn.Linear(12, 6), nn.BatchNorm1d(6), nn.Tanh(), nn.Dropout(0.5), nn.Linear(6, 4), nn.Tanh(), nn.Linear(4, 2)
    )  # fmt: skip


def test_dropout_draws_by_the_seed_whatever_others_draw(own):
    first = own(dropped)
    torch.default_generator.manual_seed(77)
    torch.rand(5)
    second = own(dropped)
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a.logits, b.logits)
    assert np.abs(first[-1].logits - first[0].logits).max() > 1e-3  # it has learnt something


def test_torch_s_generator_is_left_as_it_was(own):
    network = dropped()
    before = torch.get_rng_state()
    own(lambda: network)
    assert torch.equal(torch.get_rng_state(), before)


def test_what_is_observed_changes_nothing(own):
    """Statistics of nn.BatchNorm move in training alone, not with the gradients of the frozen network."""
    network = dropped()
    own(lambda: network)
    n_steps = 4 * 4  # epochs x ceil(184 / 48)
    assert int(network[1].num_batches_tracked) == n_steps


def test_a_network_that_diverges_ends_with_a_snapshot_that_says_so(own):
    snapshots = own(
        lambda: nn.Sequential(nn.Linear(12, 6), nn.ReLU(), nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 2)),
        optimizer="sgd", learning_rate=1e30,
    )  # fmt: skip
    assert [snapshot.diverged for snapshot in snapshots] == [False, True]
    assert snapshots[-1].gradients is None
    assert snapshots[-1].epoch == 1
