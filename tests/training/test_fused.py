"""The fused engine: golden losses, moments, determinism, divergence, gradient moments."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from infosweep import training
from infosweep.networks.mlp import initial_weights
from infosweep.plan.checkpoints import checkpoints_of
from infosweep.seeds import permute, stream_key
from infosweep.training import fused, fused_kernels

# Epoch -> loss of the training examples, seed 0 of the fixture's study at Adam 4e-3.
GOLDEN = {0: 0.6919595742, 1: 0.6720429559, 3: 0.5611316702, 12: 0.4408366179, 40: 0.4065022293}


def same_bits(a, b) -> bool:
    """Whether two runs of snapshots hold the same numbers."""
    return len(a) == len(b) and all(
        (x.epoch, x.step, x.diverged) == (y.epoch, y.step, y.diverged)
        and all(map(np.array_equal, x.weights, y.weights))
        and all(map(np.array_equal, x.activations, y.activations))
        and np.array_equal(x.logits, y.logits)
        and np.array_equal(x.gradients.mean_norm, y.gradients.mean_norm)
        and np.array_equal(x.gradients.std_norm, y.gradients.std_norm)
        for x, y in zip(a, b, strict=True)
    )


def test_golden_losses(make, loss_of) -> None:
    (trial,), (problem,) = make(epochs=40, checkpoints=5, learning_rate=0.004)
    losses = {s.epoch: loss_of(s, problem) for s in fused.train(trial, problem)}
    assert losses == pytest.approx(GOLDEN, abs=5e-6)


def test_snapshots_stand_at_the_checkpoints_and_hold_what_they_say(make) -> None:
    (trial,), (problem,) = make(epochs=9, checkpoints=4, probe=300, validation=0.1)
    snapshots = list(fused.train(trial, problem))
    assert [(s.epoch, s.step) for s in snapshots] == list(checkpoints_of(trial))
    probe = problem.probe_union
    assert len(probe) < len(problem.inputs)
    for s in snapshots:
        assert not s.diverged
        x = problem.inputs.T.astype(np.float64)
        for weights, activations in zip(s.weights[:-1], s.activations[:-1], strict=True):
            assert activations.shape == (len(weights), len(probe))
            assert activations.flags.c_contiguous
            assert activations.dtype == weights.dtype == np.float32
        # biases are not part of a snapshot: at the start they are zero
        if s.step == 0:
            for weights, activations in zip(s.weights[:-1], s.activations[:-1], strict=True):
                x = np.tanh(weights @ x)
                np.testing.assert_allclose(activations, x[:, probe], atol=2e-6)
            np.testing.assert_allclose(s.logits, s.weights[-1] @ x, atol=5e-6)
        softmax = np.exp(s.logits[:, probe].astype(np.float64))
        np.testing.assert_allclose(s.activations[-1], softmax / softmax.sum(0), atol=1e-6)
    assert all(map(np.array_equal, snapshots[0].weights, [w for w, _ in initial_weights(trial)]))


def test_snapshots_are_not_touched_by_what_follows(make) -> None:
    (trial,), (problem,) = make(epochs=3, checkpoints=4)
    snapshots, copies = [], []
    for s in fused.train(trial, problem):
        snapshots.append(s)
        copies.append([part.copy() for part in (*s.weights, *s.activations, s.logits)])
    for s, copy in zip(snapshots, copies, strict=True):
        assert all(map(np.array_equal, (*s.weights, *s.activations, s.logits), copy))


def test_same_bits_again_in_threads_and_whatever_the_checkpoints(make) -> None:
    trials, problems = make(seeds=4, epochs=20, checkpoints=4)
    alone = [list(fused.train(*pair)) for pair in zip(trials, problems, strict=True)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda t, p: list(fused.train(t, p)), trials, problems))
    assert all(map(same_bits, alone, together))
    assert not np.array_equal(alone[0][-1].logits, alone[1][-1].logits)
    (other,), _ = make(epochs=20, checkpoints=13)
    assert same_bits(alone[0][-1:], list(fused.train(other, problems[0]))[-1:])


def test_steps_count_as_epochs_do(make) -> None:
    (by_epoch,), (problem,) = make(epochs=3, checkpoints=2)
    n = by_epoch.n_steps
    (by_step,), _ = make(steps=n, checkpoints=n + 1, spacing="linear")
    a, b = list(fused.train(by_epoch, problem)), list(fused.train(by_step, problem))
    assert [s.step for s in b] == list(range(n + 1))
    assert [s.epoch for s in b] == [step // by_step.steps_per_epoch for step in range(n + 1)]
    assert same_bits(a[-1:], b[-1:])


@pytest.mark.parametrize("batch_size", [1, 64, 100, "full"])
def test_gradient_moments_are_those_of_the_batches(make, batch_size) -> None:
    (trial,), (problem,) = make(
        train_size=130, batch_size=batch_size, epochs=2, activation="softsign"
    )
    last = list(fused.train(trial, problem))[-1]
    network = fused._Network(trial, problem)
    network.train_until(trial.n_steps)
    layers = [(w.astype(np.float64), b) for w, b in fused.unflatten(network.params, network.widths)]
    order = problem.fit.copy()
    permute(order, stream_key(trial.seed, "gradient"), trial.n_steps)
    size = trial.batch_used
    batches = order[: len(order) // size * size].reshape(-1, size)
    gradients = [reference_gradient(layers, problem, batch) for batch in batches]
    assert last.gradients.n_batches == len(batches)
    for layer in range(len(layers)):
        stacked = np.stack([g[layer] for g in gradients])
        mean = np.linalg.norm(stacked.mean(0))
        assert last.gradients.mean_norm[layer] == pytest.approx(mean, rel=2e-5)
        if len(batches) > 1:
            std = np.linalg.norm(stacked.std(0, ddof=1))
            assert last.gradients.std_norm[layer] == pytest.approx(std, rel=2e-5)
        else:
            assert np.isnan(last.gradients.std_norm[layer])


def reference_gradient(layers, problem, batch):
    """Gradient of the mean cross entropy by each layer's weights, of a softsign net, in float64."""
    outputs = [problem.inputs[batch].T.astype(np.float64)]
    for i, (weights, bias) in enumerate(layers):
        z = weights @ outputs[-1] + bias[:, None]
        outputs.append(z if i == len(layers) - 1 else z / (1 + np.abs(z)))
    p = np.exp(outputs[-1])
    delta = p / p.sum(0)
    delta[problem.given[batch], np.arange(len(batch))] -= 1
    delta /= len(batch)
    gradients = []
    for (weights, _), h in zip(layers[::-1], outputs[-2::-1], strict=True):
        gradients.insert(0, delta @ h.T)
        delta = weights.T @ delta * (1 - np.abs(h)) ** 2
    return gradients


