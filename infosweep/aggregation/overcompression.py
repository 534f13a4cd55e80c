"""Overcompression (C7): with little data and a large network, information about the label is lost again.

The drop of label information after its rise, cross-fitted (see `drop`), study minus control, in a measure that
a monotone rescaling of the output can't change: i_rank with two classes, else i_decision. The literature's
figure, I(T;Y) of softmax and last hidden layer in bins minus its permutation null (Shwartz-Ziv & Tishby 2017),
stands beside it: a drop found only there is the output saturating inside the bins, and is no support.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from infosweep.aggregation.drop import Drops, cross_fitted_drop, windows_fit
from infosweep.aggregation.ends import (
    has_fixed_bins,
    invariant_measures,
    literature_estimator,
    not_recorded,
    saturated_at_end,
)
from infosweep.aggregation.grid import Cell, Curve, Grid
from infosweep.aggregation.rows import (
    ADD_CONTROL,
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
from infosweep.study.settings import estimator_id

COUNTER_TEST = (
    "study minus the control at label_noise 1; I(T;Y) in bins minus its null; the drop on train"
)
NO_RISE = "label information does not rise above its value before training"
NO_WINDOWS = "too few checkpoints for a peak and an end window: at least 8 are needed"
SATURATION = "a drop in bins alone: the outputs saturate inside the bins"


class Measure:
    """The drops of one measure in all cells, held out and on the training examples."""

    def __init__(self, name: str, test: Mapping[Cell, Curve], train: Mapping[Cell, Curve]) -> None:
        self.name = name
        self.recorded = bool(test)
        self.seeds = {cell: curve.seeds.size for cell, curve in test.items()}
        self.has_windows = any(windows_fit(curve.epochs) for curve in test.values())
        self.test = _drops(test)
        self.train = _drops(train)

    def effect(self, grid: Grid, cell: Cell) -> PerSeed:
        """Return the drop held out, cell minus control, of the seeds that both have."""
        control = grid.control_of(cell)
        if cell not in self.test or control not in self.test:
            return NO_SEEDS
        (seeds, own), (others, null) = self.test[cell], self.test[control]
        return paired((seeds, own.drop), (others, null.drop))

    def values(self, cell: Cell, attribute: str, split: str = "test") -> PerSeed:
        """Return an attribute of `Drops` per seed; empty where the cell has none."""
        found = (self.test if split == "test" else self.train).get(cell)
        return NO_SEEDS if found is None else (found[0], getattr(found[1], attribute))

    def interval(self, cell: Cell, attribute: str, split: str = "test") -> Interval:
        """Return mean and interval over seeds of an attribute of `Drops`."""
        return t_interval(self.values(cell, attribute, split)[1])


def _drops(curves: Mapping[Cell, Curve]) -> dict[Cell, tuple[NDArray[np.int64], Drops]]:
    found = {}
    for cell, curve in curves.items():
        drops = cross_fitted_drop(curve.epochs, curve.values)
        if drops is not None:
            found[cell] = (curve.seeds, drops)
    return found


def _binned(grid: Grid, estimator: str, from_end: int) -> Measure:
    """Return I(T;Y) minus its permutation null of a layer, on the split of the verdict where it was recorded."""
    samples = grid.study.record.samples
    held_out = "test" if "test" in samples else "all"

    def curves(sample: str) -> dict[Cell, Curve]:
        where = {"sample": sample, "estimator_id": estimator}
        found = grid.curves("information", "i_ty", minus="i_ty_null", from_end=from_end, **where)
        saturated = grid.curves("information", "saturated", from_end=from_end, **where)
        # Where nearly every example has its own code, I(T;Y) minus its null is 0 whatever the layer holds.
        return {
            c: curve
            for c, curve in found.items()
            if c not in saturated or not saturated_at_end(saturated[c])
        }

    layer = "softmax" if from_end == 0 else "last hidden layer"
    return Measure(f"I(T;Y) of the {layer}, {estimator}", curves(held_out), curves("train"))


def bins_names(grid: Grid) -> tuple[str, str]:
    """Return how columns of the literature's figure begin: only what has fixed bins is called so."""
    if has_fixed_bins(literature_estimator(grid.study)):
        return "fixed_bin", "hidden_bin"
    return "softmax_estimate", "hidden_estimate"


