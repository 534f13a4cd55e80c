"""Which cells a claim row rests on: chosen by the study alone, never by what was measured.

A claim varies one axis. The other axes are held where the claim is meant (the smallest training set, the
deepest network, ...); further axes at the value written first, their other values serving as counter-tests.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from infosweep.aggregation.grid import Cell, Grid, extremes, format_value, smallest_first
from infosweep.aggregation.rows import notes
from infosweep.aggregation.statistics import PerSeed
from infosweep.study.settings import FOUR_AXES


@dataclass(frozen=True)
class Compared:
    """Groups of cells whose means are compared, each over the same batch sizes.

    Attributes:
        groups: one tuple of cells a group, none of a batch size that was left out.
        n_left_out: seeds of the batch sizes that were left out.
        note: which batch sizes were left out, and why; which groups have no seed at all.
    """

    groups: tuple[tuple[Cell, ...], ...]
    n_left_out: int
    note: str


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


def compared(
    grid: Grid,
    groups: Sequence[Sequence[Cell]],
    values: Callable[[Cell], PerSeed],
    why: str = "no seed has finished",
) -> Compared:
    """Leave a batch size out of all groups unless each of them has seeds there, so that like meets like.

    Args:
        grid: the study.
        groups: cells to be averaged over, a group each.
        values: what is averaged, per seed.
        why: what it means that a cell has no value.

    A group without a seed at any batch size rules nothing out: it has no mean, whatever is left out.
    """
    full = same_batches(groups)
    finished = {cell: bool(values(cell)[0].size) for group in groups for cell in group}
    alive = [group for group in full if any(finished[cell] for cell in group)]
    if not alive:
        return Compared(tuple(full), 0, "")
    out: dict[object, Cell] = {}
    for group in alive:
        for cell in group:
            if not finished[cell]:
                out.setdefault(cell.axes["batch_size"], cell)
    left = [[c for c in group if c.axes["batch_size"] not in out] for group in groups]
    said = [
        f"batch_size={format_value(batch)} is left out throughout: {why} at {grid.label(cell)}"
        for batch, cell in out.items()
    ]
    said += [f"{why} at {grid.label(group[0])}" for group in full if group and group not in alive]
    return Compared(tuple(same_batches(left)), sum(c.n_planned for c in out.values()), notes(*said))


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
