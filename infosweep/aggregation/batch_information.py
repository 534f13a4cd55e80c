"""Batch information (C6), first form: what networks trained with batches of each size know about the label.

Label information at the end of training, in a measure that rescaling the output can't change, on all examples:
does it rise with the batch size? With equal epochs a larger batch also means fewer steps, so the claim must
hold at equal epochs and at equal steps. Which cells belong to which regime is read from what was trained.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from infosweep.aggregation.ends import NO_END, Ends, invariant_measures, not_recorded
from infosweep.aggregation.grid import Cell, Grid
from infosweep.aggregation.rows import (
    NOTHING_TO_LEARN,
    Judged,
    Verdict,
    agree,
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
    NO_TREND,
    SHARE,
    Interval,
    Trend,
    paired,
    t_interval,
)
from infosweep.aggregation.strata import describe, held
from infosweep.study.settings import FOUR_AXES

Regime = Literal["equal epochs", "equal steps", "scaled rate"]
REGIMES: tuple[Regime, ...] = ("equal epochs", "equal steps", "scaled rate")
NEEDED: tuple[Regime, ...] = ("equal epochs", "equal steps")

# Axes that set how much a network is trained: they tell the regimes apart.
BUDGET_AXES = frozenset({"training.learning_rate", "training.epochs", "training.steps"})
STEPS_TOLERANCE = 1.02
# Without tuning per cell the verdict is one at fixed rates (Shallue et al. 2019).
UNTUNED = "tuned learning rate (not run)"
COUNTER_TEST = (
    "equal steps beside equal epochs; i_decision, AUC and test accuracy instead of i_rank"
)
ADD = {
    "equal steps": (
        "at equal epochs a larger batch also takes fewer steps: add cells of equal steps, "
        "e.g. `zip: [[batch_size, training.epochs]]` with epochs in proportion to batch_size"
    ),
    "equal epochs": (
        "at equal steps a larger batch also sees more examples: add cells of equal epochs and learning rate, "
        "e.g. `zip: [[batch_size, training.epochs]]`"
    ),
}


def _budget(cell: Cell) -> tuple[float, int, float]:
    return cell.epochs, cell.trial.n_steps, cell.trial.training.learning_rate


def regimes(cells: Sequence[Cell]) -> dict[Regime, tuple[Cell, ...]]:
    """Return the cells of each regime, smallest batch first: of several such sets, the one of most batch sizes.

    equal epochs: equal epochs and learning rate. equal steps: steps within 2 % and equal learning rate.
    scaled rate: equal epochs and a learning rate in proportion to the batch size. Batch sizes past the training
    set are one training, of which the first stays. A regime takes at least two batch sizes.
    """
    found: dict[Regime, tuple[Cell, ...]] = {}
    for regime in REGIMES:
        best: tuple[Cell, ...] = ()
        for anchor in cells:
            by_batch: dict[int, Cell] = {}
            for cell in cells:
                if _together(regime, anchor, cell):
                    by_batch.setdefault(cell.trial.batch_used, cell)
            if len(by_batch) > max(len(best), 1):
                best = tuple(by_batch[batch] for batch in sorted(by_batch))
        if best:
            found[regime] = best
    return found


def _together(regime: Regime, anchor: Cell, cell: Cell) -> bool:
    (epochs, steps, rate), (other_epochs, other_steps, other_rate) = _budget(anchor), _budget(cell)
    if regime == "equal epochs":
        return _close(epochs, other_epochs) and _close(rate, other_rate)
    if regime == "equal steps":
        # The anchor has the fewest steps of its set, so any two of the set lie within the tolerance.
        return steps <= other_steps <= steps * STEPS_TOLERANCE and _close(rate, other_rate)
    scaled = rate / anchor.trial.batch_used, other_rate / cell.trial.batch_used
    return _close(epochs, other_epochs) and _close(*scaled)


def _close(a: float, b: float) -> bool:
    return abs(a - b) <= 1e-9 * max(abs(a), abs(b))


@dataclass(frozen=True)
class Claim:
    """What the claim row says about one measure."""

    trends: dict[Regime, Trend]
    shown: Trend
    verdict: Verdict
    note: str


def claim(ends: Ends, sets: Mapping[Regime, Sequence[Cell]]) -> Claim:
    """Judge C6: the trend over batch sizes must rise at equal epochs and at equal steps.

    The row shows the regime that speaks least for the claim.
    """
    trends: dict[Regime, Trend] = {regime: ends.trend(cells) for regime, cells in sets.items()}
    needed: dict[Regime, Trend] = {regime: trends[regime] for regime in NEEDED if regime in trends}
    if not needed:
        return Claim(
            trends, NO_TREND, "undecided", "one batch size in each regime: add others to compare"
        )
    verdicts = {regime: by_interval(trend.correlation) for regime, trend in needed.items()}
    shown = min(needed.values(), key=_least)
    n = shown.correlation.n
    said = [ADD[regime] for regime in NEEDED if regime not in needed]
    said.append("" if n >= MIN_SEEDS else few_seeds(n))
    verdict: Verdict = "undecided"
    if not any(said):
        if "contradicted" in verdicts.values():
            verdict = "contradicted"
        elif all(
            verdicts[regime] == "supported" and trend.p <= ALPHA for regime, trend in needed.items()
        ):
            verdict = "supported"
        else:
            short = [
                r
                for r, trend in needed.items()
                if verdicts[r] != "supported" or not trend.p <= ALPHA
            ]
            said.append(f"no rise with the batch size at {' and at '.join(short)}")
    said += [_apart(needed), agree(shown.correlation)]
    return Claim(trends, shown, verdict, notes(*said))


def _apart(needed: Mapping[Regime, Trend]) -> str:
    """Say where the regimes disagree: `falls at equal epochs (-1), rises at equal steps (+1)`."""
    means = {regime: trend.correlation.mean for regime, trend in needed.items()}
    if not (min(means.values()) < 0 < max(means.values())):
        return ""
    return ", ".join(
        f"{'rises' if mean > 0 else 'falls'} at {regime} ({mean:+.2g})".replace(
            "-", "\N{MINUS SIGN}"
        )
        for regime, mean in means.items()
    )


def _least(trend: Trend) -> float:
    """Order trends by how little they speak for a rise; one that lies below 0 first, one without interval last."""
    low, high = trend.correlation.low, trend.correlation.high
    if not np.isfinite(low):
        return np.inf
    return high - 10.0 if high < 0 else low


def _split(grid: Grid) -> tuple[list[Cell], list[list[Cell]]]:
    """Return the cells that the claim rests on, and all cells in groups within which regimes are sought.

    Learning rate and length of training tell the regimes apart and so split nothing; other further axes do.
    """
    budget = {grid.column_of(name) for name in grid.study.axes if name in BUDGET_AXES}
    varies = ("batch_size", *budget)
    groups: dict[tuple[object, ...], list[Cell]] = {}
    for cell in grid.cells:
        groups.setdefault(grid.key(cell, *varies), []).append(cell)
    others = [
        name for name in grid.varied if name not in (*FOUR_AXES, *varies, *grid.followers(varies))
    ]
    first = [
        c for c in grid.cells if all(c.axes[name] == grid.cells[0].axes[name] for name in others)
    ]
    return held(first, train_size=True, depth=True, label_noise=False), list(groups.values())


def rows(grid: Grid) -> pd.DataFrame:
    """Return the finding: the claim's row first, then one row per cell."""
    name, *other_names = invariant_measures(grid)
    main = Ends(name, grid.curves("curves", name, split="all"))
    accuracy = Ends("test accuracy", grid.curves("curves", "accuracy_true", split="test"))
    others = [Ends(each, grid.curves("curves", each, split="all")) for each in other_names]
    others = [ends for ends in (*others, accuracy) if ends]
    base, groups = _split(grid)
    out = [_claim_row(grid, main, others, accuracy, base)]
    out += _cell_rows(grid, main, others, accuracy, groups)
    return table("batch_information", "C6", out)


