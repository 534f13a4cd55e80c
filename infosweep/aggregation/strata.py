"""Which cells a claim row rests on: chosen by the study alone, never by what was measured.

A claim varies one axis. The other axes are held where the claim is meant (the smallest training set, the
deepest network, ...); further axes at the value written first, their other values serving as counter-tests.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from infosweep.aggregation.grid import Cell, Grid, extremes, format_value, smallest_first
from infosweep.study.settings import FOUR_AXES


@dataclass(frozen=True)
class Stratum:
    """Cells that are compared along one axis.

    Attributes:
        axis: the axis that varies.
        groups: one list of cells per value of the axis, smallest first; each is averaged over.
        where: what is held fixed, in words.
    """

    axis: str
    groups: tuple[tuple[Cell, ...], ...]
    where: str


def variants(grid: Grid, cells: Sequence[Cell]) -> list[tuple[str, list[Cell]]]:
    """Split cells by the further axes: first those at the values written first (''), then each other, with its name.

    An axis that is zipped with one of the four follows it, and splits nothing.
    """
    names = [
        name
        for name in grid.varied
        if name not in FOUR_AXES and name not in grid.followers(FOUR_AXES)
    ]
    by_value: dict[str, list[Cell]] = {}
    for cell in cells:
        label = ", ".join(f"{name}={format_value(cell.axes[name])}" for name in names)
        by_value.setdefault(label, []).append(cell)
    return [
        ("" if place == 0 else label, found)
        for place, (label, found) in enumerate(by_value.items())
    ]


def first_variant(grid: Grid, cells: Sequence[Cell]) -> list[Cell]:
    """Return the cells at the first-written values of the further axes."""
    split = variants(grid, cells)
    return split[0][1] if split else []


def held(cells: Sequence[Cell], **largest: bool) -> list[Cell]:
    """Narrow cells axis by axis, in the order given, to the largest (True) or smallest (False) value."""
    left = list(cells)
    for name, wanted in largest.items():
        left = extremes(left, name, largest=wanted)
    return left


def along(cells: Sequence[Cell], axis: str) -> list[list[Cell]]:
    """Group cells by an axis, smallest value first."""
    groups: list[list[Cell]] = []
    last: object = None
    for cell in smallest_first(cells, axis):
        value = cell.trial.n_train if axis == "train_size" else cell.axes[axis]
        if not groups or value != last:
            groups.append([])
            last = value
        groups[-1].append(cell)
    return groups


def same_batches(groups: Sequence[Sequence[Cell]]) -> list[tuple[Cell, ...]]:
    """Keep in each group the batch sizes that all groups have (all of them where none is common).

    Batch sizes past the training set are one and the same training; only the first of them is kept.
    """
    common = (
        set.intersection(*({cell.axes["batch_size"] for cell in group} for group in groups))
        if groups
        else set()
    )
    kept = []
    for group in groups:
        by_used: dict[int, Cell] = {}
        for cell in group:
            if not common or cell.axes["batch_size"] in common:
                by_used.setdefault(cell.trial.batch_used, cell)
        kept.append(tuple(by_used.values()))
    return kept


def describe(grid: Grid, cells: Sequence[Cell], axis: str) -> str:
    """Say at which values of the other varied axes cells lie: `depth=5, mean over 2 batch sizes`."""
    parts = []
    for name in grid.varied:
        values = dict.fromkeys(format_value(cell.axes[name]) for cell in cells)
        if name == axis or not values:
            continue
        several = f"mean over {len(values)} values of {name}"
        parts.append(f"{name}={next(iter(values))}" if len(values) == 1 else several)
    return ", ".join(parts)
