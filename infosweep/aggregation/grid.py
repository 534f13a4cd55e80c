"""The cells of a study with the curves that were measured in them, one array (seeds, checkpoints) a cell.

What belongs to the study is told by its plan: rows of other trials, of diverged ones and of trials that are not
in the table `trials` are left out here, once for all findings and figures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from infosweep.aggregation.frames import Frames
from infosweep.plan.trials import trials_of
from infosweep.study import axis_column
from infosweep.study.settings import FOUR_AXES

if TYPE_CHECKING:
    from infosweep.plan.trial import Scalar, Trial
    from infosweep.study.settings import StudySettings

CONTROL_NOISE = 1.0


@dataclass(frozen=True)
class Cell:
    """One point of the grid of axes, all its seeds together.

    Attributes:
        index: place among the study's cells.
        axes: column -> value as written (batch_size an int or `full`), the four axes first.
        trial: one of the cell's trials, for what all of them share.
        n_planned: trials that the study asks for here.
    """

    index: int
    axes: Mapping[str, Scalar | None] = field(compare=False)
    trial: Trial = field(compare=False)
    n_planned: int = field(compare=False)

    def __hash__(self) -> int:
        return self.index

    @property
    def is_control(self) -> bool:
        """Whether every training label is drawn anew: nothing to learn."""
        return self.trial.label_noise == CONTROL_NOISE

    @property
    def n_parameters(self) -> int:
        """Weights and biases of the cell's networks."""
        return self.trial.n_parameters

    @property
    def epochs(self) -> float:
        """Passes over the training examples in all."""
        return self.trial.n_steps / self.trial.steps_per_epoch


@dataclass(frozen=True, slots=True)
class Curve:
    """One measured quantity in one cell.

    Attributes:
        seeds: (seeds,) sorted.
        epochs: (k,) moments of the checkpoints, in passes over the training examples; fractions with `steps`.
        values: (seeds, k), finite.
    """

    seeds: NDArray[np.int64]
    epochs: NDArray[np.float64]
    values: NDArray[np.float64]


NO_CURVE = Curve(np.empty(0, np.int64), np.empty(0), np.empty((0, 0)))


def format_value(value: object) -> str:
    """Write the value of an axis as people do.

    >>> format_value(0.040), format_value(256), format_value(True), format_value(None)
    ('0.04', '256', 'true', 'none')
    """
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.6g}" if isinstance(value, float) else str(value)


class Grid:
    """A study's cells and what was measured in them."""

    def __init__(self, frames: Frames, study: StudySettings) -> None:
        self.frames = frames
        self.study = study
        self.planned = trials_of(study)
        self.cells, self._cell_of = _cells(self.planned)
        self._rows: dict[str, _Rows] = {}
        self.findings: dict[str, pd.DataFrame] = {}  # name -> table, once worked out

    @cached_property
    def axis_names(self) -> tuple[str, ...]:
        """Columns of all axes, the four first."""
        return tuple(self.cells[0].axes) if self.cells else FOUR_AXES

    @cached_property
    def varied(self) -> tuple[str, ...]:
        """Columns of the axes that take more than one value."""
        return tuple(
            name for name in self.axis_names if len({cell.axes[name] for cell in self.cells}) > 1
        )

    @cached_property
    def done(self) -> NDArray[np.bool_]:
        """Which planned trials are in the table `trials` as done; (planned,)."""
        trials = self.frames.table("trials")
        if trials.empty:
            return np.zeros(len(self.planned), bool)
        done = set(trials.loc[trials["status"] == "done", "trial_id"])
        return np.array([trial.trial_id in done for trial in self.planned], dtype=bool)

    def cell_of_trials(self) -> list[Cell]:
        """Return the cell of each planned trial, in the order of `planned`."""
        return [self.cells[index] for index in self._cell_of.tolist()]

    def label(self, cell: Cell, without: Sequence[str] = ()) -> str:
        """Name a cell by its axes that vary (all four where none does), but for those `without`."""
        names = self.varied or FOUR_AXES
        return ", ".join(
            f"{name}={format_value(cell.axes[name])}" for name in names if name not in without
        )

    def control_of(self, cell: Cell) -> Cell | None:
        """Return the same cell at label_noise 1; None where the study has none."""
        return self._controls.get(self.key(cell, "label_noise"))

    @cached_property
    def _controls(self) -> dict[tuple[Scalar | None, ...], Cell]:
        controls: dict[tuple[Scalar | None, ...], Cell] = {}
        for cell in self.cells:
            if cell.is_control:
                controls.setdefault(self.key(cell, "label_noise"), cell)
        return controls

    def key(self, cell: Cell, *leaving: str) -> tuple[Scalar | None, ...]:
        """Return the cell's values on all axes but those of `leaving` and the axes zipped with them."""
        left = {*leaving, *self.followers(leaving)}
        return tuple(value for name, value in cell.axes.items() if name not in left)

    def column_of(self, axis: str) -> str:
        """Return the column of an axis as the study names it."""
        return axis if axis in FOUR_AXES else axis_column(self.study, axis)

    def followers(self, names: Sequence[str]) -> frozenset[str]:
        """Return the further axes that are zipped with one of `names`: they vary with it."""
        found: set[str] = set()
        for group in self.study.zip:
            columns = {self.column_of(name) for name in group}
            if columns & set(names):
                found |= columns - set(FOUR_AXES) - set(names)
        return frozenset(found)

    def curves(
        self,
        table: str,
        column: str,
        minus: str | None = None,
        from_end: int | None = None,
        **where: object,
    ) -> dict[Cell, Curve]:
        """Return the curve of `column` of each cell.

        Args:
            table: curves, information or gradients.
            column: what is measured.
            minus: a column that is subtracted from it.
            from_end: only rows of this layer, counted from the end: 0 is the softmax output.
            where: column=value, all of which must hold.

        A trial whose rows are missing, fewer than its mates' or not finite is left out. A cell without any
        is not in the result.
        """
        frame = self.frames.table(table)
        if frame.empty or not {column, *where} <= set(frame.columns):
            return {}
        if table not in self._rows:
            self._rows[table] = _Rows(frame, self)
        rows = self._rows[table]
        keep = rows.known.copy()
        if from_end is not None:
            keep &= frame["layer"].to_numpy(dtype=np.int64) == rows.n_layers - from_end
        for name, value in where.items():
            keep &= (frame[name] == value).to_numpy(dtype=bool, na_value=False)
        at = np.flatnonzero(keep)
        values = frame[column].to_numpy(dtype=float, na_value=np.nan)[at]
        if minus is not None:
            values = values - frame[minus].to_numpy(dtype=float, na_value=np.nan)[at]
        return self._assemble(rows.trial[at], rows.step[at], values)

    def _assemble(
        self, trial: NDArray[np.int64], step: NDArray[np.int64], values: NDArray[np.float64]
    ) -> dict[Cell, Curve]:
        order = np.lexsort((step, trial))
        trial, step, values = trial[order], step[order], values[order]
        starts = np.flatnonzero(np.diff(trial, prepend=-1))
        lengths = np.diff(starts, append=trial.size)
        by_cell: dict[int, list[tuple[int, int, int]]] = {}
        for start, length in zip(starts.tolist(), lengths.tolist(), strict=True):
            planned = int(trial[start])
            by_cell.setdefault(int(self._cell_of[planned]), []).append(
                (self.planned[planned].seed, start, length)
            )
        curves: dict[Cell, Curve] = {}
        for index, found in sorted(by_cell.items()):
            length = max(each for _, _, each in found)
            whole = sorted((seed, start) for seed, start, each in found if each == length)
            stack = np.stack([values[start : start + length] for _, start in whole])
            finite = np.isfinite(stack).all(axis=1)
            if not finite.any():
                continue
            cell = self.cells[index]
            moments = step[whole[0][1] : whole[0][1] + length] / cell.trial.steps_per_epoch
            seeds = np.array([seed for seed, _ in whole], np.int64)
            curves[cell] = Curve(seeds[finite], moments, stack[finite])
        return curves