@dataclass(frozen=True)
class Claim:
    """What the claim row says about one measure."""

    effect: Interval
    rise: Interval
    drop: Interval
    control: Interval
    train: Interval
    trend: Trend
    verdict: Verdict
    note: str
    cells: tuple[Cell, ...] = ()
    n_left_out: int = 0


def claim(grid: Grid, measure: Measure, cells: Sequence[Cell]) -> Claim:
    """Judge C7 at the smallest train_size, greatest depth, lowest label_noise, mean over batch sizes.

    Supported if the interval of study minus control lies above 0, drops shrink with more data (Page's p <= .05)
    and the training examples show no drop; contradicted if the interval lies below 0.
    """
    base = held(cells, train_size=False, depth=True, label_noise=False)
    if not base:
        return Claim(
            NOTHING, NOTHING, NOTHING, NOTHING, NOTHING, NO_TREND, "undecided", NOTHING_TO_LEARN
        )
    key = (base[0].axes["depth"], base[0].axes["label_noise"])
    has_control = all(grid.control_of(cell) is not None for cell in base)

    def value(cell: Cell) -> PerSeed:
        return measure.effect(grid, cell) if has_control else measure.values(cell, "drop")

    same = compared(
        grid,
        along([c for c in cells if (c.axes["depth"], c.axes["label_noise"]) == key], "train_size"),
        value,
        "fewer than two seeds finished" + (" (or of its control)" if has_control else ""),
    )
    sizes, smallest = same.groups, same.groups[0]
    effect = t_interval(mean_over([measure.effect(grid, cell) for cell in smallest])[1])
    rise = t_interval(mean_over([measure.values(cell, "rise") for cell in smallest])[1])
    train = t_interval(mean_over([measure.values(cell, "drop", "train") for cell in smallest])[1])
    drop = t_interval(mean_over([measure.values(cell, "drop") for cell in smallest])[1])
    controls = [control for cell in smallest if (control := grid.control_of(cell)) is not None]
    control = t_interval(mean_over([measure.values(cell, "drop") for cell in controls])[1])
    by_size = [mean_over([measure.effect(grid, cell) for cell in group]) for group in sizes]
    trend = page_trend(complete([size for size in by_size if size[0].size])[1], increasing=False)
    said = [
        "" if has_control else ADD_CONTROL,
        "" if measure.recorded else not_recorded(grid, f"{measure.name} held out (split test)"),
        NO_WINDOWS if measure.recorded and not measure.has_windows else "",
        few_seeds(effect.n or _fewest(measure, smallest))
        if has_control and (measure.has_windows or not measure.recorded)
        else "",
    ]
    verdict = "undecided" if any(said) else by_interval(effect)
    if not any(said):
        if not rise.low > 0:
            verdict, said = "undecided", [NO_RISE]
        elif verdict == "undecided":
            said = ["the interval of study minus control holds 0"]
        elif verdict == "supported" and (said := _objections(train, trend)):
            verdict = "undecided"
    said = notes(*said, same.note)
    return Claim(
        effect, rise, drop, control, train, trend, verdict, said, smallest, same.n_left_out
    )


def _fewest(measure: Measure, cells: Sequence[Cell]) -> int:
    """Return the fewest seeds of any of the cells: a single one has no cross-fitted drop, and is still one."""
    return min((measure.seeds.get(cell, 0) for cell in cells), default=0)