def _claim_row(
    grid: Grid, main: Ends, others: Sequence[Ends], accuracy: Ends, base: list[Cell]
) -> dict[str, Any]:
    sets = regimes(base)
    result = claim(main, sets)
    learns = any(not cell.is_control for cell in base)
    verdict: Verdict = result.verdict if learns else "undecided"
    flips = [ends.name for ends in others if learns and claim(ends, sets).verdict != verdict]
    regime: Regime | None = next(
        (name for name, trend in result.trends.items() if trend is result.shown), None
    )
    compared = sets[regime] if regime else tuple(base)
    n = result.shown.correlation.n
    where = describe(grid, compared, "batch_size")
    row: dict[str, Any] = {
        "cell": None,
        "verdict": verdict,
        "effect": result.shown.correlation.mean,
        "low": result.shown.correlation.low,
        "high": result.shown.correlation.high,
        "p": result.shown.p,
        "n_seeds": n,
        "flips_under": [*flips, UNTUNED],
        "counter_test": COUNTER_TEST,
        "unit": "rank correlation",
        "margin": 0.0,
        "n_left_out": max((cell.n_planned for cell in compared), default=0) - n,
        "note": notes(
            "" if learns else NOTHING_TO_LEARN,
            "" if main.recorded else not_recorded(grid, f"{main.name} on all examples (split all)"),
            NO_END if main.recorded and not main else "",
            result.note,
            _without_seeds(grid, main, compared) if main.recorded else "",
            f"at {where}" if where else "",
        ),
        "measure": main.name,
        "regime": regime,
    }
    for each in REGIMES:
        trend = result.trends.get(each, NO_TREND)
        slug = each.replace(" ", "_")
        row |= {**interval_columns(f"{slug}_trend", trend.correlation), f"{slug}_p": trend.p}
        row[f"{slug}_accuracy_trend"] = accuracy.trend(sets.get(each, ())).correlation.mean
    return row


