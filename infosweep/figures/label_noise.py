"""Training accuracy on given labels and test accuracy on true ones, against label noise."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from infosweep.aggregation import finding_of
from infosweep.aggregation.grid import Grid, format_value, magnitude
from infosweep.aggregation.rows import by_cell
from infosweep.aggregation.strata import first_variant, held
from infosweep.aggregation.summaries import spread
from infosweep.figures.panels import axis_text, grouped, shown_text
from infosweep.figures.style import (
    GREY,
    LOOKS,
    ONE_COLUMN,
    TWO_COLUMNS,
    draw_points,
    footnote,
    in_words,
    interval_of,
    new_figure,
    panel_letter,
    seeds_text,
    value_axis,
)

MOST_SIZES = 4
SERIES = (("train_accuracy", "train, given labels"), ("test_accuracy", "test, true labels"))


def draw(grid: Grid) -> Figure:
    """Draw the deepest networks of the first batch size, a panel per train_size, up to four."""
    rows = by_cell(finding_of("label_noise_effect", grid))
    cells = held(first_variant(grid, grid.cells), depth=True)
    cells = [c for c in cells if c.axes["batch_size"] == cells[0].axes["batch_size"]]
    cells = [c for c in cells if np.isfinite(rows[grid.label(c)]["test_accuracy"])]
    if not cells:
        return in_words(
            "No network has finished yet: there is no accuracy to draw against label noise."
        )
    by_size = grouped(
        sorted(cells, key=lambda c: magnitude(c, "train_size")), lambda c: c.trial.n_train
    )
    panels = spread(list(by_size.values()), MOST_SIZES)
    width = ONE_COLUMN * 1.25 if len(panels) == 1 else TWO_COLUMNS
    figure, axes = new_figure(width, 2.7, 1, len(panels), sharey=True)
    shown = [cell for panel in panels for cell in panel]
    for place, panel in enumerate(panels):
        ax = axes[0, place]
        group = sorted(panel, key=lambda c: c.trial.label_noise)
        for look, (name, label) in zip(LOOKS, SERIES, strict=False):
            mean, low, high = interval_of((rows[grid.label(c)] for c in group), name)
            x = [c.trial.label_noise for c in group]
            draw_points(ax, x, mean, low, high, look, label=label)
        ax.axhline(
            1 / grid.study.task.n_classes, color=GREY, linewidth=0.8, linestyle=":", label="chance"
        )
        value_axis(
            ax, {c.trial.label_noise: format_value(c.trial.label_noise) for c in group}, log=False
        )
        ax.set_xlim(-0.05, 1.05)
        ax.set_xlabel("Label noise")
        title = axis_text("train_size", group[0].axes["train_size"]) if len(panels) > 1 else ""
        panel_letter(ax, place, title)
    axes[0, 0].set_ylabel("Accuracy")
    axes[0, 0].set_ylim(top=1.03)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=3)
    counts = [int(rows[grid.label(cell)]["n_seeds"]) for cell in shown]
    footnote(
        figure,
        f"Mean over the last 20 % of training, 95 % t interval, {seeds_text(counts)}. {shown_text(grid, shown)}",
    )
    return figure