def _objections(train: Interval, trend: Trend) -> list[str]:
    said = []
    if trend.n_columns < 2:
        said.append("one train_size: no trend over data can be tested; add others")
    elif not trend.p <= ALPHA:
        said.append("drops do not shrink with more data (Page's test)")
    if not train.n:
        said.append("the training examples were not recorded (split train)")
    elif train.low > 0:
        said.append("the training examples show a drop too: the network unlearns them")
    return said


def rows(grid: Grid) -> pd.DataFrame:
    """Return the finding: one row per cell below label_noise 1, and the claim's row first, with cell null."""
    main, *others = (
        Measure(
            name,
            grid.curves("curves", name, split="test"),
            grid.curves("curves", name, split="train"),
        )
        for name in invariant_measures(grid)
    )
    ids = [estimator_id(settings) for settings in grid.study.estimators]
    pairs = {each: (_binned(grid, each, 0), _binned(grid, each, 1)) for each in ids}
    alternatives = [*others, *(measure for pair in pairs.values() for measure in pair)]
    binned = pairs[estimator_id(literature_estimator(grid.study))]
    alternatives = [measure for measure in alternatives if measure.recorded]
    learning = [cell for cell in grid.cells if not cell.is_control]
    out = [_claim_row(grid, main, alternatives, binned, learning)]
    return table(
        "overcompression", "C7", out + _cell_rows(grid, main, alternatives, binned, learning)
    )


def _claim_row(
    grid: Grid,
    main: Measure,
    alternatives: Sequence[Measure],
    binned: tuple[Measure, Measure],
    learning: list[Cell],
) -> dict[str, Any]:
    cells = first_variant(grid, learning)
    result = claim(grid, main, cells)
    judged = {measure.name: claim(grid, measure, cells) for measure in alternatives}
    flips = [name for name, other in judged.items() if other.verdict != result.verdict]
    for name, others in variants(grid, learning)[1:]:
        if claim(grid, main, others).verdict != result.verdict:
            flips.append(name)
    softmax, hidden = (
        judged.get(measure.name) or claim(grid, measure, cells) for measure in binned
    )
    # A drop in bins that the invariant measure does not show is saturation, whatever else the claim asks for.
    only_binned = [
        measure.name
        for measure, each in zip(binned, (softmax, hidden), strict=True)
        if each.effect.n >= MIN_SEEDS and each.effect.low > 0 and not result.effect.low > 0
    ]
    saturates = bool(only_binned) and has_fixed_bins(literature_estimator(grid.study))
    flips += [name for name in only_binned if name not in flips]
    by_depth = _depth_trend(grid, main, cells)
    return {
        "cell": None,
        "verdict": result.verdict,
        **_effect(result.effect),
        "p": result.trend.p,
        "n_seeds": result.effect.n,
        "flips_under": flips,
        "counter_test": COUNTER_TEST,
        "unit": "bits",
        "margin": 0.0,
        "n_left_out": max((cell.n_planned for cell in result.cells), default=0)
        - result.effect.n
        + result.n_left_out,
        "note": notes(
            result.note,
            SATURATION if saturates else "",
            f"at {where}" if (where := describe(grid, result.cells, "")) else "",
        ),
        "measure": main.name,
        **_beside(result.drop, result.control, result.train, result.rise),
        "bins_estimator": estimator_id(literature_estimator(grid.study)),
        **_in_bins(bins_names(grid)[0], softmax.effect, softmax.drop, softmax.control),
        **_in_bins(bins_names(grid)[1], hidden.effect, hidden.drop, hidden.control),
        "saturation": saturates,
        **interval_columns("trend", result.trend.correlation),
        "trend_p": result.trend.p,
        **interval_columns("depth_trend", by_depth.correlation),
        "depth_trend_p": by_depth.p,
    }


def _depth_trend(grid: Grid, measure: Measure, cells: Sequence[Cell]) -> Trend:
    """Test whether drops grow with depth at the smallest train_size and lowest label_noise."""
    base = along(held(cells, train_size=False, label_noise=False), "depth")
    groups = compared(grid, base, lambda cell: measure.effect(grid, cell)).groups
    return page_trend(
        complete([mean_over([measure.effect(grid, c) for c in group]) for group in groups])[1]
    )


