"""One network's snapshots in, the columns of `curves`, `information` and `gradients` out."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from infosweep.data.problem import Problem
from infosweep.information import estimator_module
from infosweep.information.plane import Estimates, information_columns
from infosweep.information.samples import prepare, spread
from infosweep.measures import curves, gradients
from infosweep.plan.trial import Trial
from infosweep.snapshot import Snapshot


class Measurer:
    """Measures one network at each of its checkpoints.

    Args:
        trial: says what is recorded: samples, layers, estimators; its seed draws the permutations of the null.
        problem: the trial's examples, labels, splits and probe samples.
    """

    def __init__(self, trial: Trial, problem: Problem) -> None:
        self._trial = trial
        self._splits = curves.splits_of(problem, noisy=trial.label_noise > 0)
        union = problem.probe_union
        names = trial.record.samples
        self._samples = prepare(
            names,
            [np.searchsorted(union, problem.probe[name]) for name in names],
            [problem.labels[problem.probe[name]] for name in names],
            [problem.given[problem.probe[name]] if name == "train" else None for name in names],
            n_columns=union.size,
            n_classes=problem.n_classes,
            seed=trial.seed,
        )
        widths = trial.layer_widths[1:]
        layers = [
            (number, name, width)
            for number, (name, width) in enumerate(zip(trial.layer_names, widths, strict=True), 1)
        ]
        recorded = trial.record.layers
        self._layers = [layer for layer in layers if recorded == "all" or layer[0] in recorded]
        self._offsets = np.cumsum([0, *(width for _, _, width in self._layers)])
        self._stacked = np.empty((self._offsets[-1], union.size), np.float32)
        self._modules = [estimator_module(settings.kind) for settings in trial.estimators]

        self._moments: list[tuple[int, int]] = []
        self._curves: list[NDArray[np.float64]] = []
        self._spreads: list[NDArray[np.float64]] = []
        self._estimates: list[list[Estimates]] = []
        self._gradients: list[NDArray[np.float64]] = []
        self._n_batches: list[int] = []
        self._n_weights = len(widths)
        self._diverged = False

    def take(self, snapshot: Snapshot) -> None:
        """Measure one snapshot; a diverged one leaves no row."""
        if snapshot.diverged:
            self._diverged = True
            return
        self._moments.append((snapshot.step, snapshot.epoch))
        self._curves.append(curves.measure_curves(snapshot.logits, self._splits))
        self._gradients.append(gradients.measure_gradients(snapshot.weights, snapshot.gradients))
        self._n_batches.append(snapshot.gradients.n_batches if snapshot.gradients else 0)
        if not self._layers:
            return
        rows = [snapshot.activations[number - 1] for number, _, _ in self._layers]
        stacked = np.concatenate(rows, out=self._stacked)
        self._spreads.append(spread(stacked, self._offsets, self._samples))
        self._estimates.append(
            [
                module.measure_layers(stacked, self._offsets, self._samples, settings)
                for module, settings in zip(self._modules, self._trial.estimators, strict=True)
            ]
        )

    def columns(self) -> dict[str, dict[str, Any]]:
        """Return what was measured so far: table -> column -> values, the tables' own columns only; NaN is null."""
        return {
            "curves": self._curve_columns(),
            "information": self._information(),
            "gradients": self._gradient_columns(),
        }

    def final(self) -> dict[str, float]:
        """Return loss (nats) and accuracy on given labels of train and test at the end; NaN if it diverged."""
        values = {}
        for split in ("train", "test"):
            for column in ("loss", "accuracy"):
                value = np.nan
                if self._curves and not self._diverged:
                    value = self._curves[-1][
                        self._splits.names.index(split), curves.COLUMNS.index(column)
                    ]
                values[f"{split}_{column}"] = float(value)
        return values

    def _when(self, repeats: int) -> dict[str, NDArray[np.int64]]:
        moments = np.array(self._moments, np.int64).reshape(-1, 2).repeat(repeats, axis=0)
        return {"step": moments[:, 0], "epoch": moments[:, 1]}

    def _curve_columns(self) -> dict[str, Any]:
        names, moments = self._splits.names, len(self._moments)
        values = np.array(self._curves).reshape(-1, len(curves.COLUMNS))
        return {
            **self._when(len(names)),
            "split": list(names) * moments,
            "n": np.tile(np.array(self._splits.sizes, np.int64), moments),
            **dict(zip(curves.COLUMNS, values.T, strict=True)),
        }

    def _information(self) -> dict[str, Any]:
        columns = information_columns(
            self._trial.estimators, self._estimates, self._spreads, self._samples, self._layers
        )
        repeats = len(self._trial.estimators) * len(self._samples.names) * len(self._layers)
        return {**self._when(repeats), **columns}

    def _gradient_columns(self) -> dict[str, Any]:
        moments = len(self._moments)
        values = np.array(self._gradients).reshape(-1, len(gradients.COLUMNS))
        return {
            **self._when(self._n_weights),
            "layer": np.tile(np.arange(1, self._n_weights + 1), moments),
            "n_batches": np.repeat(np.array(self._n_batches, np.int64), self._n_weights),
            **dict(zip(gradients.COLUMNS, values.T, strict=True)),
        }
