"""The fused engine: one small MLP per call, trained by compiled kernels that release the GIL."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from infosweep.networks.mlp import initial_weights
from infosweep.plan.checkpoints import checkpoints_of
from infosweep.seeds import permute, stream_key
from infosweep.snapshot import GradientMoments, Snapshot
from infosweep.training import elementwise, fused_kernels

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from infosweep.data.problem import Problem
    from infosweep.plan.trial import Trial

PADDING, STEP = fused_kernels.TILE, fused_kernels.STEP
NO_ROWS, NO_SUMS = np.empty((0, 0), np.float32), np.empty(0)

ACTIVATIONS = {
    "linear": elementwise.LINEAR,
    "tanh": elementwise.TANH,
    "relu": elementwise.RELU,
    "sigmoid": elementwise.SIGMOID,
    "softplus": elementwise.SOFTPLUS,
    "softsign": elementwise.SOFTSIGN,
}


def train(trial: Trial, problem: Problem) -> Iterator[Snapshot]:
    """Train one network and yield a snapshot at each checkpoint of the trial.

    Args:
        trial: what to train.
        problem: its examples; `fit` are learned with labels `given`.

    Yields:
        A snapshot per moment of `checkpoints_of(trial)`, the state before training first. If loss or
        weights stop being finite, one last snapshot with `diverged` set and nothing after it.
    """
    network = _Network(trial, problem)
    for epoch, step in checkpoints_of(trial):
        network.train_until(step)
        snapshot = network.snapshot(epoch)
        yield snapshot
        if snapshot.diverged:
            return


class _Network:
    """One network in the flat form of the kernels, with the examples it learns from."""

    def __init__(self, trial: Trial, problem: Problem) -> None:
        self.trial = trial
        self.problem = problem
        settings = trial.training
        layers = initial_weights(trial)
        self.params = flatten(layers)
        self.widths = np.array([layers[0][0].shape[1], *(len(bias) for _, bias in layers)])
        self.activation = ACTIVATIONS[trial.mlp.activation]
        self.optimizer = fused_kernels.ADAM if settings.optimizer == "adam" else 0
        self.rate = settings.learning_rate
        self.momentum = settings.used_momentum
        self.decay = settings.weight_decay
        self.shuffle_key = stream_key(trial.seed, "shuffle")
        self.gradient_key = stream_key(trial.seed, "gradient")
        self.grads, self.first, self.second = (np.zeros_like(self.params) for _ in range(3))
        self.powers = np.ones(2)
        self.inputs, self.padded_in = pad_inputs(problem.inputs)
        self.work = make_work(self.widths, self.padded_in)
        self.labels = np.ascontiguousarray(problem.given)
        self.fit = np.ascontiguousarray(problem.fit)
        self.order = pad_order(self.fit)
        self.everything = pad_order(np.arange(len(problem.inputs)))
        self.probe = pad_order(problem.probe_union)
        self.step = 0

    def train_until(self, stop: int) -> None:
        """Take optimiser steps up to `stop`, or to the end of the epoch that diverged."""
        self.step = self._run(fused_kernels.TRAIN, self.order, self.step, stop)

    def snapshot(self, epoch: int) -> Snapshot:
        """Observe the network as it stands; `epoch` holds for a stretch that was not cut short."""
        n = len(self.problem.inputs)
        logits = np.empty((int(self.widths[-1]), n), np.float32)
        rows = np.empty((int(self.widths[1:].sum()), len(self.probe) - PADDING), np.float32)
        if rows.shape[1] == n:
            self._observe(self.everything, logits, rows)
        else:
            self._observe(self.everything, logits, rows[:0])
            self._observe(self.probe, logits[:0], rows)
        diverged = not (np.isfinite(self.params).all() and np.isfinite(logits).all())
        if diverged:
            epoch = self.step // self.trial.steps_per_epoch
        return Snapshot(
            epoch=epoch,
            step=self.step,
            weights=tuple(weights for weights, _ in unflatten(self.params, self.widths)),
            activations=tuple(np.split(rows, np.cumsum(self.widths[1:-1]))),
            logits=logits,
            gradients=None if diverged else self._gradient_moments(),
            diverged=diverged,
        )

    def _observe(self, examples: NDArray[np.int64], logits: NDArray, rows: NDArray) -> None:
        self._run(
            fused_kernels.OBSERVE, examples, 0, 1,
            batch=len(examples) - PADDING, logits=logits, rows=rows,
        )  # fmt: skip

    def _gradient_moments(self) -> GradientMoments:
        order = self.fit.copy()
        permute(order, self.gradient_key, self.step)
        n_batches = len(order) // self.trial.batch_used
        sums, squares = np.zeros(len(self.params)), np.zeros(len(self.params))
        self._run(fused_kernels.MOMENTS, pad_order(order), 0, n_batches, sums=sums, squares=squares)
        means = [weights for weights, _ in unflatten(sums / n_batches, self.widths)]
        deviations = np.full(len(means), np.nan)
        if n_batches > 1:
            for i, (total, _) in enumerate(unflatten(squares, self.widths)):
                spread = np.maximum(total - n_batches * means[i] ** 2, 0).sum()
                deviations[i] = np.sqrt(spread / (n_batches - 1))
        norms = np.array([np.sqrt((mean * mean).sum()) for mean in means])
        return GradientMoments(n_batches, norms, deviations)

    def _run(
        self,
        mode: int,
        order: NDArray[np.int64],
        step: int,
        stop: int,
        *,
        batch: int | None = None,
        logits: NDArray[np.float32] = NO_ROWS,
        rows: NDArray[np.float32] = NO_ROWS,
        sums: NDArray[np.float64] = NO_SUMS,
        squares: NDArray[np.float64] = NO_SUMS,
    ) -> int:
        """Call the compiled loop; return the step reached."""
        return fused_kernels.run(
            mode, self.widths, self.params, self.grads, self.first, self.second, self.powers,
            self.work, self.inputs, self.padded_in, self.labels, self.fit, order, self.shuffle_key,
            self.activation, self.optimizer, batch or self.trial.batch_used,
            self.rate, self.momentum, self.decay, step, stop, logits, rows, sums, squares,
        )  # fmt: skip


def warm_up() -> None:
    """Compile the kernels, or load them from numba's cache, by one step of a 2-2-2 net on two examples."""
    widths, fit = np.array([2, 2, 2]), np.arange(2)
    params, grads, first, second = (np.zeros(16, np.float32) for _ in range(4))
    inputs, padded_in = pad_inputs(np.eye(2, dtype=np.float32))
    fused_kernels.run(
        fused_kernels.TRAIN, widths, params, grads, first, second, np.ones(2),
        make_work(widths, padded_in), inputs, padded_in, fit, fit, pad_order(fit), np.uint64(0),
        elementwise.TANH, fused_kernels.ADAM, 2, 0.1, 0.0, 0.0, 0, 1, NO_ROWS, NO_ROWS,
        NO_SUMS, NO_SUMS,
    )  # fmt: skip


