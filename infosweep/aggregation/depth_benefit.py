"""Depth benefit (C8): deeper networks reach the same label information in fewer epochs.

tau is the first epoch with i_decision >= .9 H(Y) on all examples at three checkpoints running (the labels are a
function of the input, so I(X;Y) = H(Y)); the restricted mean of min(tau, E) never drops the runs that do not
arrive (see `times`). Targets are fixed in advance. Deeper networks of one width rule also cost more per epoch, so
floating-point operations stand beside epochs.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from infosweep.aggregation.ends import literature_estimator, not_recorded
from infosweep.aggregation.grid import Cell, Curve, Grid
from infosweep.aggregation.rows import (
    NOTHING_TO_LEARN,
    Judged,
    Verdict,
    by_interval,
    cell_row,
    few_seeds,
    interval_columns,
    judge_cells,
    notes,
    table,
)
from infosweep.aggregation.statistics import (
    ALPHA,
    MIN_SEEDS,
    NO_SEEDS,
    NO_TREND,
    NOTHING,
    Interval,
    PerSeed,
    Trend,
    complete,
    mean_over,
    page_trend,
    paired,
    t_interval,
)
from infosweep.aggregation.strata import (
    along,
    compared,
    describe,
    first_variant,
    held,
    variants,
)
from infosweep.aggregation.times import restricted, time_to
from infosweep.study.settings import estimator_id

TARGET = 0.9  # of H(Y)
STRICT_TARGET = 0.95
RUNNING = 3
ACCURACY_TARGET = 0.95
COUNTER_TEST = f"test accuracy >= {ACCURACY_TARGET:g}, a stricter target, I(T;Y) in bins, operations instead of epochs"
OPERATIONS = "operations instead of epochs"
NOBODY = "no seed reached the target at either depth"


class Times:
    """Per-seed times to one target in all cells, in epochs."""

    def __init__(
        self, name: str, curves: Mapping[Cell, Curve], target: float | None, running: int
    ) -> None:
        self.name = name
        self.tau: dict[Cell, PerSeed] = {}
        self.end: dict[Cell, float] = {}
        if target is None:
            return
        for cell, curve in curves.items():
            self.tau[cell] = (curve.seeds, time_to(curve.epochs, curve.values, target, running))
            self.end[cell] = float(curve.epochs[-1])

    def restricted(self, cell: Cell) -> PerSeed:
        """Return min(tau, E) per seed, in epochs."""
        if cell not in self.tau:
            return NO_SEEDS
        seeds, tau = self.tau[cell]
        return seeds, restricted(tau, self.end[cell])

    def operations(self, cell: Cell) -> PerSeed:
        """Return min(tau, E) per seed in floating-point operations: epochs x examples x 3 x 2 sum w_i w_(i+1)."""
        seeds, epochs = self.restricted(cell)
        widths = cell.trial.layer_widths
        per_example = 6 * sum(a * b for a, b in itertools.pairwise(widths))
        return seeds, epochs * cell.trial.n_fit * per_example

    def columns(self, name: str, cell: Cell) -> dict[str, float]:
        """Return mean and interval of min(tau, E) as columns, within 0 and E."""
        bounds = (0.0, self.end.get(cell, np.inf))
        return interval_columns(name, t_interval(self.restricted(cell)[1]), bounds)

    def arrived(self, cell: Cell) -> int:
        """Return how many seeds reach the target."""
        return int(np.isfinite(self.tau[cell][1]).sum()) if cell in self.tau else 0


def label_entropy(grid: Grid) -> float | None:
    """Return H(Y) in bits of all examples, as the table `information` holds it; None where it does not."""
    frame = grid.frames.table("information")
    if frame.empty:
        return None
    h_y = frame.loc[frame["sample"] == "all", "h_y"].dropna()
    return float(h_y.median()) if len(h_y) else None


@dataclass(frozen=True)
class Claim:
    """What the claim row says about one way to measure time."""

    effect: Interval
    trend: Trend
    verdict: Verdict
    note: str
    shallow: tuple[Cell, ...] = ()
    deep: tuple[Cell, ...] = ()
    n_left_out: int = 0


def claim(
    grid: Grid, times: Times, cells: Sequence[Cell], unit: Callable[[Cell], PerSeed]
) -> Claim:
    """Judge C8 at the largest train_size and lowest label_noise, mean over batch sizes.

    Supported if min(tau, E) at the smallest minus the greatest depth has its interval above 0 and times fall
    with depth (Page's p <= .05); contradicted if the interval lies below 0.
    """
    base = held(cells, train_size=True, label_noise=False)
    same = compared(grid, along(base, "depth"), unit)
    groups = same.groups
    if not base:
        return Claim(NOTHING, NO_TREND, "undecided", NOTHING_TO_LEARN)
    if len(groups) < 2:
        one = groups[0] if groups else ()
        return Claim(NOTHING, NO_TREND, "undecided", "one depth: add others to compare", one, one)
    by_depth = [mean_over([unit(cell) for cell in group]) for group in groups]
    shallow, deep = by_depth[0], by_depth[-1]
    effect = t_interval(paired(shallow, deep)[1])
    trend = page_trend(
        complete([depth for depth in by_depth if depth[0].size])[1], increasing=False
    )
    arrived = sum(times.arrived(cell) for cell in (*groups[0], *groups[-1]))
    verdict = by_interval(effect)
    said = [few_seeds(effect.n)]
    if effect.n and not arrived:
        verdict = "undecided"
        said.append(NOBODY)
    elif effect.n and verdict == "supported" and not trend.p <= ALPHA:
        verdict = "undecided"
        said.append("times do not fall steadily with depth (Page's test)")
    elif verdict == "undecided" and not any(said):
        said.append("the interval of the difference holds 0")
    said.append(same.note)
    return Claim(effect, trend, verdict, notes(*said), groups[0], groups[-1], same.n_left_out)


def main_times(grid: Grid) -> Times:
    """Return the times that the verdict rests on: i_decision >= .9 H(Y) on all examples, three running."""
    h_y = label_entropy(grid)
    curves = grid.curves("curves", "i_decision", split="all")
    return Times("i_decision", curves, None if h_y is None else TARGET * h_y, RUNNING)


def accuracy_times(grid: Grid) -> Times:
    """Return the times to 95 % of the test examples right, at one checkpoint."""
    curves = grid.curves("curves", "accuracy_true", split="test")
    return Times(f"test accuracy >= {ACCURACY_TARGET:g}", curves, ACCURACY_TARGET, 1)


def rows(grid: Grid) -> pd.DataFrame:
    """Return the finding: the claim's row first, then one row per cell below label_noise 1."""
    h_y = label_entropy(grid)
    decision = grid.curves("curves", "i_decision", split="all")
    estimator = estimator_id(literature_estimator(grid.study))
    softmax = grid.curves("information", "i_ty", from_end=0, sample="all", estimator_id=estimator)
    main = main_times(grid)
    strict = Times(
        f"target {STRICT_TARGET:g} of H(Y)",
        decision,
        None if h_y is None else STRICT_TARGET * h_y,
        RUNNING,
    )
    accuracy = accuracy_times(grid)
    binned = Times(
        f"I(T;Y) of the softmax, {estimator}",
        softmax,
        None if h_y is None else TARGET * h_y,
        RUNNING,
    )
    learning = [cell for cell in grid.cells if not cell.is_control and cell.trial.depth is not None]
    others = [times for times in (strict, accuracy, binned) if times.tau]
    out = [_claim_row(grid, main, others, accuracy, learning, h_y)]
    return table(
        "depth_benefit",
        "C8",
        out + _cell_rows(grid, main, others, (accuracy, binned), learning or grid.cells, h_y),
    )


def _claim_row(
    grid: Grid,
    main: Times,
    others: Sequence[Times],
    accuracy: Times,
    learning: list[Cell],
    h_y: float | None,
) -> dict[str, Any]:
    cells = first_variant(grid, learning)
    result = claim(grid, main, cells, main.restricted)
    judged = {times.name: claim(grid, times, cells, times.restricted).verdict for times in others}
    judged[OPERATIONS] = claim(grid, main, cells, main.operations).verdict
    for name, variant in variants(grid, learning)[1:]:
        judged[name] = claim(grid, main, variant, main.restricted).verdict
    beside = claim(grid, accuracy, cells, accuracy.restricted)
    operations = claim(grid, main, cells, main.operations)
    ends = (*result.shallow, *result.deep)
    planned = max((cell.n_planned for cell in ends), default=0)
    where = describe(grid, ends, "depth")
    return {
        "cell": None,
        "verdict": result.verdict,
        "effect": result.effect.mean,
        "low": result.effect.low,
        "high": result.effect.high,
        "p": result.trend.p,
        "n_seeds": result.effect.n,
        "flips_under": [name for name, verdict in judged.items() if verdict != result.verdict],
        "counter_test": COUNTER_TEST,
        "unit": "epochs",
        "margin": 0.0,
        "n_left_out": planned - result.effect.n + result.n_left_out,
        "note": notes(
            _missing(grid, main, h_y) if learning else "",
            result.note,
            f"at {where}" if where else "",
        ),
        "measure": main.name,
        "target": np.nan if h_y is None else TARGET * h_y,
        **interval_columns("trend", result.trend.correlation),
        "trend_p": result.trend.p,
        **interval_columns("accuracy_effect", beside.effect),
        **interval_columns("operations_effect", operations.effect),
        "n_arrived": sum(main.arrived(cell) for cell in ends),
        "n_censored": sum(main.restricted(cell)[0].size - main.arrived(cell) for cell in ends),
    }


def _missing(grid: Grid, main: Times, h_y: float | None) -> str:
    if h_y is None:
        return not_recorded(grid, "H(Y) of all examples (sample all)")
    return "" if main.tau else not_recorded(grid, "i_decision on all examples (split all)")


def _cell_rows(
    grid: Grid,
    main: Times,
    others: Sequence[Times],
    beside: tuple[Times, Times],
    cells: Sequence[Cell],
    h_y: float | None,
) -> list[dict[str, Any]]:
    shallow = {cell: _shallowest(grid, cells, cell) for cell in cells}
    judged = _judge(main, main.restricted, shallow)
    alternatives = {times.name: _judge(times, times.restricted, shallow) for times in others}
    alternatives[OPERATIONS] = _judge(main, main.operations, shallow)
    seconds = _seconds(grid)
    accuracy, binned = beside
    out = []
    for cell in cells:
        epochs, reached = t_interval(main.restricted(cell)[1]), main.arrived(cell)
        share = epochs.mean / main.end[cell] if cell in main.end else np.nan
        row = {
            **cell_row(
                grid, cell, judged, alternatives, epochs.n, counter_test=COUNTER_TEST, unit="epochs"
            ),
            "measure": main.name,
            "target": np.nan if h_y is None else TARGET * h_y,
            **main.columns("epochs_to_target", cell),
            "n_arrived": reached,
            "n_censored": epochs.n - reached,
            "end_epoch": main.end.get(cell, np.nan),
            "steps_to_target": epochs.mean * cell.trial.steps_per_epoch,
            "operations_to_target": t_interval(main.operations(cell)[1]).mean,
            "to_target_seconds": share * seconds.get(cell, np.nan),
            **accuracy.columns("epochs_to_accuracy", cell),
            "n_accurate": accuracy.arrived(cell),
            **binned.columns("epochs_to_bins", cell),
            "n_parameters": cell.n_parameters,
        }
        out.append(row)
    return out


def _judge(
    times: Times, unit: Callable[[Cell], PerSeed], shallow: Mapping[Cell, Cell]
) -> dict[Cell, Judged]:
    """Judge the time at the shallowest depth minus the time here."""
    effects: list[Interval | None] = []
    said: list[str] = []
    for cell, reference in shallow.items():
        if cell.is_control or reference is cell:
            effects.append(None)
            said.append(
                NOTHING_TO_LEARN if cell.is_control else "the depth that others are compared with"
            )
            continue
        effect = t_interval(paired(unit(reference), unit(cell))[1])
        nobody = times.arrived(reference) + times.arrived(cell) == 0
        effects.append(effect)
        said.append(NOBODY if nobody and effect.n >= MIN_SEEDS else "")
    return judge_cells(list(shallow), effects, said)


def _shallowest(grid: Grid, cells: Sequence[Cell], cell: Cell) -> Cell:
    """Return the shallowest cell that differs in nothing but depth."""
    key = grid.key(cell, "depth")
    return held([other for other in cells if grid.key(other, "depth") == key], depth=False)[0]


def _seconds(grid: Grid) -> dict[Cell, float]:
    """Return the mean time spent in training per cell; it belongs to the run, not to the study."""
    trials = grid.frames.table("trials")
    if "train_seconds" not in trials.columns:
        return {}
    spent = dict(zip(trials["trial_id"], trials["train_seconds"], strict=True))
    by_cell: dict[Cell, list[float]] = {}
    for trial, done, cell in zip(grid.planned, grid.done, grid.cell_of_trials(), strict=True):
        if done:
            by_cell.setdefault(cell, []).append(float(spent[trial.trial_id]))
    return {cell: float(np.mean(seconds)) for cell, seconds in by_cell.items()}
