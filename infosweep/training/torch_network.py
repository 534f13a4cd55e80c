"""The torch engine for networks of the user's own: any torch.nn.Module, one at a time.

Batches, optimiser steps and moments are those of the other engines. Gradients of the frozen network, logits and
activations are taken in eval mode, so that dropout and batch statistics do not enter what is measured.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional

from infosweep.networks.layers import recording
from infosweep.networks.own import ARGUMENTS, build
from infosweep.plan.checkpoints import checkpoints_of
from infosweep.seeds import permute, stream_key
from infosweep.snapshot import GradientMoments, Snapshot
from infosweep.study.functions import find_function
from infosweep.study.settings import OwnModelSettings

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from infosweep.data.problem import Problem
    from infosweep.plan.trial import Trial

_OBSERVED_AT_ONCE = 1024  # examples


def train(trial: Trial, problem: Problem, device: str = "cpu") -> Iterator[Snapshot]:
    """Train one network of the user's own.

    Args:
        trial: its model is an `OwnModelSettings`.
        problem: the examples.
        device: where to compute.

    Yields:
        A snapshot for each moment of `checkpoints_of(trial)`; if loss or weights stop being finite, the last
        one has `diverged` set. Its `weights` are (1, size) per layer, all matrices of the layer in one row.

    Raises:
        UsageError: the network fails, with the user's own file and line.
    """
    run = _Run(trial, problem, torch.device(device))
    for epoch, step in checkpoints_of(trial):
        broken = run.train_until(step)
        snapshot = run.snapshot(epoch if broken is None else broken)
        yield snapshot
        if snapshot.diverged:
            return


class _Run:
    """One network while it learns."""

    def __init__(self, trial: Trial, problem: Problem, device: torch.device) -> None:
        model = trial.model
        if not isinstance(model, OwnModelSettings):
            raise TypeError(f"{model.kind} is trained by the other engines")
        self.trial, self.problem, self.device = trial, problem, device
        inputs = torch.as_tensor(problem.inputs).reshape(-1, *trial.task.input_shape)
        self.blamed = find_function("model", model.kind, model.folder, ARGUMENTS).blamed
        self.network = build(model, inputs[:3], problem.n_classes, trial.seed).to(device)
        self.inputs = inputs.to(device)
        self.given = torch.as_tensor(problem.given, device=device)
        self.probe = torch.as_tensor(problem.probe_union, device=device)
        self.named = {k: v for k, v in self.network.named_parameters() if v.requires_grad}
        self.optimizer = _optimizer(trial, list(self.named.values()))
        self.random = _Random(trial.seed, device)
        self.order = self._shuffled("shuffle", 1)
        self.step = 0
        self.weights: list[list[str]] = []

    def _shuffled(self, purpose: str, counter: int) -> torch.Tensor:
        order = self.problem.fit.copy()
        permute(order, stream_key(self.trial.seed, purpose), counter)
        return torch.as_tensor(order, device=self.device)

    def train_until(self, stop: int) -> int | None:
        """Take optimiser steps up to `stop`; return the epoch after which the weights were not finite."""
        trial = self.trial
        self.network.train()
        with self.random.in_force(), self.blamed("in training"):
            while self.step < stop:
                epoch, place = divmod(self.step, trial.steps_per_epoch)
                if place == 0:
                    self.order = self._shuffled("shuffle", epoch + 1)
                start = place * trial.batch_used
                batch = self.order[start : start + trial.batch_used]
                self.optimizer.zero_grad(set_to_none=True)
                functional.cross_entropy(
                    self.network(self.inputs[batch]), self.given[batch]
                ).backward()
                self.optimizer.step()
                self.step += 1
                if place == trial.steps_per_epoch - 1 and not self._finite():
                    return epoch + 1
        return None

    def _finite(self) -> bool:
        return all(bool(each.isfinite().all()) for each in self.named.values())

    def snapshot(self, epoch: int) -> Snapshot:
        """Observe the network as it stands."""
        self.network.eval()
        with self.random.in_force(), self.blamed("in eval mode"):
            logits, activations = self._observe()
            diverged = not (self._finite() and bool(logits.isfinite().all()))
            moments = None if diverged else self._gradient_moments()
        return Snapshot(
            epoch=epoch,
            step=self.step,
            weights=tuple(_flat([self.named[name] for name in names]) for names in self.weights),
            activations=tuple(activations),
            logits=_array(logits.T),
            gradients=moments,
            diverged=diverged,
        )

    @torch.no_grad()
    def _observe(self) -> tuple[torch.Tensor, list[NDArray[np.float32]]]:
        """Return logits (n, classes) of all examples, and each layer's activations (width, n_probe)."""
        parts: list[list[torch.Tensor]] = []
        for indices in self.probe.split(_OBSERVED_AT_ONCE):
            with recording(self.network) as found:
                output = self.network(self.inputs[indices])
            layers = [*found.outputs, output.softmax(1)]
            parts.append([layer.flatten(1).T.float() for layer in layers])
            self.weights = found.weights
        logits = [self.network(x) for x in self.inputs.split(_OBSERVED_AT_ONCE)]
        activations = [_array(torch.cat(part, dim=1)) for part in zip(*parts, strict=True)]
        return torch.cat(logits).float(), activations

    def _gradient_moments(self) -> GradientMoments:
        """Return norms of mean and standard deviation over full batches, per layer."""
        batch = self.trial.batch_used
        n_batches = self.trial.n_fit // batch
        order = self._shuffled("gradient", self.step)
        names = [name for layer in self.weights for name in layer]
        sums = [torch.zeros_like(self.named[name], dtype=torch.float64) for name in names]
        squares = [torch.zeros_like(each) for each in sums]
        for start in range(0, n_batches * batch, batch):
            taken = order[start : start + batch]
            loss = functional.cross_entropy(self.network(self.inputs[taken]), self.given[taken])
            gradients = torch.autograd.grad(
                loss, [self.named[name] for name in names], allow_unused=True
            )
            for total, square, gradient in zip(sums, squares, gradients, strict=True):
                if gradient is not None:
                    total.add_(gradient)
                    square.add_(gradient.double() ** 2)
        means = [(total / n_batches) for total in sums]
        variances = [
            (square - n_batches * mean**2).clamp(min=0)
            for square, mean in zip(squares, means, strict=True)
        ]
        by_name = dict(zip(names, zip(means, variances, strict=True), strict=True))
        mean_norm = [
            sum(float((by_name[name][0] ** 2).sum()) for name in layer) ** 0.5
            for layer in self.weights
        ]
        std_norm = [
            sum(float(by_name[name][1].sum()) for name in layer) ** 0.5 for layer in self.weights
        ]
        scale = (n_batches - 1) ** -0.5 if n_batches > 1 else np.nan
        return GradientMoments(n_batches, np.array(mean_norm), np.array(std_norm) * scale)