def flatten(layers: Sequence[tuple[NDArray[np.float32], NDArray[np.float32]]]) -> NDArray:
    """Return weights and biases of all layers as one float32 array, padded to a multiple of 16."""
    parts = [part.ravel() for layer in layers for part in layer]
    size = sum(len(part) for part in parts)
    return np.concatenate([*parts, np.zeros(-size % STEP)], dtype=np.float32)


def unflatten(params: NDArray, widths: Sequence[int] | NDArray) -> list[tuple[NDArray, NDArray]]:
    """Return copies of each layer's weights (fan_out, fan_in) and biases (fan_out,)."""
    layers = []
    at = 0
    for n_in, n_out in pairwise(widths):
        weights = params[at : at + n_in * n_out].reshape(n_out, n_in).copy()
        at += n_in * n_out
        layers.append((weights, params[at : at + n_out].copy()))
        at += n_out
    return layers


def pad_inputs(inputs: NDArray[np.float32]) -> tuple[NDArray[np.float32], int]:
    """Return the inputs flat, each example padded with zeros to a multiple of 4, and that width."""
    n, width = inputs.shape
    padded = -(-width // 4) * 4
    if padded == width:
        return np.ascontiguousarray(inputs, np.float32).ravel(), width
    wide = np.zeros((n, padded), np.float32)
    wide[:, :width] = inputs
    return wide.ravel(), padded


def pad_order(examples: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the examples followed by some valid one, for the tile that reads past the end."""
    return np.concatenate([examples, np.full(PADDING, examples[0])])


def make_work(widths: NDArray[np.int64], padded_in: int) -> NDArray[np.float32]:
    """Return the kernels' scratch memory for a network of these widths."""
    rows = padded_in + widths[1:].sum() + 2 * widths[1:].max()
    work = np.zeros(fused_kernels.TILES + rows * fused_kernels.TILE, np.float32)
    work[fused_kernels.ONES : fused_kernels.ONES + fused_kernels.TILE] = 1
    return work
