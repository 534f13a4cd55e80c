"""The torch engine: packs of MLPs of equal shapes by batched matrix products, on any device.

It is the reference (autograd, float64 on request) and trains what the fused engine is not made for.
Networks of a pack share each operation but no number: one that diverges leaves its mates untouched.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional

from infosweep.networks.mlp import initial_weights
from infosweep.plan.checkpoints import checkpoints_of
from infosweep.seeds import permute, stream_key
from infosweep.snapshot import GradientMoments, Snapshot

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from infosweep.data.problem import Problem
    from infosweep.plan.trial import Trial

ACTIVATIONS = {
    "linear": torch.nn.Identity(),
    "tanh": torch.tanh,
    "relu": torch.relu,
    "sigmoid": torch.sigmoid,
    "softplus": functional.softplus,
    "softsign": functional.softsign,
}
_BETA1, _BETA2, _EPSILON = 0.9, 0.999, 1e-8
_OBSERVED_AT_ONCE = 4096  # examples


def train_pack(
    trials: Sequence[Trial],
    problems: Sequence[Problem],
    device: str | torch.device = "cpu",
    dtype: torch.dtype = torch.float32,
) -> Iterator[tuple[int, Snapshot]]:
    """Train networks of equal shapes together.

    Args:
        trials: they may differ in seed, label noise, learning rate, momentum and weight decay.
        problems: the examples of each, over the same number of inputs.
        device: where to compute.
        dtype: float32, or float64 to judge by; the snapshots' arrays have it too.

    Yields:
        (index into `trials`, snapshot), for each moment of `checkpoints_of` one for each network. If loss or
        weights of a network stop being finite, its last snapshot has `diverged` set.

    Raises:
        ValueError: the trials cannot be trained together.
    """
    _check_alike(trials)
    pack = _Pack(trials, problems, torch.device(device), dtype)
    for epoch, step in checkpoints_of(trials[0]):
        yield from pack.train_until(step)
        yield from pack.snapshots(epoch, pack.alive)
        if not pack.alive:
            return


def _check_alike(trials: Sequence[Trial]) -> None:
    def shape(trial: Trial) -> dict[str, object]:
        return {
            "layer widths": trial.layer_widths,
            "activation": trial.mlp.activation,
            "optimizer": trial.training.optimizer,
            "number of training examples": trial.n_fit,
            "batch size": trial.batch_used,
            "checkpoints": checkpoints_of(trial),
        }

    first = shape(trials[0])
    for trial in trials[1:]:
        for name, value in shape(trial).items():
            if value != first[name]:
                raise ValueError(
                    f"a pack holds networks of equal {name}: {first[name]} of trial "
                    f"{trials[0].trial_id}, {value} of trial {trial.trial_id}"
                )


class _Pack:
    """Networks side by side: parameters (networks, parameters), one row each."""

    def __init__(
        self,
        trials: Sequence[Trial],
        problems: Sequence[Problem],
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        self.trials, self.problems, self.device, self.dtype = trials, problems, device, dtype
        first = trials[0]
        self.activation = ACTIVATIONS[first.mlp.activation]
        self.widths = first.layer_widths
        self.sizes = [size for a, b in pairwise(self.widths) for size in (a * b, b)]
        rows = [
            np.concatenate([part.ravel() for layer in initial_weights(trial) for part in layer])
            for trial in trials
        ]
        self.params = self._tensor(np.stack(rows))
        self.first_moment = torch.zeros_like(self.params)
        self.second_moment = torch.zeros_like(self.params)
        self.rate = self._column([trial.training.learning_rate for trial in trials])
        self.momentum = self._column([trial.training.used_momentum for trial in trials])
        self.decay = self._column([trial.training.weight_decay for trial in trials])
        # One copy of the inputs serves all networks unless their problems hold different ones.
        shared = all(problem.inputs is problems[0].inputs for problem in problems)
        self.inputs = self._tensor(np.stack([p.inputs for p in problems[: 1 if shared else None]]))
        self.labels = torch.as_tensor(np.stack([p.given for p in problems]), device=device)
        self.row = torch.arange(len(trials), device=device)[:, None]
        self.input_row = torch.zeros_like(self.row) if shared else self.row
        self.step = 0
        self.order: torch.Tensor | None = None
        self.alive = list(range(len(trials)))

    def _tensor(self, array: NDArray) -> torch.Tensor:
        return torch.as_tensor(array, dtype=self.dtype, device=self.device)

    def _column(self, values: Sequence[float]) -> torch.Tensor:
        return self._tensor(np.array(values))[:, None]

    def _shuffled(self, purpose: str, counter: int) -> torch.Tensor:
        """Return each network's training examples in an order of its own, (networks, n_fit)."""
        orders = np.stack([problem.fit for problem in self.problems])
        for order, trial in zip(orders, self.trials, strict=True):
            permute(order, stream_key(trial.seed, purpose), counter)
        return torch.as_tensor(orders, device=self.device)

    def _layers(self, params: torch.Tensor) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """Return per layer weights (networks, fan_out, fan_in) and biases (networks, 1, fan_out)."""
        parts = params.split(self.sizes, dim=1)
        return [
            (weights.reshape(len(params), b, a), bias[:, None, :])
            for weights, bias, (a, b) in zip(
                parts[::2], parts[1::2], pairwise(self.widths), strict=True
            )
        ]

    def _forward(self, params: torch.Tensor, x: torch.Tensor) -> list[torch.Tensor]:
        """Return each layer's output for x (networks, examples, inputs), the logits last."""
        outputs = []
        layers = self._layers(params)
        for i, (weights, bias) in enumerate(layers):
            x = torch.baddbmm(bias, x, weights.transpose(1, 2))  # (networks, examples, fan_out)
            if i < len(layers) - 1:
                x = self.activation(x)
            outputs.append(x)
        return outputs

    def _gradient(self, examples: torch.Tensor) -> torch.Tensor:
        """Return the gradient of each network's mean cross entropy over its examples (networks, batch)."""
        params = self.params.detach().requires_grad_()
        x = self.inputs[self.input_row, examples]
        given = self.labels[self.row, examples]
        logits = self._forward(params, x)[-1]
        losses = functional.cross_entropy(logits.transpose(1, 2), given, reduction="none").mean(1)
        return torch.autograd.grad(losses.sum(), params)[0]

    def train_until(self, stop: int) -> Iterator[tuple[int, Snapshot]]:
        """Take optimiser steps up to `stop`; yield the last snapshots of networks that diverge."""
        trial = self.trials[0]
        while self.step < stop and self.alive:
            epoch, place = divmod(self.step, trial.steps_per_epoch)
            if place == 0 or self.order is None:
                self.order = self._shuffled("shuffle", epoch + 1)
            start = place * trial.batch_used
            self._update(self._gradient(self.order[:, start : start + trial.batch_used]))
            self.step += 1
            if place == trial.steps_per_epoch - 1 and not self.params.isfinite().all():
                bad = [i for i in self.alive if not self.params[i].isfinite().all()]
                yield from self.snapshots(epoch + 1, bad)

    def _update(self, gradient: torch.Tensor) -> None:
        """Take one step, as torch.optim.Adam and torch.optim.SGD take it."""
        gradient = gradient + self.decay * self.params
        if self.trials[0].training.optimizer == "adam":
            t = self.step + 1
            self.first_moment.lerp_(gradient, 1 - _BETA1)
            self.second_moment.mul_(_BETA2).addcmul_(gradient, gradient, value=1 - _BETA2)
            scale = self.second_moment.sqrt().div_((1 - _BETA2**t) ** 0.5).add_(_EPSILON)
            self.params = self.params - self.rate / (1 - _BETA1**t) * (self.first_moment / scale)
        else:
            self.first_moment = self.momentum * self.first_moment + gradient
            self.params = self.params - self.rate * self.first_moment

    def snapshots(self, epoch: int, which: Sequence[int]) -> Iterator[tuple[int, Snapshot]]:
        """Observe networks as they stand; those that diverged are no longer `alive`."""
        logits, activations = self._observe()
        finite = logits.isfinite().flatten(1).all(1) & self.params.isfinite().all(1)
        mean_norm, std_norm, n_batches = self._gradient_moments()
        weights = [w for w, _ in self._layers(self.params)]
        for i in list(which):
            diverged = not bool(finite[i])
            if diverged:
                self.alive.remove(i)
            probe = torch.as_tensor(self.problems[i].probe_union, device=self.device)
            yield (
                i,
                Snapshot(
                    epoch=epoch,
                    step=self.step,
                    weights=tuple(_array(w[i]) for w in weights),
                    activations=tuple(_array(a[i][:, probe]) for a in activations),
                    logits=_array(logits[i]),
                    gradients=None
                    if diverged
                    else GradientMoments(n_batches, mean_norm[:, i], std_norm[:, i]),
                    diverged=diverged,
                ),
            )

    @torch.no_grad()
    def _observe(self) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """Return logits and each layer's activations over all examples, (networks, width, n)."""
        parts = []
        for x in self.inputs.split(_OBSERVED_AT_ONCE, dim=1):
            outputs = self._forward(self.params, x.expand(len(self.params), -1, -1))
            parts.append([each.transpose(1, 2) for each in (*outputs, outputs[-1].softmax(2))])
        *hidden, logits, softmax = (torch.cat(part, dim=2) for part in zip(*parts, strict=True))
        return logits, [*hidden, softmax]

    def _gradient_moments(self) -> tuple[NDArray, NDArray, int]:
        """Return norms of mean and standard deviation over full batches, (layers, networks) each."""
        batch = self.trials[0].batch_used
        n_batches = self.trials[0].n_fit // batch
        order = self._shuffled("gradient", self.step)
        sums = torch.zeros_like(self.params, dtype=torch.float64)
        squares = torch.zeros_like(sums)
        for start in range(0, n_batches * batch, batch):
            gradient = self._gradient(order[:, start : start + batch]).double()
            sums += gradient
            squares += gradient * gradient
        mean = sums / n_batches
        variance = (squares - n_batches * mean * mean).clamp(min=0)
        means = [part.norm(dim=1) for part in mean.split(self.sizes, dim=1)[::2]]
        deviations = [part.sum(1).sqrt() for part in variance.split(self.sizes, dim=1)[::2]]
        scale = (n_batches - 1) ** -0.5 if n_batches > 1 else np.nan
        return _array(torch.stack(means)), _array(torch.stack(deviations)) * scale, n_batches


def _array(tensor: torch.Tensor) -> NDArray:
    """Return a contiguous copy as a numpy array."""
    return np.array(tensor.cpu().numpy(), order="C")
