"""What a study may say: one frozen settings class per section, and the kinds that this version has.

Only single values are checked here; what values say about each other is checked in `checks.py`, where
every fault can be reported at once with its place.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Strict

Int = Annotated[int, Strict()]
Float = Annotated[float, Strict()]
Str = Annotated[str, Strict()]
Positive = Annotated[int, Strict(), Field(ge=1)]

FOUR_AXES = ("train_size", "batch_size", "depth", "label_noise")


class Section(BaseModel):
    """A frozen section of a study; unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


# --- task ---------------------------------------------------------------------------------------------


class TaskSettings(Section):
    """A task: where the examples come from. A subclass states the task's shape without loading it."""

    n: ClassVar[int]  # examples that train_size counts
    n_own_test: ClassVar[int] = 0  # size of the task's own test split; 0 where the seed draws it
    input_shape: ClassVar[tuple[int, ...]]
    n_classes: ClassVar[int]

    kind: str
    holdout: Annotated[float, Strict(), Field(gt=0, lt=1)] = 0.15
    validation: Annotated[float, Strict(), Field(ge=0, lt=1)] = 0.0

    @property
    def n_inputs(self) -> int:
        """Width of one flattened example."""
        size = 1
        for length in self.input_shape:
            size *= length
        return size

    @property
    def n_test(self) -> int:
        """Number of test examples: the task's own, or n - floor((1 - holdout) n)."""
        return self.n_own_test or self.n - int((1 - self.holdout) * self.n + 1e-9)

    @property
    def n_all(self) -> int:
        """Number of examples including the task's own test split."""
        return self.n + self.n_own_test

    @property
    def default_train_size(self) -> float:
        """The largest fraction that leaves the test part alone."""
        return 1.0 if self.n_own_test else 1 - self.holdout


class Binary12Settings(TaskSettings):
    """All 4,096 twelve-bit vectors with the label of Shwartz-Ziv & Tishby 2017."""

    n, input_shape, n_classes = 4096, (12,), 2
    kind: Literal["binary12"] = "binary12"


class DigitsSettings(TaskSettings):
    """The 1,797 8x8 digits of scikit-learn."""

    n, input_shape, n_classes = 1797, (8, 8), 10
    kind: Literal["digits"] = "digits"


class Mnist1dSettings(TaskSettings):
    """MNIST-1D (Greydanus 2020): 4,000 training and 1,000 test signals of length 40."""

    n, n_own_test, input_shape, n_classes = 4000, 1000, (40,), 10
    kind: Literal["mnist1d"] = "mnist1d"


AnyTask = Annotated[Binary12Settings | DigitsSettings | Mnist1dSettings, Discriminator("kind")]

# --- model --------------------------------------------------------------------------------------------

Activation = Literal["tanh", "relu", "sigmoid", "softplus", "softsign", "linear"]


class MlpSettings(Section):
    """A multilayer perceptron with softmax output; depth d uses the first d hidden widths."""

    kind: Literal["mlp"] = "mlp"
    hidden: Annotated[tuple[Positive, ...], Field(min_length=1)] = (10, 7, 5, 4, 3)
    activation: Activation = "tanh"
    widths: Literal["prefix", "constant", "equal-parameters"] = "prefix"
    init: Literal["truncated-normal", "xavier", "he"] = "truncated-normal"

    def hidden_at(self, depth: int, n_inputs: int, n_classes: int) -> tuple[int, ...]:
        """Hidden widths of the network of `depth` hidden layers, by the rule `widths`.

        prefix: the first `depth` of `hidden`. constant: its first width, `depth` times. equal-parameters:
        one width, `depth` times, whose parameter count is nearest to that of all of `hidden`.
        """
        if self.widths == "prefix":
            return self.hidden[:depth]
        if self.widths == "constant":
            return (self.hidden[0],) * depth
        target = n_parameters((n_inputs, *self.hidden, n_classes))

        def distance(width: int) -> int:
            return abs(n_parameters((n_inputs, *(width,) * depth, n_classes)) - target)

        width = 1
        while distance(width + 1) < distance(width):
            width += 1
        return (width,) * depth


def n_parameters(widths: tuple[int, ...]) -> int:
    """Number of weights and biases of an MLP of these widths, input and output included.

    >>> n_parameters((12, 10, 7, 5, 4, 3, 2))
    294
    """
    return sum((a + 1) * b for a, b in zip(widths, widths[1:], strict=False))


