"""What networks have come to at the end of training, per seed: the mean over the end window."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from infosweep.aggregation.drop import at_end
from infosweep.aggregation.grid import Cell, Curve, Grid
from infosweep.aggregation.statistics import NO_SEEDS, PerSeed, Trend, complete, page_trend

NO_END = "too few checkpoints for an end window: at least 8 are needed"


class Ends:
    """One measure at the end of training in all cells; false where there is none."""

    def __init__(self, name: str, curves: Mapping[Cell, Curve], *, last: bool = False) -> None:
        """Take the mean over the end window of each curve; with `last` the last checkpoint instead."""
        self.name = name
        self.recorded = bool(curves)
        self._ends: dict[Cell, PerSeed] = {}
        for cell, curve in curves.items():
            end = curve.values[:, -1] if last else at_end(curve.epochs, curve.values)
            if end is not None:
                self._ends[cell] = (curve.seeds, end)

    def __bool__(self) -> bool:
        return bool(self._ends)

    def of(self, cell: Cell) -> PerSeed:
        """Return the values per seed; no seeds where the cell has none."""
        return self._ends.get(cell, NO_SEEDS)

    def trend(self, cells: Sequence[Cell], *, increasing: bool = True) -> Trend:
        """Test the trend over cells in their order; a cell without any seed is left out."""
        found = [self.of(cell) for cell in cells]
        return page_trend(
            complete([each for each in found if each[0].size])[1], increasing=increasing
        )


def invariant_measures(grid: Grid) -> list[str]:
    """Return the columns of `curves` that a monotone rescaling of the output leaves alone, best first.

    i_rank needs two classes.
    """
    return (
        ["i_rank", "i_decision", "auc"] if grid.study.task.n_classes == 2 else ["i_decision", "auc"]
    )
