"""The torch engine: its packs against torch.optim one network at a time, isolation, devices."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from infosweep.networks.mlp import initial_weights
from infosweep.plan.checkpoints import checkpoints_of
from infosweep.seeds import permute, stream_key
from infosweep.training import torch_engine
from infosweep.training.torch_engine import train_pack


def by_network(pack, n: int) -> list[list]:
    """Sort a pack's snapshots by network."""
    sorted_ = [[] for _ in range(n)]
    for i, snapshot in pack:
        sorted_[i].append(snapshot)
    return sorted_


def plain_network(trial, problem) -> list[np.ndarray]:
    """Train with torch.nn and torch.optim in float64 and return the weights."""
    modules: list[torch.nn.Module] = []
    for weights, bias in initial_weights(trial):
        layer = torch.nn.Linear(weights.shape[1], weights.shape[0], dtype=torch.float64)
        layer.weight.data = torch.from_numpy(weights).double()
        layer.bias.data = torch.from_numpy(bias).double()
        modules += [layer, torch.nn.ReLU()]
    network = torch.nn.Sequential(*modules[:-1])
    settings = trial.training
    if settings.optimizer == "adam":
        optimizer: torch.optim.Optimizer = torch.optim.Adam(
            network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
        )
    else:
        optimizer = torch.optim.SGD(
            network.parameters(),
            lr=settings.learning_rate,
            momentum=settings.used_momentum,
            weight_decay=settings.weight_decay,
        )
    inputs = torch.from_numpy(problem.inputs).double()
    labels = torch.from_numpy(problem.given)
    for epoch in range(1, settings.epochs + 1):
        order = problem.fit.copy()
        permute(order, stream_key(trial.seed, "shuffle"), epoch)
        for batch in torch.from_numpy(order).split(trial.batch_used):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(network(inputs[batch]), labels[batch]).backward()
            optimizer.step()
    return [module.weight.detach().numpy() for module in modules[::2]]


@pytest.mark.parametrize("optimizer", ["adam", "sgd", "momentum"])
def test_a_pack_in_float64_is_torch_optim_network_by_network(make, optimizer) -> None:
    packed = {
        "epochs": 3,
        "optimizer": optimizer,
        "activation": "relu",
        "hidden": (6, 4),
        "train_size": 500,
    }
    trials, problems = make(**packed, learning_rate=0.01, weight_decay=0.0, seeds=2)
    more = make(**packed, learning_rate=0.02, weight_decay=0.05, label_noise=0.0)
    trials, problems = trials + more[0], problems + more[1]
    networks = by_network(train_pack(trials, problems, dtype=torch.float64), len(trials))
    for trial, problem, snapshots in zip(trials, problems, networks, strict=True):
        for found, exact in zip(snapshots[-1].weights, plain_network(trial, problem), strict=True):
            np.testing.assert_allclose(found, exact, atol=1e-12)


def test_every_network_yields_every_checkpoint_and_the_same_bits_again(make) -> None:
    trials, problems = make(seeds=3, epochs=4, checkpoints=4, hidden=(5, 3), probe=200)
    once = by_network(train_pack(trials, problems), 3)
    again = by_network(train_pack(trials, problems), 3)
    for trial, problem, a, b in zip(trials, problems, once, again, strict=True):
        assert [(s.epoch, s.step) for s in a] == list(checkpoints_of(trial))
        assert a[0].activations[0].shape == (5, len(problem.probe_union))
        assert a[0].logits.shape == (2, len(problem.inputs))
        for x, y in zip(a, b, strict=True):
            assert np.array_equal(x.logits, y.logits)
            assert all(map(np.array_equal, x.activations, y.activations))
            assert x.logits.dtype == np.float32
            assert all(part.flags.c_contiguous for part in (*x.activations, *x.weights, x.logits))