# --- training -----------------------------------------------------------------------------------------


class TrainingSettings(Section):
    """How the networks are trained; `steps` instead of `epochs` fixes the optimiser steps."""

    optimizer: Literal["sgd", "momentum", "adam"] = "adam"
    learning_rate: Annotated[float, Strict(), Field(gt=0)] = 0.0004
    momentum: Annotated[float, Strict(), Field(ge=0, lt=1)] = 0.0
    weight_decay: Annotated[float, Strict(), Field(ge=0)] = 0.0
    epochs: Positive = 4000
    steps: Positive | None = None  # instead of epochs
    engine: Literal["auto", "fused", "torch"] = "auto"

    @property
    def n_epochs(self) -> int | None:
        """Epochs to train; None where `steps` is given."""
        return None if self.steps is not None else self.epochs

    @property
    def used_momentum(self) -> float:
        """Momentum in force: 0.9 for optimizer `momentum` where the field is left at 0."""
        return 0.9 if self.optimizer == "momentum" and self.momentum == 0 else self.momentum


# --- recording, estimators ----------------------------------------------------------------------------


class RecordSettings(Section):
    """What is measured, and when."""

    checkpoints: Annotated[int, Strict(), Field(ge=2)] = 60
    spacing: Literal["log", "linear"] = "log"
    samples: Annotated[tuple[Literal["all", "train", "test"], ...], Field(min_length=1)] = ("all", "train", "test")
    probe: Annotated[int, Strict(), Field(ge=2)] = 4096
    layers: Literal["all"] | Annotated[tuple[Positive, ...], Field(min_length=1)] = "all"
    measures: tuple[Str, ...] = ()


class BinsSettings(Section):
    """Plug-in information of binned activations; one of the rules `bins`, `edges`, `width`, `quantiles`."""

    kind: Literal["bins"] = "bins"
    bins: Positive = 30  # in force where no other rule is given
    range: tuple[Float, Float] | Literal["per-layer", "per-epoch"] = (-1.0, 1.0)
    edges: Annotated[tuple[Float, ...], Field(min_length=1)] | None = None
    width: Annotated[float, Strict(), Field(gt=0)] | None = None
    quantiles: Annotated[int, Strict(), Field(ge=2)] | None = None
    correction: Literal["none"] = "none"

    @property
    def rule(self) -> Literal["bins", "edges", "width", "quantiles"]:
        """Which of the four ways to place edges is in force."""
        if self.edges is not None:
            return "edges"
        if self.width is not None:
            return "width"
        return "bins" if self.quantiles is None else "quantiles"


AnyEstimator = BinsSettings  # a union over `kind` once there are several

# --- the rest -----------------------------------------------------------------------------------------


class ResourceSettings(Section):
    """What one pack gets."""

    cpus: Positive = 1
    gpus: Annotated[float, Strict(), Field(ge=0)] = 0
    pack: Literal["auto"] | Positive = "auto"


class LimitSettings(Section):
    """What is refused before anything runs."""

    trials: Positive = 5000


FindingName = Literal["overcompression", "depth_benefit", "batch_information", "label_noise_effect"]


class StudySettings(Section):
    """One study. Axes are resolved: each name maps to its tuple of values, the four axes always among them."""

    infosweep: Literal[1] = 1
    name: Annotated[str, Strict(), Field(pattern=r"^[a-z0-9-]+$", max_length=100)]
    task: AnyTask
    model: MlpSettings = MlpSettings()
    training: TrainingSettings = TrainingSettings()
    axes: dict[str, tuple[Any, ...]]
    zip: tuple[tuple[str, ...], ...] = ()
    where: tuple[str, ...] = ()
    tuned: tuple[str, ...] = ()
    seeds: tuple[int, ...] = tuple(range(8))
    record: RecordSettings = RecordSettings()
    estimators: Annotated[tuple[AnyEstimator, ...], Field(min_length=1)] = (BinsSettings(),)
    findings: tuple[FindingName, ...] = ()
    resources: ResourceSettings = ResourceSettings()
    limits: LimitSettings = LimitSettings()
    retries: Annotated[int, Strict(), Field(ge=0)] = 2