def _optimizer(trial: Trial, parameters: list[torch.nn.Parameter]) -> torch.optim.Optimizer:
    training = trial.training
    if training.optimizer == "adam":
        return torch.optim.Adam(
            parameters, lr=training.learning_rate, weight_decay=training.weight_decay
        )
    return torch.optim.SGD(
        parameters,
        lr=training.learning_rate,
        momentum=training.used_momentum,
        weight_decay=training.weight_decay,
    )


class _Random:
    """A state of torch's global generators (dropout draws from them), a trial's own."""

    def __init__(self, seed: int, device: torch.device) -> None:
        self._device = device if device.type == "cuda" else None
        before = self._states()
        torch.default_generator.manual_seed(int(stream_key(seed, "forward")))
        if self._device is not None:
            torch.cuda.manual_seed(int(stream_key(seed, "forward")))
        self._held = self._states()
        self._set(before)

    def _states(self) -> list[torch.Tensor]:
        states = [torch.get_rng_state()]
        return states if self._device is None else [*states, torch.cuda.get_rng_state(self._device)]

    def _set(self, states: Sequence[torch.Tensor]) -> None:
        torch.set_rng_state(states[0])
        if self._device is not None:
            torch.cuda.set_rng_state(states[1], self._device)

    @contextmanager
    def in_force(self) -> Iterator[None]:
        """Go on from this state, and put the global one back."""
        before = self._states()
        self._set(self._held)
        try:
            yield
        finally:
            self._held = self._states()
            self._set(before)


def _flat(parameters: list[torch.nn.Parameter]) -> NDArray[np.float32]:
    """Return all numbers of parameters in one row, (1, size)."""
    parts = [each.detach().float().reshape(1, -1) for each in parameters]
    return _array(torch.cat(parts, dim=1)) if parts else np.zeros((1, 0), np.float32)


def _array(tensor: torch.Tensor) -> NDArray[np.float32]:
    """Return a contiguous copy as a numpy array."""
    return np.array(tensor.detach().cpu().numpy(), order="C")
