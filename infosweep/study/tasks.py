"""Settings of the tasks, each with its shape, so that a plan needs no data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from infosweep.study.kinds import Choice, Number
from infosweep.study.section import Section, option


@dataclass(frozen=True, kw_only=True)
class TaskSettings(Section):
    """A task: where the examples come from. A subclass states the task's shape without loading it."""

    n: ClassVar[int]  # examples that train_size counts
    n_own_test: ClassVar[int] = 0  # size of the task's own test split; 0 where the seed draws it
    input_shape: ClassVar[tuple[int, ...]]
    n_classes: ClassVar[int]
    later: ClassVar[Mapping[str, Any]] = {"path": None, "corruption": None}

    kind: str
    holdout: float = option(
        Number(over=0, under=1),
        0.15,
        about="share of all examples kept for testing, drawn by the seed; for tasks without a test split of their own",
    )
    validation: float = option(
        Number(least=0, under=1),
        0.0,
        about="share of the training subset kept for validation; n_train includes it",
    )

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
    def n_available(self) -> int:
        """Number of examples that training may use."""
        return self.n if self.n_own_test else self.n - self.n_test

    @property
    def default_train_size(self) -> float:
        """The largest fraction that leaves the test part alone."""
        return 1.0 if self.n_own_test else round(1 - self.holdout, 12)


@dataclass(frozen=True, kw_only=True)
class Binary12Settings(TaskSettings):
    """All 4,096 twelve-bit vectors with the label of Shwartz-Ziv & Tishby 2017."""

    n, input_shape, n_classes = 4096, (12,), 2
    kind: Literal["binary12"] = option(
        Choice(("binary12",)), "binary12", about="all 4,096 twelve-bit vectors"
    )


@dataclass(frozen=True, kw_only=True)
class DigitsSettings(TaskSettings):
    """The 1,797 8x8 digits of scikit-learn."""

    n, input_shape, n_classes = 1797, (8, 8), 10
    kind: Literal["digits"] = option(
        Choice(("digits",)), "digits", about="1,797 8x8 digits of scikit-learn"
    )


@dataclass(frozen=True, kw_only=True)
class Mnist1dSettings(TaskSettings):
    """MNIST-1D (Greydanus 2020): 4,000 training and 1,000 test signals of length 40."""

    n, n_own_test, input_shape, n_classes = 4000, 1000, (40,), 10
    kind: Literal["mnist1d"] = option(
        Choice(("mnist1d",)), "mnist1d", about="4,000 + 1,000 signals of length 40"
    )


TASKS: dict[str, type[TaskSettings]] = {
    "binary12": Binary12Settings,
    "digits": DigitsSettings,
    "mnist1d": Mnist1dSettings,
}
LATER_TASKS = ("fashion-mnist", "cifar10", "images", "arrays")
