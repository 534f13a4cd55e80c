"""Loss and accuracy against epochs, mean over seeds and interval, one column a cell."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from infosweep.aggregation.grid import Grid
from infosweep.aggregation.summaries import band, panels
from infosweep.figures.panels import panel_title, shown_text
from infosweep.figures.style import (
    GREY,
    LOOKS,
    TWO_COLUMNS,
    draw_band,
    epoch_axis,
    figure_legend,
    footnote,
    in_words,
    new_figure,
    seeds_text,
)

SPLITS = (("train", "train"), ("validation", "validation"), ("test", "test"))
MEASURES = (("loss", "Cross entropy (nats)"), ("accuracy", "Accuracy"))
BOUNDS = {"loss": (0.0, np.inf), "accuracy": (0.0, 1.0)}
MOST_COLUMNS = 4


def draw(grid: Grid) -> Figure:
    """Draw the curves of up to four cells."""
    drawn = {
        (measure, split): grid.curves("curves", measure, split=split)
        for measure, _ in MEASURES
        for split, _ in SPLITS
    }
    have = {cell for curves in drawn.values() for cell in curves}
    cells = [cell for row in panels(grid, MOST_COLUMNS, 1) for cell in row if cell in have]
    if not cells:
        return in_words("No trial of this study has finished: there are no curves to draw.")
    width = max(0.5, min(1.0, len(cells) / 3)) * TWO_COLUMNS
    figure, axes = new_figure(width, 3.9, 2, len(cells), sharex="col", sharey="row")
    counts = []
    for column, cell in enumerate(cells):
        for row, (measure, label) in enumerate(MEASURES):
            ax = axes[row, column]
            for look, (split, name) in zip(LOOKS, SPLITS, strict=False):
                curve = drawn[measure, split].get(cell)
                if curve is None:
                    continue
                counts.append(curve.seeds.size)
                draw_band(ax, band(curve, BOUNDS[measure]), look, name)
                epoch_axis(ax, curve.epochs[-1])
            if measure == "accuracy":
                ax.axhline(
                    1 / grid.study.task.n_classes,
                    color=GREY,
                    linewidth=0.8,
                    linestyle=":",
                    label="chance",
                )
            if column == 0:
                ax.set_ylabel(label)
        axes[0, column].set_title(panel_title(grid, cell, cells), loc="center")
        axes[1, column].set_xlabel("Epoch")
    # Once all columns are drawn: a limit ends the autoscaling of the whole shared row.
    axes[0, 0].set_ylim(bottom=0)
    figure_legend(figure, axes[::-1].flat)
    drawn_splits = {split for _, split in drawn if any(c in drawn["loss", split] for c in cells)}
    given = " and ".join(name for name in ("train", "validation") if name in drawn_splits)
    labels = f"; given labels on {given}" if given else ""
    footnote(
        figure,
        f"Mean and 95 % t interval, {seeds_text(counts)}{labels}. {shown_text(grid, cells)}",
    )
    return figure
