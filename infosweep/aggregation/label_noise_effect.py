"""Label noise (C1): networks fit random labels to the last one, and then know nothing about new examples.

The claim's row asks for a training accuracy on the given labels of at least .99 at label_noise 1, with a test
accuracy within .02 of chance (Zhang et al. 2017). Its cells give what each level of noise costs in test
accuracy on true labels, and the row the rank correlation of both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from infosweep.aggregation.ends import NO_END, Ends
from infosweep.aggregation.grid import Cell, Grid
from infosweep.aggregation.rows import (
    Judged,
    Verdict,
    cell_row,
    few_seeds,
    interval_columns,
    judge_cells,
    notes,
    table,
)
from infosweep.aggregation.statistics import (
    MIN_SEEDS,
    NO_TREND,
    NOTHING,
    Interval,
    Trend,
    complete,
    mean_over,
    page_trend,
    paired,
    t_interval,
)
from infosweep.aggregation.strata import (
    along,
    describe,
    first_variant,
    held,
    same_batches,
    variants,
)

FITTED = 0.99
NEAR_CHANCE = 0.02
TOO_SMALL = "the claim is about networks that could memorise, and here there are"
LAST = "the last checkpoint instead of the end window"
COUNTER_TEST = f"test accuracy at label_noise 1 against chance; {LAST}"
REFERENCE = "the level that others are compared with"
ADD = "random labels were not trained on: add `label_noise: 1.0` to the study's axes"


@dataclass(frozen=True)
class Claim:
    """What the claim row says: training accuracy on given labels, test accuracy, at label_noise 1."""

    cells: tuple[Cell, ...]
    train: Interval
    test: Interval
    verdict: Verdict
    note: str


def random_cells(cells: Sequence[Cell]) -> tuple[Cell, ...]:
    """Return the cells that C1 rests on: label_noise 1, deepest, all batch sizes.

    The claim is about networks that could memorise: the largest train_size of those with at least as many
    parameters as examples; where none has, the smallest train_size.
    """
    controls = held([cell for cell in cells if cell.is_control], depth=True)
    able = [cell for cell in controls if cell.n_parameters >= cell.trial.n_fit]
    chosen = held(able, train_size=True) if able else held(controls, train_size=False)
    return same_batches([chosen])[0] if chosen else ()


def claim(grid: Grid, given: Ends, true: Ends, cells: Sequence[Cell]) -> Claim:
    """Judge C1 by both intervals; the train accuracy's margin .99 counts as reached at .99."""
    chosen = random_cells(cells)
    if not chosen:
        return Claim((), NOTHING, NOTHING, "undecided", ADD)
    train = t_interval(mean_over([given.of(cell) for cell in chosen])[1], FITTED)
    test = t_interval(mean_over([true.of(cell) for cell in chosen])[1])
    chance = 1 / grid.study.task.n_classes
    n = min(train.n, test.n)
    able = chosen[0].n_parameters >= chosen[0].trial.n_fit
    if n < MIN_SEEDS:
        return Claim(chosen, train, test, "undecided", few_seeds(n))
    if train.high < FITTED and not able:
        size = f"{chosen[0].n_parameters} parameters for {chosen[0].trial.n_fit} examples"
        return Claim(
            chosen,
            train,
            test,
            "undecided",
            f"too few to memorise: {size}; the claim is about larger networks",
        )
    if train.high < FITTED:
        return Claim(
            chosen, train, test, "contradicted", "random labels were not fitted in this many epochs"
        )
    if test.low > chance + NEAR_CHANCE or test.high < chance - NEAR_CHANCE:
        return Claim(chosen, train, test, "contradicted", "test accuracy differs from chance")
    if train.low < FITTED:
        return Claim(
            chosen, train, test, "undecided", "the interval of the training accuracy holds .99"
        )
    if test.low < chance - NEAR_CHANCE or test.high > chance + NEAR_CHANCE:
        wide = (
            f"the interval of the test accuracy is wider than chance +- {NEAR_CHANCE:g}: add seeds"
        )
        return Claim(chosen, train, test, "undecided", wide)
    return Claim(chosen, train, test, "supported", "")


