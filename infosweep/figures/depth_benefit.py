"""Epochs that networks of each depth take to the target, and the share of seeds that have arrived by then."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator

from infosweep.aggregation import depth_benefit, finding_of
from infosweep.aggregation.grid import Cell, Grid, magnitude
from infosweep.aggregation.rows import Row, by_cell
from infosweep.aggregation.strata import first_variant, held
from infosweep.aggregation.summaries import arrived_share, spread
from infosweep.figures.panels import axis_text, grouped, shown_text
from infosweep.figures.style import (
    GREY,
    LOOKS,
    MOST_SERIES,
    TWO_COLUMNS,
    draw_points,
    epoch_axis,
    footnote,
    format_count,
    in_words,
    interval_of,
    new_figure,
    panel_letter,
    seeds_text,
    value_axis,
)

MOST_BATCHES = 2


def draw(grid: Grid) -> Figure:
    """Draw the cells of the largest train_size and least noise; batch sizes as series and panels, up to two."""
    rows = by_cell(finding_of("depth_benefit", grid))
    times = depth_benefit.main_times(grid)
    learning = [c for c in grid.cells if not c.is_control and c.trial.depth is not None]
    cells = [
        c
        for c in held(first_variant(grid, learning), train_size=True, label_noise=False)
        if c in times.tau
    ]
    if not cells:
        return in_words(
            "No time to the target can be measured yet: no network below label_noise 1 has finished."
        )
    batches = spread(list(grouped(cells, lambda c: c.axes["batch_size"]).values()), MOST_BATCHES)
    cells = [cell for batch in batches for cell in batch]
    figure, axes = new_figure(TWO_COLUMNS, 2.9, 1, 1 + len(batches))
    end = max(times.end[cell] for cell in cells)
    _draw_times(grid, axes[0, 0], rows, batches, end)
    panel_letter(axes[0, 0], 0)
    for place, batch in enumerate(batches):
        ax = axes[0, 1 + place]
        _draw_arrivals(ax, times, batch)
        epoch_axis(ax, end)
        ax.set_xlim(left=_first_decade(times, cells))
        ax.set_xlabel("Epoch")
        ax.set_ylim(-0.02, 1.04)
        panel_letter(
            ax,
            1 + place,
            axis_text("batch_size", batch[0].axes["batch_size"]) if len(batches) > 1 else "",
        )
    axes[0, 1].set_ylabel("Share of seeds arrived")
    axes[0, 1].legend(loc="best")
    order = ", in the order of the legend" if len(batches) > 1 else ""
    target = rows[grid.label(cells[0])]["target"]
    counts = [times.tau[cell][0].size for cell in cells]
    footnote(
        figure,
        f"Target: $I(\\hat{{Y}};Y) \\geq$ {target:.3g} bits ({depth_benefit.TARGET:g} $H(Y)$) on all examples at "
        f"{depth_benefit.RUNNING} checkpoints running; a seed that does not arrive counts with the last epoch. "
        f"Under each depth: seeds that arrived{order}. Mean and 95 % t interval, {seeds_text(counts)}. "
        f"{shown_text(grid, cells)}",
    )
    return figure


def _draw_times(
    grid: Grid, ax: Axes, rows: dict[str, Row], batches: list[list[Cell]], end: float
) -> None:
    every = [cell for batch in batches for cell in batch]
    depths = {
        depth: _tick(grid, rows, cells)
        for depth, cells in grouped(every, lambda c: magnitude(c, "depth")).items()
    }
    for place, batch in enumerate(batches):
        cells = sorted(batch, key=lambda c: magnitude(c, "depth"))
        found = [rows[grid.label(cell)] for cell in cells]
        aside = 0.12 * (place - (len(batches) - 1) / 2)
        x = [magnitude(cell, "depth") + aside for cell in cells]
        mean, low, high = interval_of(found, "epochs_to_target")
        label = axis_text("batch_size", batch[0].axes["batch_size"]) if len(batches) > 1 else None
        draw_points(ax, x, mean, low, high, LOOKS[place], label=label)
    ax.axhline(end, color=GREY, linewidth=0.8, linestyle=":")
    at_end = {"xycoords": ("axes fraction", "data"), "ha": "right", "va": "bottom"}
    ax.annotate("last epoch", (1, end), fontsize=7, color=GREY, **at_end)
    value_axis(ax, depths, log=False)
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: format_count(value)))
    ax.set_xlim(min(depths) - 0.6, max(depths) + 0.6)
    ax.set_ylim(0, end * (1.35 if len(batches) > 1 else 1.12))  # room for the legend
    ax.yaxis.set_major_locator(
        FixedLocator([t for t in MaxNLocator(5).tick_values(0, end) if t <= end])
    )
    ax.set_xlabel("Depth (hidden layers)")
    ax.set_ylabel("Epochs to the target")
    if len(batches) > 1:
        ax.legend(loc="upper left", ncols=2, columnspacing=1.0)


def _tick(grid: Grid, rows: dict[str, Row], cells: list[Cell]) -> str:
    """Label a depth, with how many seeds arrived at it, one line a series."""
    found = [rows[grid.label(cell)] for cell in cells]
    counts = [f"{int(r['n_arrived'])}/{int(r['n_arrived'] + r['n_censored'])}" for r in found]
    return "\n".join([str(cells[0].axes["depth"]), *counts])


def _first_decade(times: depth_benefit.Times, cells: list[Cell]) -> float:
    """Return where the epoch axis of arrivals begins: nothing happens before the first arrival."""
    first = min(float(times.tau[cell][1].min()) for cell in cells)
    return 10.0 ** np.floor(np.log10(first)) if 1 < first < np.inf else 0.0


def _draw_arrivals(ax: Axes, times: depth_benefit.Times, cells: list[Cell]) -> None:
    shown = spread(sorted(cells, key=lambda c: magnitude(c, "depth")), MOST_SERIES)
    for look, cell in zip(LOOKS, shown, strict=False):
        epochs, share = arrived_share(times.tau[cell][1], times.end[cell])
        ax.step(
            epochs, share, where="post", label=axis_text("depth", cell.axes["depth"]), **look.line()
        )