def grid_of(frames: Frames, study: StudySettings) -> Grid:
    """Return the grid of a study's frames; the last one is kept with the frames, for figures after findings."""
    if frames.prepared is None or frames.prepared.study != study:
        frames.prepared = Grid(frames, study)
    return frames.prepared


class _Rows:
    """Which planned trial each row of a table belongs to; worked out once a table."""

    def __init__(self, frame: pd.DataFrame, grid: Grid) -> None:
        places = pd.Index([trial.trial_id for trial in grid.planned]).get_indexer(
            pd.Index(frame["trial_id"])
        )
        self.trial = places.astype(np.int64)
        self.known = places >= 0
        self.known[self.known] = grid.done[places[self.known]]
        self.step = frame["step"].to_numpy(dtype=np.int64)
        n_layers = np.array([len(trial.hidden) + 1 for trial in grid.planned], np.int64)
        self.n_layers = np.where(self.known, n_layers[self.trial], -1)


def _cells(planned: Sequence[Trial]) -> tuple[list[Cell], NDArray[np.int64]]:
    """Return the cells in the order of the plan, and each trial's place among them (planned,)."""
    places: dict[tuple[object, ...], int] = {}
    cell_of = np.empty(len(planned), np.int64)
    first: list[tuple[dict[str, Scalar | None], Trial]] = []
    for number, trial in enumerate(planned):
        axes: dict[str, Scalar | None] = {
            "train_size": trial.train_size,
            "batch_size": "full" if trial.full_batch else trial.batch_size,
            "depth": trial.depth,
            "label_noise": trial.label_noise,
            **trial.extra,
        }
        key = tuple(axes.values())
        if key not in places:
            places[key] = len(first)
            first.append((axes, trial))
        cell_of[number] = places[key]
    counts = np.bincount(cell_of, minlength=len(first))
    cells = [Cell(i, axes, trial, int(counts[i])) for i, (axes, trial) in enumerate(first)]
    return cells, cell_of


def smallest_first(cells: Sequence[Cell], column: str) -> list[Cell]:
    """Sort cells by what an axis amounts to: n_train for train_size, batch_used for batch_size."""
    return sorted(cells, key=lambda cell: magnitude(cell, column))


def magnitude(cell: Cell, column: str) -> float:
    """Return what a cell's value on a numeric axis amounts to, as a number that orders cells."""
    if column == "train_size":
        return float(cell.trial.n_train)
    if column == "batch_size":
        return float(cell.trial.batch_used)
    value = cell.axes[column]
    return float(value) if isinstance(value, int | float) else 0.0


def extremes(cells: Sequence[Cell], column: str, *, largest: bool) -> list[Cell]:
    """Return the cells at the smallest (or largest) value of an axis.

    >>> extremes([], "depth", largest=True)
    []
    """
    if not cells:
        return []
    sizes = [magnitude(cell, column) for cell in cells]
    wanted = max(sizes) if largest else min(sizes)
    return [cell for cell, size in zip(cells, sizes, strict=True) if size == wanted]