def rows(grid: Grid) -> pd.DataFrame:
    """Return the finding: the claim's row first, then one row per cell."""
    given_curves = grid.curves("curves", "accuracy", split="train")
    true_curves = grid.curves("curves", "accuracy_true", split="test")
    given, true = Ends("training accuracy", given_curves), Ends("test accuracy", true_curves)
    last = (
        Ends("training accuracy", given_curves, last=True),
        Ends("test accuracy", true_curves, last=True),
    )
    parts = {
        part: Ends(part, grid.curves("curves", "accuracy", split=f"train_{part}"))
        for part in ("clean", "corrupted")
    }
    first = first_variant(grid, grid.cells)
    result = claim(grid, given, true, first)
    flips = [LAST] if claim(grid, *last, first).verdict != result.verdict else []
    for name, cells in variants(grid, grid.cells)[1:]:
        if claim(grid, given, true, cells).verdict != result.verdict:
            flips.append(name)
    trend, compared = _trend(true, first)
    n = min(result.train.n, result.test.n)
    where = describe(grid, result.cells, "")
    row = {
        "cell": None,
        "verdict": result.verdict,
        "effect": result.train.mean,
        "low": result.train.low,
        "high": result.train.high,
        "p": result.train.p,
        "n_seeds": n,
        "flips_under": flips,
        "counter_test": COUNTER_TEST,
        "unit": "accuracy",
        "margin": FITTED,
        "n_left_out": max((cell.n_planned for cell in result.cells), default=0) - n,
        "note": notes(
            result.note,
            NO_END if given.recorded and not given else "",
            f"at {where}" if where else "",
        ),
        "chance": 1 / grid.study.task.n_classes,
        **interval_columns("test_accuracy", result.test),
        **interval_columns("trend", trend.correlation),
        "trend_p": trend.p,
        "trend_at": describe(grid, [cell for group in compared for cell in group], "label_noise"),
    }
    return table("label_noise_effect", "C1", [row, *_cell_rows(grid, given, true, last[1], parts)])


def _trend(true: Ends, cells: Sequence[Cell]) -> tuple[Trend, Sequence[Sequence[Cell]]]:
    """Test whether end test accuracy on true labels falls with noise, at the largest train_size, deepest."""
    groups = same_batches(along(held(cells, train_size=True, depth=True), "label_noise"))
    if len(groups) < 2:
        return NO_TREND, groups
    means = [mean_over([true.of(cell) for cell in group]) for group in groups]
    return page_trend(
        complete([each for each in means if each[0].size])[1], increasing=False
    ), groups


def _cell_rows(
    grid: Grid, given: Ends, true: Ends, last: Ends, parts: Mapping[str, Ends]
) -> list[dict[str, Any]]:
    quietest = {cell: _quietest(grid, cell) for cell in grid.cells}
    judged, at_last = _judge(true, quietest), _judge(last, quietest)
    out = []
    for cell in grid.cells:
        test = t_interval(true.of(cell)[1])
        row = {
            **cell_row(
                grid,
                cell,
                judged,
                {LAST: at_last},
                test.n,
                counter_test=COUNTER_TEST,
                unit="accuracy",
            ),
            "chance": 1 / grid.study.task.n_classes,
            **interval_columns("test_accuracy", test),
            **interval_columns("train_accuracy", t_interval(given.of(cell)[1])),
            **{
                f"train_{name}_accuracy": t_interval(ends.of(cell)[1]).mean
                for name, ends in parts.items()
            },
            "n_parameters": cell.n_parameters,
            "n_train": cell.trial.n_train,
        }
        out.append(row)
    return out


def _judge(true: Ends, quietest: Mapping[Cell, Cell]) -> dict[Cell, Judged]:
    """Judge what noise costs in test accuracy on true labels."""
    effects = [
        None if least is cell else t_interval(paired(true.of(least), true.of(cell))[1])
        for cell, least in quietest.items()
    ]
    return judge_cells(
        list(quietest), effects, [REFERENCE if each is None else "" for each in effects]
    )


def _quietest(grid: Grid, cell: Cell) -> Cell:
    """Return the cell of least noise that differs in nothing else."""
    key = grid.key(cell, "label_noise")
    return held(
        [other for other in grid.cells if grid.key(other, "label_noise") == key], label_noise=False
    )[0]