@pytest.mark.parametrize("activation", ["relu", "linear", "softplus"])
def test_divergence_ends_in_one_last_snapshot(make, activation) -> None:
    (trial,), (problem,) = make(
        optimizer="sgd", learning_rate=1e18, epochs=400, activation=activation, checkpoints=10
    )
    *before, last = fused.train(trial, problem)
    assert last.diverged
    assert last.gradients is None
    assert 0 < last.step < trial.n_steps / 4  # noticed at the end of an epoch, not of the stretch
    assert last.epoch == last.step // trial.steps_per_epoch
    assert not any(s.diverged for s in before)
    assert [(s.epoch, s.step) for s in before] == list(checkpoints_of(trial))[: len(before)]
    assert before


def test_mean_loss_is_over_the_last_smaller_batch(make) -> None:
    """One epoch of SGD in batches of 100 of 130 examples is two steps, of 100 and of 30."""
    (trial,), (problem,) = make(
        train_size=130, batch_size=100, epochs=1, optimizer="sgd", activation="softsign"
    )
    assert trial.n_steps == 2
    last = list(fused.train(trial, problem))[-1]
    layers = [(w.astype(np.float64), np.zeros(len(b))) for w, b in initial_weights(trial)]
    order = problem.fit.copy()
    permute(order, stream_key(trial.seed, "shuffle"), 1)
    weights = (
        layers[0][0]
        - trial.training.learning_rate * (reference_gradient(layers, problem, order[:100])[0])
    )
    assert np.abs(weights - last.weights[0]).max() > 1e-8  # the second step did something
    rest = reference_gradient(
        [(w, b) for w, b in layers], problem, order[100:]
    )  # moved so little by the first step that its gradients may be taken at the start
    weights -= trial.training.learning_rate * rest[0]
    np.testing.assert_allclose(last.weights[0], weights, atol=1e-7)


@pytest.mark.parametrize(
    ("task", "hidden"), [("digits", (33,)), ("digits", (70, 9)), ("mnist1d", (17, 5))]
)
def test_other_tasks_and_widths_learn(make, loss_of, task, hidden) -> None:
    (trial,), (problem,) = make(
        task=task, hidden=hidden, epochs=30, learning_rate=0.003, label_noise=0.0, batch_size=64
    )
    first, *_, last = fused.train(trial, problem)
    assert loss_of(first, problem) > 2
    assert loss_of(last, problem) < (0.1 if task == "digits" else 1.8)


def test_inputs_that_are_no_multiple_of_four(make) -> None:
    (_trial,), (problem,) = make(epochs=2)
    inputs, width = fused.pad_inputs(problem.inputs[:, :10])
    assert width == 12
    np.testing.assert_array_equal(inputs.reshape(-1, 12)[:, :10], problem.inputs[:, :10])
    assert not inputs.reshape(-1, 12)[:, 10:].any()


def test_kernels_compile_once_and_are_found_again_by_other_processes() -> None:
    training.warm_up()
    program = (
        "from infosweep import training; training.warm_up();"
        "from infosweep.training.fused_kernels import run;"
        "print(sum(run.stats.cache_hits.values()), len(run.signatures))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.split() == ["1", "1"], done.stderr


def test_training_needs_no_further_compilation(make) -> None:
    training.warm_up()
    (trial,), (problem,) = make(epochs=1, optimizer="momentum", activation="relu")
    list(fused.train(trial, problem))
    list(fused.train(replace(trial, seed=np.int64(3)), problem))
    assert len(fused_kernels.run.signatures) == 1
