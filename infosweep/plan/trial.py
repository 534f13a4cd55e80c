"""The unit of results: one network trained once, as plain frozen data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from infosweep.study.settings import MlpSettings, n_parameters

if TYPE_CHECKING:
    from infosweep.study.settings import (
        AnyEstimator,
        AnyModel,
        AnyTask,
        RecordSettings,
        TrainingSettings,
    )

Scalar = bool | int | float | str


@dataclass(frozen=True, slots=True)
class Trial:
    """A cell and a seed, with every setting that its rows depend on.

    Attributes:
        trial_id: content hash of `content`.
        content: canonical JSON text of what is hashed; defaults left out.
        seed: seed of every draw.
        task: what is learned.
        model: what learns.
        training: how it learns, in its canonical form (as two ways to write it give one id).
        record: what is measured and when, in its canonical form.
        estimators: in their canonical order.
        train_size: as written, a fraction or a count.
        n_train: examples of the training subset, its validation part included.
        batch_size: as written; n_train where `full_batch`.
        batch_used: min(batch_size, n_fit), the batch size in force.
        full_batch: whether batch_size was written as `full`.
        depth: number of hidden layers.
        label_noise: probability that a training label is redrawn.
        hidden: widths of the hidden layers.
        extra: further axes of the study under their column names.
    """

    trial_id: str
    content: str
    seed: int
    task: AnyTask
    model: AnyModel
    training: TrainingSettings
    record: RecordSettings
    estimators: tuple[AnyEstimator, ...]
    train_size: float
    n_train: int
    batch_size: int
    batch_used: int
    full_batch: bool
    depth: int | None
    label_noise: float
    hidden: tuple[int, ...]
    extra: dict[str, Scalar] = field(default_factory=dict, hash=False)

    @property
    def layer_widths(self) -> tuple[int, ...]:
        """Widths from the input to the softmax output."""
        return (self.task.n_inputs, *self.hidden, self.task.n_classes)

    @property
    def layer_names(self) -> tuple[str, ...]:
        """Names of the layers, the softmax output last."""
        if isinstance(self.model, MlpSettings):
            return (*(f"hidden {i}" for i in range(1, len(self.hidden) + 1)), "softmax")
        return (*self.model.found.layers, "softmax")

    @property
    def n_parameters(self) -> int:
        """Trained numbers of the network."""
        if isinstance(self.model, MlpSettings):
            return n_parameters(self.layer_widths)
        return self.model.found.n_parameters

    @property
    def mlp(self) -> MlpSettings:
        """The settings of a network that is a multilayer perceptron.

        Raises TypeError where it is the user's own.
        """
        if isinstance(self.model, MlpSettings):
            return self.model
        raise TypeError(f"trial {self.trial_id} trains {self.model.kind}, which is no mlp")

    @property
    def n_validation(self) -> int:
        """Examples of the training subset that are kept for validation."""
        return int(self.task.validation * self.n_train + 1e-9)

    @property
    def n_fit(self) -> int:
        """Examples that the network is trained on."""
        return self.n_train - self.n_validation

    @property
    def steps_per_epoch(self) -> int:
        """Optimiser steps in one pass; the last, smaller batch is kept."""
        return -(-self.n_fit // self.batch_used)

    @property
    def n_steps(self) -> int:
        """Optimiser steps of the whole training."""
        if self.training.steps is not None:
            return self.training.steps
        return self.training.epochs * self.steps_per_epoch


@dataclass(frozen=True, slots=True)
class Pack:
    """Trials of equal tensor shapes trained together: the unit of scheduling, one Ray Tune trial."""

    pack_id: str
    trials: tuple[Trial, ...]
