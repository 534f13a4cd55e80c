"""Tables such as a run writes, made from a few curves of known shape: what findings and figures must tell."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import Any, Literal

import numpy as np
import pandas as pd

from infosweep.aggregation.frames import Frames
from infosweep.plan.checkpoints import checkpoints_of
from infosweep.plan.trial import Trial
from infosweep.plan.trials import trials_of
from infosweep.seeds import generator
from infosweep.study.settings import (
    Binary12Settings,
    DigitsSettings,
    RecordSettings,
    StudySettings,
    TrainingSettings,
    estimator_id,
)

H_Y = 0.99916


def make_study(
    *,
    seeds: int = 8,
    checkpoints: int = 24,
    epochs: int = 2000,
    digits: bool = False,
    zip_: tuple[tuple[str, ...], ...] = (),
    **axes: Any,
) -> StudySettings:
    """Return a study over the given axes (`training__epochs` for a dotted one)."""
    values = {name.replace("__", "."): tuple(each) for name, each in axes.items()}
    four = {
        "train_size": (0.04, 0.85),
        "batch_size": (64,),
        "depth": (5,),
        "label_noise": (0.0, 1.0),
    }
    return StudySettings(
        name="synthetic",
        task=DigitsSettings() if digits else Binary12Settings(),
        training=TrainingSettings(epochs=epochs),
        axes={**four, **values},
        zip=zip_,
        seeds=tuple(range(seeds)),
        record=RecordSettings(checkpoints=checkpoints),
        findings=("overcompression", "depth_benefit", "batch_information", "label_noise_effect"),
    )


def _nothing(_: Trial) -> float:
    return 0.0


def _speed(trial: Trial) -> float:
    return 60.0 * (1 + 3 / (trial.depth or 1)) * (1 + trial.label_noise)


def _level(trial: Trial) -> float:
    """Label information, as a share of H(Y), that a network comes to on new examples."""
    if trial.label_noise == 1:
        return 0.02
    return (0.55 + 0.4 * min(trial.n_train / 3481, 1.0) ** 0.4) * (1 - 0.5 * trial.label_noise)


@dataclass
class World:
    """What happens in a trial; every part may be replaced by a function of the trial.

    Attributes:
        ranking_lost: bits of held-out label information that are truly lost after the peak.
        saturating: bits that are lost in fixed bins alone.
        speed: epochs in which label information rises.
        level: where it rises to, as a share of H(Y).
        train_accuracy: on given labels at the end.
        diverged, missing: trials that end so.
        noise: standard deviation between checkpoints, in bits; seeds differ by three times as much.
    """

    ranking_lost: Callable[[Trial], float] = _nothing
    saturating: Callable[[Trial], float] = _nothing
    speed: Callable[[Trial], float] = _speed
    level: Callable[[Trial], float] = _level
    train_accuracy: Callable[[Trial], float] = lambda _: 1.0
    unlearned: Callable[[Trial], float] = _nothing
    diverged: Callable[[Trial], bool] = lambda _: False
    missing: Callable[[Trial], bool] = lambda _: False
    noise: float = 0.004
    splits: tuple[str, ...] = ("train", "test", "all")
    samples: tuple[str, ...] = ("all", "train", "test")
    layers: Literal["none", "last two", "all"] = "last two"

    def frames(self, study: StudySettings) -> Frames:
        """Return the tables of a study in this world."""
        parts: dict[str, list[dict[str, Any]]] = {
            "trials": [],
            "curves": [],
            "information": [],
            "gradients": [],
        }
        for trial in trials_of(study):
            if self.missing(trial):
                continue
            moments = np.array(checkpoints_of(trial), float)[: 4 if self.diverged(trial) else None]
            head = self._head(study, trial)
            parts["trials"].append({**self._end(trial), **head})
            parts["curves"] += [
                {**self._curves(trial, split, moments), **head} for split in self.splits
            ]
            for estimator, sample in product(study.estimators, self.samples):
                for layer in self._layers(len(trial.hidden) + 1):
                    rows = self._information(trial, estimator_id(estimator), sample, layer, moments)
                    parts["information"].append({**rows, **head})
        return Frames(**{name: _table(rows) for name, rows in parts.items()})

    def _layers(self, n: int) -> range:
        return range({"none": n + 1, "last two": max(n - 1, 1), "all": 1}[self.layers], n + 1)

    def _head(self, study: StudySettings, trial: Trial) -> dict[str, Any]:
        return {
            "trial_id": trial.trial_id,
            "study": study.name,
            "seed": trial.seed,
            "train_size": trial.train_size,
            "n_train": trial.n_train,
            "batch_size": trial.batch_size,
            "batch_used": trial.batch_used,
            "full_batch": trial.full_batch,
            "depth": trial.depth,
            "label_noise": trial.label_noise,
            **trial.extra,
        }

    def _end(self, trial: Trial) -> dict[str, Any]:
        return {
            "status": "diverged" if self.diverged(trial) else "done",
            "steps": trial.n_steps,
            "train_seconds": 0.5,
        }

    def _learned(
        self, trial: Trial, times: np.ndarray, purpose: str
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the share learned, the share forgotten and noise, each (k,)."""
        draw = generator(
            trial.seed, f"synthetic-{purpose}", round(1000 * trial.label_noise), trial.n_train
        )
        speed = self.speed(trial) * np.exp(0.1 * draw.standard_normal())
        rise = 1 - np.exp(-((times / speed) ** 1.5))
        fall = 1 / (1 + np.exp(-(np.log1p(times) - np.log1p(6 * speed)) * 6))
        noise = self.noise * (3 * draw.standard_normal() * rise + draw.standard_normal(times.size))
        return rise, fall, noise

    def _curves(self, trial: Trial, split: str, moments: np.ndarray) -> dict[str, Any]:
        times = moments[:, 1] / trial.steps_per_epoch
        rise, fall, noise = self._learned(trial, times, "curve")
        train = split.startswith("train")
        level = 1.0 if train and trial.label_noise < 1 else self.level(trial)
        lost = self.unlearned(trial) if train else self.ranking_lost(trial)
        information = np.clip(H_Y * level * rise - lost * fall + noise, 0, H_Y)
        classes = trial.task.n_classes
        accuracy = 1 / classes + (1 - 1 / classes) * np.sqrt(np.clip(information / H_Y, 0, 1))
        given = 1 / classes + (self.train_accuracy(trial) - 1 / classes) * rise
        loss = np.log(classes) * (
            1.02 - (rise if train else level * rise - 0.6 * fall * (1 - level))
        )
        return {
            "epoch": moments[:, 0].astype(int),
            "step": moments[:, 1].astype(int),
            "split": split,
            "n": trial.n_train,
            "loss": loss + np.abs(noise),
            "loss_scaled": loss,
            "temperature": 1.0,
            "accuracy": given if train else accuracy,
            "accuracy_true": accuracy,
            "i_decision": information,
            "i_rank": 0.946 * information if classes == 2 else np.nan,
            "auc": 0.5 + 0.5 * information / H_Y,
        }

    def _information(
        self, trial: Trial, estimator: str, sample: str, layer: int, moments: np.ndarray
    ) -> dict[str, Any]:
        times = moments[:, 1] / trial.steps_per_epoch
        rise, fall, noise = self._learned(trial, times, f"layer{layer}")
        n_layers = len(trial.hidden) + 1
        share = layer / n_layers
        start = 12 - 6 * share**2
        n = {"all": 4096, "train": trial.n_train, "test": 615}[sample]
        peak = min(start + 1.2 * share, np.log2(n))
        i_xt = start + (peak - start) * rise - (2.5 + share) * share**3 * fall * rise + 5 * noise
        i_xt = np.clip(i_xt, 0, np.log2(n))
        ceiling = (
            H_Y * (1 - 0.05 * share)
            if sample != "test" or layer < n_layers
            else H_Y * self.level(trial)
        )
        i_ty = ceiling * (1 - share + share * rise) - self.saturating(trial) * fall * (
            layer >= n_layers - 1
        )
        lost = self.unlearned(trial) if sample == "train" else self.ranking_lost(trial)
        i_ty = i_ty - lost * fall * (layer >= n_layers - 1)
        return {
            "epoch": moments[:, 0].astype(int),
            "step": moments[:, 1].astype(int),
            "layer": layer,
            "layer_name": "softmax" if layer == n_layers else f"hidden{layer}",
            "width": trial.layer_widths[layer],
            "sample": sample,
            "estimator_id": estimator,
            "i_xt": i_xt,
            "i_ty": np.clip(i_ty + noise, 0, H_Y),
            "i_ty_null": 0.02,
            "h_y": H_Y,
            "n": n,
            "log2_n": np.log2(n),
            "saturated": i_xt > 0.95 * np.log2(n),
        }


def _table(parts: list[dict[str, Any]]) -> pd.DataFrame:
    """Put parts under each other; a part's scalars are repeated over its rows."""
    if not parts:
        return pd.DataFrame()
    lengths = [max((np.size(value) for value in part.values()), default=1) for part in parts]
    columns = {}
    for name in parts[0]:
        values = [part[name] for part in parts]
        whole = any(np.size(value) > 1 for value in values)
        columns[name] = np.concatenate(values) if whole else np.repeat(np.array(values), lengths)
    return pd.DataFrame(columns)
