"""From a study's axes to its cells: the product of axes and zip groups, cut by `where`."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from infosweep.errors import LimitError
from infosweep.study.axes import axis_columns
from infosweep.study.cells import cell_sections, columns_of, n_train_of
from infosweep.study.settings import FOUR_AXES
from infosweep.study.where import compile_where

if TYPE_CHECKING:
    from infosweep.plan.trial import Scalar
    from infosweep.study.settings import AnyModel, AnyTask, StudySettings, TrainingSettings

# Points of a grid that `where` is tried on, at most (more only if the limit of trials is of that
# order): about a second's work.
_SEARCHED = 100_000

# What is multiplied: an axis alone or a zip group, as (names, their values together).
_Group = tuple[tuple[str, ...], list[tuple[Any, ...]]]


@dataclass(frozen=True, slots=True)
class Cell:
    """One point of the grid of axes.

    Attributes:
        task: the section with further axes applied; so are `model` and `training`.
        model: what learns.
        training: how it learns.
        train_size: as written, a fraction in (0, 1] or a count.
        batch_size: as written, a count or `full`.
        depth: number of hidden layers.
        label_noise: probability that a training label is redrawn.
        extra: further axes under their column names.
    """

    task: AnyTask
    model: AnyModel
    training: TrainingSettings
    train_size: float
    batch_size: int | str
    depth: int | None
    label_noise: float
    extra: dict[str, Scalar]

    @property
    def n_train(self) -> int:
        """Training examples, validation part included."""
        return n_train_of(self.task, self.train_size)

    @property
    def batch_as_written(self) -> int:
        """The batch size as a number; n_train where it is `full`."""
        return self.batch_size if isinstance(self.batch_size, int) else self.n_train

    @property
    def n_fit(self) -> int:
        """Training examples without their validation part."""
        n_train = self.n_train
        return n_train - int(self.task.validation * n_train + 1e-9)

    @property
    def batch_used(self) -> int:
        """The batch size in force: at most the examples trained on."""
        return min(self.batch_as_written, self.n_fit)


def cells_of(study: StudySettings) -> list[Cell]:
    """Return a study's cells in the order of its axes, the last axis fastest.

    Raises LimitError if they make more trials than `limits.trials`; without `where` even a grid of a
    billion cells costs nothing.
    """
    groups = _groups(study)
    size = math.prod(len(values) for _, values in groups)
    if not study.where:
        _check_limit(study, size)
    elif size > (searched := max(_SEARCHED, 4 * study.limits.trials)):
        raise LimitError(
            f"the axes span {size:,} cells before `where` cuts them; {searched:,} are searched at most",
            "take values from the axes, put axes that advance together into `zip`, or raise "
            "`limits.trials` (four times as many cells are searched)",
        )
    cells = list(_walk(study, groups))
    _check_limit(study, len(cells))
    return cells


def _groups(study: StudySettings) -> list[_Group]:
    together = {name: group for group in study.zip for name in group}
    groups: dict[tuple[str, ...], list[tuple[Any, ...]]] = {}
    for name in study.axes:
        names = together.get(name, (name,))
        if names not in groups:
            groups[names] = list(zip(*(study.axes[each] for each in names), strict=True))
    return list(groups.items())


def _walk(study: StudySettings, groups: list[_Group]) -> Iterator[Cell]:
    conditions = [compile_where(text) for text in study.where]
    names = [name for group, _ in groups for name in group]
    further = [name for name in study.axes if name not in FOUR_AXES]
    columns = axis_columns(study.axes)
    # Few settings of the further axes, many cells: each is validated once.
    sections: dict[tuple[Any, ...], tuple[AnyTask, AnyModel, TrainingSettings]] = {}
    for point in itertools.product(*(values for _, values in groups)):
        values = dict(zip(names, itertools.chain.from_iterable(point), strict=True))
        key = tuple(values[name] for name in further)
        if key not in sections:
            sections[key] = cell_sections(study, values)
        if conditions:
            row = columns_of(sections[key][0], values, columns)
            if not all(condition(row) for condition in conditions):
                continue
        yield Cell(
            *sections[key],
            **{name: values[name] for name in FOUR_AXES},
            extra={columns[name]: values[name] for name in further},
        )


def _check_limit(study: StudySettings, cells: int) -> None:
    seeds, limit = len(study.seeds), study.limits.trials
    trials = cells * seeds
    if trials <= limit:
        return
    longest = max(study.axes, key=lambda name: len(study.axes[name]))
    raise LimitError(
        f"the study has {trials:,} trials ({cells:,} cells x {seeds:,} seeds); its limit is {limit:,}",
        f"write `limits: {{trials: {trials}}}` if that is meant; else use fewer seeds or take values "
        f"from the axes (the longest, {longest}, has {len(study.axes[longest]):,})",
    )
