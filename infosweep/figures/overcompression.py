"""The drop of label information against training examples: what is lost in truth, and what bins make of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from infosweep.aggregation import finding_of
from infosweep.aggregation.ends import literature_estimator
from infosweep.aggregation.grid import Cell, Grid, format_value, magnitude
from infosweep.aggregation.overcompression import bins_names
from infosweep.aggregation.rows import Row, by_cell
from infosweep.aggregation.strata import first_variant, held
from infosweep.aggregation.summaries import spread
from infosweep.figures.panels import axis_text, grouped, shown_text
from infosweep.figures.style import (
    GREY,
    LOOKS,
    TWO_COLUMNS,
    dodge,
    draw_points,
    footnote,
    format_count,
    in_words,
    interval_of,
    new_figure,
    panel_letter,
    seeds_text,
    value_axis,
)
from infosweep.study.settings import AnyEstimator, BinsSettings, estimator_id

MOST_DEPTHS = 3
MOST_BATCHES = 2
MEASURES = {
    "i_rank": "Ranking of the outputs (invariant)",
    "i_decision": "Decision (invariant)",
}


def draw(grid: Grid) -> Figure:
    """Draw drops of the cells of least noise and of their controls; a row of panels per batch size, up to two."""
    rows = by_cell(finding_of("overcompression", grid))
    cells = held(
        first_variant(grid, [c for c in grid.cells if not c.is_control]), label_noise=False
    )
    cells = [cell for cell in cells if np.isfinite(rows[grid.label(cell)]["drop"])]
    if not cells:
        return in_words(
            "No drop can be measured: no cell below label_noise 1 has two seeds and 8 checkpoints."
        )
    batches = spread(list(grouped(cells, lambda c: c.axes["batch_size"]).values()), MOST_BATCHES)
    depths = spread(sorted({magnitude(cell, "depth") for cell in cells}), MOST_DEPTHS)
    cells = [cell for batch in batches for cell in batch if magnitude(cell, "depth") in depths]
    figure, axes = new_figure(
        TWO_COLUMNS, 0.6 + 2.3 * len(batches), len(batches), 2, sharex=True, sharey=True
    )
    invariant = MEASURES[str(rows[grid.label(cells[0])]["measure"])]
    softmax, _ = bins_names(grid)
    rule = _rule_text(literature_estimator(grid.study))
    sides = (("", invariant), (f"{softmax}_", f"Softmax, {rule}, minus its null"))
    for place, batch in enumerate(batches):
        by_depth = [[c for c in batch if magnitude(c, "depth") == d] for d in depths]
        several = axis_text("batch_size", batch[0].axes["batch_size"]) if len(batches) > 1 else ""
        for side, (prefix, title) in enumerate(sides):
            ax = axes[place, side]
            ax.axhline(0, color=GREY, linewidth=0.6)
            _draw_side(grid, ax, rows, prefix, by_depth)
            heading = [part for part in (title if place == 0 else "", several) if part]
            panel_letter(ax, 2 * place + side, "\n".join(heading))
        axes[place, 0].set_ylabel("Drop of label\ninformation (bits)")
    ticks = {magnitude(cell, "train_size"): _tick(cell) for cell in cells}
    for ax in axes[-1]:
        value_axis(ax, ticks, log=True)
        fraction = any(cell.trial.train_size <= 1 for cell in cells)
        ax.set_xlabel("Training examples" + (" (share of all)" if fraction else ""))
    _legend(figure, depths)
    counts = [int(rows[grid.label(cell)]["n_seeds"]) for cell in cells]
    footnote(
        figure,
        "Peak minus end of training on held-out examples, cross-fitted; mean and 95 % t interval, "
        f"{seeds_text(counts)}. Hollow: control at label noise 1. {shown_text(grid, cells)}",
    )
    return figure


def _rule_text(estimator: AnyEstimator) -> str:
    """Name an estimator's rule: `30 fixed bins` for so many over [-1, 1], else as its id does."""
    if estimator_id(estimator) == estimator_id(BinsSettings(bins=estimator.bins)):
        return f"{estimator.bins} fixed bins"
    return estimator_id(estimator)


def _tick(cell: Cell) -> str:
    """Label a training set by its examples, and by the fraction where it was written as one."""
    size = cell.trial.train_size
    count = format_count(cell.trial.n_train)
    return f"{count}\n({format_value(size)})" if size <= 1 else count


def _draw_side(
    grid: Grid, ax: Axes, rows: dict[str, Row], prefix: str, by_depth: Sequence[Sequence[Cell]]
) -> None:
    sizes = [cell.trial.n_train for cells in by_depth for cell in cells]
    for place, cells in enumerate(by_depth):
        kinds = ((f"{prefix}control_drop", True), (f"{prefix}drop", False))
        for kind, (name, hollow) in enumerate(kinds):
            # Side by side, not on top of each other: a control beside its cell, both beside the next depth.
            aside = dodge(2 * place + kind, 2 * len(by_depth), max(sizes) / min(sizes))
            found = [(cell.trial.n_train * aside, rows[grid.label(cell)]) for cell in cells]
            found = [(x, row) for x, row in found if np.isfinite(row[name])]
            mean, low, high = interval_of((row for _, row in found), name)
            if found:
                draw_points(ax, [x for x, _ in found], mean, low, high, LOOKS[place], hollow=hollow)


def _legend(figure: Figure, depths: Sequence[float]) -> None:
    handles = [
        Line2D([], [], label=axis_text("depth", int(depth)), **look.points())
        for look, depth in zip(LOOKS, depths, strict=False)
    ]
    beside: dict[str, Any] = {
        "color": GREY,
        "marker": "o",
        "markerfacecolor": "white",
        "linestyle": ":",
    }
    handles.append(Line2D([], [], linewidth=0.7, label="control", **beside))
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles))
