"""What figures draw: means over seeds with their intervals at every checkpoint, and shares of seeds arrived."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import special

from infosweep.aggregation.ends import saturated_at_end
from infosweep.aggregation.grid import Cell, Curve, Grid
from infosweep.aggregation.statistics import CONFIDENCE, Bounds
from infosweep.aggregation.strata import along, first_variant, held
from infosweep.study.settings import FOUR_AXES

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Band:
    """A curve's mean over seeds and 95 % t interval at each checkpoint; each (k,), NaN intervals for one seed."""

    epochs: NDArray[np.float64]
    mean: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    n: int


def band(curve: Curve, bounds: Bounds = (-np.inf, np.inf)) -> Band:
    """Return mean and interval of a curve, the interval's ends within `bounds`.

    >>> band(Curve(np.arange(2), np.array([0.0]), np.array([[1.0], [3.0]]))).mean
    array([2.])
    """
    n = curve.seeds.size
    mean = curve.values.mean(axis=0)
    if n < 2:
        nothing = np.full(mean.shape, np.nan)
        return Band(curve.epochs, mean, nothing, nothing, n)
    half = special.stdtrit(n - 1, 0.5 + CONFIDENCE / 2) * curve.values.std(axis=0, ddof=1) / n**0.5
    low, high = np.clip([mean - half, mean + half], *bounds)
    return Band(curve.epochs, mean, low, high, n)


def arrived_share(
    tau: NDArray[np.float64], end: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return epochs and the share of seeds arrived by then, as the corners of a step function from 0 to `end`.

    >>> arrived_share(np.array([5.0, np.inf]), 10.0)
    (array([ 0.,  5., 10.]), array([0. , 0.5, 0.5]))
    """
    moments = np.sort(tau[np.isfinite(tau)])
    share = np.arange(1, moments.size + 1) / max(tau.size, 1)
    last = share[-1] if moments.size else 0.0
    return np.concatenate([[0.0], moments, [end]]), np.concatenate([[0.0], share, [last]])


@dataclass(frozen=True)
class Plane:
    """The information plane of one cell, one curve of each kind a layer, counted from 1.

    Attributes:
        i_xt, i_ty: layer -> bits.
        saturated: layers in which nearly every example has its own code at the end (`ends.saturated_at_end`).
        h_y, log2_n: the most that i_ty and i_xt can be, in bits; NaN where not recorded.
        sample, estimator_id: what was measured.
    """

    cell: Cell
    i_xt: Mapping[int, Curve]
    i_ty: Mapping[int, Curve]
    saturated: frozenset[int]
    h_y: float
    log2_n: float
    sample: str
    estimator_id: str


def planes(grid: Grid, cells: Sequence[Cell], sample: str, estimator_id: str) -> list[Plane]:
    """Return the information planes of those cells that have any row of this sample and estimator."""
    where: dict[str, Any] = {"sample": sample, "estimator_id": estimator_id}
    depth = max((len(cell.trial.hidden) for cell in cells), default=0)
    layers = range(1, depth + 2)
    columns = ("i_xt", "i_ty", "saturated", "h_y", "log2_n")
    by_layer = {
        layer: [grid.curves("information", column, layer=layer, **where) for column in columns]
        for layer in layers
    }
    found = []
    for cell in cells:
        here = {layer: [c.get(cell) for c in by_layer[layer]] for layer in layers}
        kept = {
            layer: (c[0], c[1])
            for layer, c in here.items()
            if c[0] is not None and c[1] is not None
        }
        if not kept:
            continue
        found.append(
            Plane(
                cell,
                {layer: curves[0] for layer, curves in kept.items()},
                {layer: curves[1] for layer, curves in kept.items()},
                frozenset(
                    layer
                    for layer in kept
                    if (marks := here[layer][2]) is not None and saturated_at_end(marks)
                ),
                _mean(here[min(kept)][3], np.nan),
                _mean(here[min(kept)][4], np.nan),
                sample,
                estimator_id,
            )
        )
    return found


def _mean(curve: Curve | None, without: float) -> float:
    return without if curve is None else float(curve.values.mean())


def panels(grid: Grid, columns: int, rows: int) -> list[list[Cell]]:
    """Choose the cells that small multiples show: rows of cells, where most varied axes show their ends.

    Columns run along the first of train_size, label_noise, depth, batch_size that varies, rows along the next
    (one axis alone runs on in the next row); the others are held at the greatest depth and their least values.
    """
    cells = first_variant(grid, grid.cells)
    varied = [
        name for name in ("train_size", "label_noise", "depth", "batch_size") if name in grid.varied
    ]
    across, down = (*varied, None, None)[:2]
    for name in FOUR_AXES:
        if name not in (across, down):
            cells = held(cells, **{name: name == "depth"})
    if not across:
        return [cells[:1]] if cells else []
    if not down:
        line = [group[0] for group in spread(along(cells, across), columns * rows)]
        return [line[start : start + columns] for start in range(0, len(line), columns)]
    by_row = [spread(along(row, across), columns) for row in spread(along(cells, down), rows)]
    return [[group[0] for group in row] for row in by_row]


def spread(groups: Sequence[T], most: int) -> list[T]:
    """Keep at most so many, evenly from the first to the last.

    >>> spread([1, 2, 3, 4, 5], 3)
    [1, 3, 5]
    """
    if len(groups) <= most:
        return list(groups)
    if most == 1:
        return [groups[0]]
    return [groups[round(i * (len(groups) - 1) / (most - 1))] for i in range(most)]