def _without_seeds(grid: Grid, main: Ends, cells: Sequence[Cell]) -> str:
    empty = [grid.label(cell) for cell in cells if not main.of(cell)[0].size]
    return f"no seed has finished at {' and at '.join(empty)}, left out" if main and empty else ""


def _cell_rows(
    grid: Grid, main: Ends, others: Sequence[Ends], accuracy: Ends, groups: Sequence[Sequence[Cell]]
) -> list[dict[str, Any]]:
    compared: dict[Cell, tuple[Cell, Regime] | None] = {}
    lacking: dict[Cell, str] = {}
    for group in groups:
        sets = regimes(group)
        lacks = notes(*(ADD[regime] for regime in NEEDED if regime not in sets))
        for cell in group:
            lacking[cell] = lacks
            compared[cell] = next(
                ((cells[0], name) for name, cells in sets.items() if cell in cells), None
            )
    compared = {cell: compared[cell] for cell in grid.cells}
    judged = _judge(main, compared, lacking)
    alternatives = {ends.name: _judge(ends, compared, lacking) for ends in others}
    out = []
    for cell, against in compared.items():
        own = t_interval(main.of(cell)[1])
        epochs, steps, rate = _budget(cell)
        row = {
            **cell_row(
                grid, cell, judged, alternatives, own.n, counter_test=COUNTER_TEST, unit="bits"
            ),
            "measure": main.name,
            "regime": against[1] if against else None,
            **interval_columns("label_information", own, (0.0, np.log2(grid.study.task.n_classes))),
            **interval_columns("test_accuracy", t_interval(accuracy.of(cell)[1]), SHARE),
            "batch_used": cell.trial.batch_used,
            "epochs": epochs,
            "steps": steps,
            "learning_rate": rate,
        }
        out.append(row)
    return out


def _judge(
    ends: Ends,
    compared: Mapping[Cell, tuple[Cell, Regime] | None],
    lacking: Mapping[Cell, str],
) -> dict[Cell, Judged]:
    """Judge label information here minus at the smallest batch of the same regime; as the claim, only with both."""
    effects: list[Interval | None] = []
    said: list[str] = []
    for cell, against in compared.items():
        if cell.is_control:
            effect, note = None, "label_noise 1: nothing to learn"
        elif against is None:
            effect, note = None, "no other batch size of equal epochs or steps to compare with"
        elif against[0] is cell:
            effect, note = None, "the batch size that others are compared with"
        else:
            effect = t_interval(paired(ends.of(cell), ends.of(against[0]))[1])
            note = lacking[cell] if effect.n >= MIN_SEEDS else ""
        effects.append(effect)
        said.append(note)
    return judge_cells(list(compared), effects, said)