def _cell_rows(
    grid: Grid,
    main: Measure,
    alternatives: Sequence[Measure],
    binned: tuple[Measure, Measure],
    learning: list[Cell],
) -> list[dict[str, Any]]:
    # A study of controls alone still names its cells, none of them with an effect.
    cells = learning or grid.cells
    judged = _judge(grid, main, cells)
    fixed = has_fixed_bins(literature_estimator(grid.study))
    others = {measure.name: _judge(grid, measure, cells) for measure in alternatives}
    out = []
    for cell in cells:
        own = main.interval(cell, "drop")
        control = grid.control_of(cell)
        null = NOTHING if control is None else main.interval(control, "drop")
        saturates = (
            judged[cell].verdict != "supported"
            and fixed
            and any(others[m.name][cell].verdict == "supported" for m in binned if m.name in others)
        )
        said = SATURATION if saturates else ""
        given = {"counter_test": COUNTER_TEST, "unit": "bits", "note": said}
        row = {
            **cell_row(grid, cell, judged, others, main.seeds.get(cell, 0), **given),
            "measure": main.name,
            **_beside(
                own,
                null,
                main.interval(cell, "drop", "train"),
                main.interval(cell, "rise"),
            ),
            "bins_estimator": estimator_id(literature_estimator(grid.study)),
            **_cell_in_bins(bins_names(grid)[0], grid, binned[0], cell),
            **_cell_in_bins(bins_names(grid)[1], grid, binned[1], cell),
            "saturation": saturates,
            **interval_columns(
                "end_information",
                main.interval(cell, "end"),
                (0.0, np.log2(grid.study.task.n_classes)),
            ),
            "peak_epoch": main.interval(cell, "peak_time").mean,
            "n_train": cell.trial.n_train,
            "n_parameters": cell.n_parameters,
        }
        out.append(row)
    return out


def _judge(grid: Grid, measure: Measure, cells: Sequence[Cell]) -> dict[Cell, Judged]:
    """Judge the drop held out, cell minus control; a cell without a rise has no verdict."""
    effects: list[Interval | None] = []
    against: list[str] = []
    for cell in cells:
        effect = None if cell.is_control else t_interval(measure.effect(grid, cell)[1])
        note = ""
        if effect is None:
            note = NOTHING_TO_LEARN
        elif grid.control_of(cell) is None:
            note = ADD_CONTROL
        elif measure.recorded and not measure.has_windows:
            note = NO_WINDOWS
        elif effect.n >= MIN_SEEDS and not measure.interval(cell, "rise").low > 0:
            note = NO_RISE
        elif not effect.n:
            note = few_seeds(measure.seeds.get(cell, 0))
        effects.append(effect)
        against.append(note)
    return judge_cells(cells, effects, against)


def _effect(interval: Interval) -> dict[str, float]:
    return {"effect": interval.mean, "low": interval.low, "high": interval.high}


def _beside(drop: Interval, control: Interval, train: Interval, rise: Interval) -> dict[str, float]:
    return {
        **interval_columns("drop", drop),
        **interval_columns("control_drop", control),
        **interval_columns("train_drop", train),
        **interval_columns("rise", rise),
    }


def _in_bins(name: str, effect: Interval, drop: Interval, control: Interval) -> dict[str, float]:
    return {
        **interval_columns(f"{name}_effect", effect),
        **interval_columns(f"{name}_drop", drop),
        **interval_columns(f"{name}_control_drop", control),
    }


def _cell_in_bins(name: str, grid: Grid, measure: Measure, cell: Cell) -> dict[str, float]:
    control = grid.control_of(cell)
    null = NOTHING if control is None else measure.interval(control, "drop")
    effect = t_interval(measure.effect(grid, cell)[1])
    return _in_bins(name, effect, measure.interval(cell, "drop"), null)
