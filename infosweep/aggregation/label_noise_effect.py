"""Label noise (C1): networks fit random labels to the last one, and then know nothing about new examples.

The claim's row asks for a training accuracy on the given labels of at least .99 at label_noise 1, with a test
accuracy within .02 of chance (Zhang et al. 2017), and the cells at label_noise 1 likewise. Cells of less noise
belong to no claim: they give what that noise costs in test accuracy on true labels, and the claim's row the
rank correlation of both.
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
    agree,
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
    ROUNDING,
    SHARE,
    Interval,
    PerSeed,
    Trend,
    clipped,
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

FITTED = 0.99
NEAR_CHANCE = 0.02
NOT_CHANCE = "the test accuracy is not within .02 of chance"
NO_CLAIM = "what noise below 1 costs belongs to no claim"
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
    n_left_out: int = 0


def random_cells(cells: Sequence[Cell]) -> list[Cell]:
    """Return the cells that C1 rests on: label_noise 1, deepest, all batch sizes.

    The claim is about networks that could memorise: the largest train_size of those with at least as many
    parameters as examples; where none has, the smallest train_size.
    """
    controls = held([cell for cell in cells if cell.is_control], depth=True)
    able = [cell for cell in controls if _able(cell)]
    return held(able, train_size=True) if able else held(controls, train_size=False)


def _able(cell: Cell) -> bool:
    return cell.n_parameters >= cell.trial.n_fit


def near_chance(grid: Grid, test: Interval) -> bool:
    """Whether a test accuracy lies within .02 of chance."""
    return abs(test.mean - 1 / grid.study.task.n_classes) <= NEAR_CHANCE + ROUNDING


def claim(grid: Grid, given: Ends, true: Ends, cells: Sequence[Cell]) -> Claim:
    """Judge C1 by the training accuracy's interval against .99, support only with a test accuracy near chance.

    The margin counts as reached at .99.
    """
    chosen = random_cells(cells)
    if not chosen:
        return Claim((), NOTHING, NOTHING, "undecided", ADD)

    def both(cell: Cell) -> PerSeed:
        return paired(given.of(cell), true.of(cell))

    same = compared(grid, [chosen], both)
    cells = same.groups[0]
    train = clipped(t_interval(mean_over([given.of(cell) for cell in cells])[1], FITTED), SHARE)
    test = clipped(t_interval(mean_over([true.of(cell) for cell in cells])[1]), SHARE)
    verdict: Verdict = "undecided"
    if (n := min(train.n, test.n)) < MIN_SEEDS:
        said = few_seeds(n)
    elif train.high < FITTED:
        verdict, said = "contradicted", "random labels were not fitted in this many epochs"
    elif train.low < FITTED:
        said = "the interval of the training accuracy holds .99"
    elif not near_chance(grid, test):
        said = NOT_CHANCE
    else:
        verdict, said = "supported", ""
    first = chosen[0].trial
    few = (
        ""
        if _able(chosen[0])
        else f"{chosen[0].n_parameters:,} parameters cannot memorise {first.n_fit:,} labels"
    )
    return Claim(
        cells, train, test, verdict, notes(said, few, agree(train), same.note), same.n_left_out
    )


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
    trend, compared = _trend(grid, true, first)
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
        "n_left_out": max((cell.n_planned for cell in result.cells), default=0)
        - n
        + result.n_left_out,
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
    return table("label_noise_effect", "C1", [row, *_cell_rows(grid, given, true, last, parts)])


def _trend(grid: Grid, true: Ends, cells: Sequence[Cell]) -> tuple[Trend, Sequence[Sequence[Cell]]]:
    """Test whether end test accuracy on true labels falls with noise, at the largest train_size, deepest."""
    by_noise = along(held(cells, train_size=True, depth=True), "label_noise")
    groups = compared(grid, by_noise, true.of).groups
    if len(groups) < 2:
        return NO_TREND, groups
    means = [mean_over([true.of(cell) for cell in group]) for group in groups]
    return page_trend(
        complete([each for each in means if each[0].size])[1], increasing=False
    ), groups


def _cell_rows(
    grid: Grid, given: Ends, true: Ends, last: tuple[Ends, Ends], parts: Mapping[str, Ends]
) -> list[dict[str, Any]]:
    lost = _lost(grid, true)
    judged = {**_judge_cost(grid, lost), **_judge_random(grid, given, true)}
    at_last = {**_judge_cost(grid, _lost(grid, last[1])), **_judge_random(grid, *last)}
    out = []
    for cell in grid.cells:
        test, train = t_interval(true.of(cell)[1]), t_interval(given.of(cell)[1])
        unit = "accuracy" if cell.is_control else "accuracy lost"
        given_text = {"counter_test": COUNTER_TEST, "unit": unit}
        row = {
            **cell_row(grid, cell, judged, {LAST: at_last}, test.n, **given_text),
            "margin": FITTED if cell.is_control else 0.0,
            "claim": "C1" if cell.is_control else None,
            "chance": 1 / grid.study.task.n_classes,
            **interval_columns("test_accuracy", test, SHARE),
            **interval_columns("train_accuracy", train, SHARE),
            **interval_columns("accuracy_lost", lost[cell] or NOTHING),
            **{
                f"train_{name}_accuracy": t_interval(ends.of(cell)[1]).mean
                for name, ends in parts.items()
            },
            "n_parameters": cell.n_parameters,
            "n_train": cell.trial.n_train,
        }
        out.append(row)
    return out


def _lost(grid: Grid, true: Ends) -> dict[Cell, Interval | None]:
    """Return what noise costs in test accuracy on true labels; None for the level that others are compared with."""
    quietest = {cell: _quietest(grid, cell) for cell in grid.cells}
    return {
        cell: None if least is cell else t_interval(paired(true.of(least), true.of(cell))[1])
        for cell, least in quietest.items()
    }


def _judge_cost(grid: Grid, lost: Mapping[Cell, Interval | None]) -> dict[Cell, Judged]:
    """Test what noise below 1 costs; that belongs to no claim, so there is no verdict."""
    cells = [cell for cell in grid.cells if not cell.is_control]
    effects = [lost[cell] for cell in cells]
    return judge_cells(cells, effects, [REFERENCE if e is None else NO_CLAIM for e in effects])


def _judge_random(grid: Grid, given: Ends, true: Ends) -> dict[Cell, Judged]:
    """Judge the cells at label_noise 1 as the claim is: training accuracy against .99, test accuracy near chance."""
    cells = [cell for cell in grid.cells if cell.is_control]
    effects: list[Interval | None] = []
    against: list[str] = []
    for cell in cells:
        train, test = t_interval(given.of(cell)[1], FITTED), t_interval(true.of(cell)[1])
        effects.append(clipped(train, SHARE))
        fits = train.n >= MIN_SEEDS and train.mean > FITTED
        against.append(NOT_CHANCE if fits and not near_chance(grid, test) else "")
    return judge_cells(cells, effects, against, FITTED)


def _quietest(grid: Grid, cell: Cell) -> Cell:
    """Return the cell of least noise that differs in nothing else."""
    key = grid.key(cell, "label_noise")
    return held(
        [other for other in grid.cells if grid.key(other, "label_noise") == key], label_noise=False
    )[0]
