"""What networks have come to at the end of training, per seed: the mean over the end window."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from infosweep.aggregation.drop import at_end
from infosweep.aggregation.grid import Cell, Curve, Grid
from infosweep.aggregation.statistics import NO_SEEDS, PerSeed, Trend, complete, page_trend

if TYPE_CHECKING:
    from infosweep.study.settings import AnyEstimator, StudySettings

NO_SEED = "no seed has finished"
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


def not_recorded(grid: Grid, what: str) -> str:
    """Say why a measure has no values: nothing has finished, or it was not recorded."""
    return f"{what} was not recorded" if grid.done.any() else NO_SEED


def saturated_at_end(saturated: Curve) -> bool:
    """Whether at the last checkpoint nearly every example has its own code, in most seeds."""
    return bool(saturated.values[:, -1].mean() > 0.5)


def literature_estimator(study: StudySettings) -> AnyEstimator:
    """Return the estimator of the literature's figure: the first with fixed bins; without any, the first."""
    return next(
        (each for each in study.estimators if has_fixed_bins(each)), next(iter(study.estimators))
    )


def has_fixed_bins(estimator: AnyEstimator) -> bool:
    """Whether an activation's bin depends on nothing but the activation."""
    if estimator.rule == "bins":
        return not isinstance(estimator.range, str)
    return estimator.rule in ("edges", "width")