def test_a_network_that_diverges_leaves_its_mates_untouched(make) -> None:
    common = {
        "epochs": 30,
        "optimizer": "sgd",
        "activation": "relu",
        "hidden": (6,),
        "checkpoints": 4,
    }
    (sane,), (problem,) = make(**common, learning_rate=0.01)
    (wild,), _ = make(**common, learning_rate=1e20)
    (tame,), _ = make(**common, learning_rate=0.02)
    mixed = by_network(train_pack([sane, wild, tame], [problem] * 3), 3)
    calm = by_network(train_pack([sane, sane, tame], [problem] * 3), 3)
    assert [s.diverged for s in mixed[1]][-1:] == [True]
    assert sum(s.diverged for s in mixed[1]) == 1
    assert mixed[1][-1].step < sane.n_steps
    assert mixed[1][-1].gradients is None
    for i in (0, 2):
        assert len(mixed[i]) == len(calm[i]) == len(checkpoints_of(sane))
        for x, y in zip(mixed[i], calm[i], strict=True):
            assert np.array_equal(x.logits, y.logits)
            assert np.array_equal(x.gradients.std_norm, y.gradients.std_norm)


def test_a_pack_ends_when_all_have_diverged(make) -> None:
    trials, problems = make(
        seeds=2, epochs=3000, optimizer="sgd", activation="relu", hidden=(6,), learning_rate=1e20
    )
    snapshots = by_network(train_pack(trials, problems), 2)
    assert [s[-1].diverged for s in snapshots] == [True, True]
    assert max(s[-1].epoch for s in snapshots) < 100


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"hidden": (5,)}, "layer widths"),
        ({"activation": "relu"}, "activation"),
        ({"optimizer": "sgd"}, "optimizer"),
        ({"train_size": 400}, "number of training examples"),
        ({"batch_size": 32}, "batch size"),
        ({"epochs": 3}, "checkpoints"),
    ],
)
def test_networks_that_differ_are_refused(make, change, name) -> None:
    base = {"hidden": (6,), "epochs": 2, "train_size": 500}
    trials, problems = make(**base)
    other = make(**{**base, **change})
    with pytest.raises(ValueError, match=f"a pack holds networks of equal {name}: .* of trial"):
        list(train_pack(trials + other[0], problems + other[1]))


def test_problems_may_hold_different_inputs(make) -> None:
    trials, problems = make(seeds=2, epochs=2, hidden=(4,), train_size=200)
    own = [problems[0], type(problems[1])(**{**fields(problems[1]), "inputs": -problems[1].inputs})]
    together = by_network(train_pack(trials, own, dtype=torch.float64), 2)
    (alone,) = by_network(train_pack(trials[1:], own[1:], dtype=torch.float64), 1)
    np.testing.assert_allclose(together[1][-1].logits, alone[-1].logits, atol=1e-12)


def fields(problem) -> dict[str, object]:
    """Return a problem's fields by name."""
    return {name: getattr(problem, name) for name in problem.__dataclass_fields__}


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no CUDA device")
def test_cuda_trains_as_the_cpu_does(make, loss_of) -> None:
    trials, problems = make(seeds=3, steps=100, checkpoints=11, spacing="linear")
    judge = by_network(train_pack(trials, problems, dtype=torch.float64), 3)
    found = by_network(train_pack(trials, problems, device="cuda"), 3)
    for problem, a, b in zip(problems, judge, found, strict=True):
        for x, y in zip(a, b, strict=True):
            assert abs(loss_of(x, problem) - loss_of(y, problem)) <= 1e-5


def test_observing_in_parts_changes_nothing(make, monkeypatch) -> None:
    trials, problems = make(seeds=2, epochs=1, hidden=(4,), checkpoints=2)
    whole = by_network(train_pack(trials, problems, dtype=torch.float64), 2)
    monkeypatch.setattr(torch_engine, "_OBSERVED_AT_ONCE", 1000)
    parts = by_network(train_pack(trials, problems, dtype=torch.float64), 2)
    for a, b in zip(whole, parts, strict=True):
        np.testing.assert_allclose(a[-1].activations[0], b[-1].activations[0], atol=1e-14)
        np.testing.assert_allclose(a[-1].logits, b[-1].logits, atol=1e-14)
