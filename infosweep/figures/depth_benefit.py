"""Epochs that networks of each depth take to the target, and the share of seeds that have arrived by then."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
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
    Look,
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
# Batch sizes are points in grey and black: colours are depths.
BATCH_LOOKS = (Look("black", "o", "-"), Look(GREY, "s", (0, (5, 1.5))))


@dataclass(frozen=True)
class Target:
    """One way to have arrived: its times, its column in the finding's table, and how its axis is named."""

    times: depth_benefit.Times
    column: str
    label: str


def draw(grid: Grid) -> Figure:
    """Draw the cells of the largest train_size and least noise: a row of panels a target, batch sizes side by side.

    The first row is the target of the verdict, the second the test accuracy, where it was recorded.
    """
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
    accuracy = depth_benefit.accuracy_times(grid)
    targets = [Target(times, "epochs_to_target", f"{depth_benefit.TARGET:g} $H(Y)$")]
    if all(cell in accuracy.tau for cell in cells):
        targets.append(
            Target(
                accuracy, "epochs_to_accuracy", f"test\naccuracy {depth_benefit.ACCURACY_TARGET:g}"
            )
        )
    columns = 1 + len(batches)
    figure, axes = new_figure(
        TWO_COLUMNS, 0.9 + 2.25 * len(targets), len(targets), columns, sharex="col"
    )
    end = max(times.end[cell] for cell in cells)
    left = min(_first_decade(target.times, cells) for target in targets)
    for row, target in enumerate(targets):
        _draw_times(axes[row, 0], rows, grid, target, batches, end)
        panel_letter(axes[row, 0], row * columns)
        for place, batch in enumerate(batches):
            ax = axes[row, 1 + place]
            _draw_arrivals(ax, target.times, batch)
            epoch_axis(ax, end)
            ax.set_xlim(left=left)
            ax.set_ylim(-0.02, 1.04)
            several = row == 0 and len(batches) > 1
            title = axis_text("batch_size", batch[0].axes["batch_size"]) if several else ""
            panel_letter(ax, row * columns + 1 + place, title)
        axes[row, 1].set_ylabel("Share of seeds arrived")
    axes[-1, 0].set_xlabel("Depth (hidden layers)")
    for ax in axes[-1, 1:]:
        ax.set_xlabel("Epoch")
    _legend(figure, batches)
    target = rows[grid.label(cells[0])]["target"]
    counts = [times.tau[cell][0].size for cell in cells]
    beside = (
        f", or test accuracy $\\geq$ {depth_benefit.ACCURACY_TARGET:g}" if len(targets) > 1 else ""
    )
    order = ", in the order of the batch sizes" if len(batches) > 1 else ""
    footnote(
        figure,
        f"Target: $I(\\hat{{Y}};Y) \\geq$ {target:.3g} bits ({depth_benefit.TARGET:g} $H(Y)$) on all examples at "
        f"{depth_benefit.RUNNING} checkpoints running{beside}; a seed that does not arrive counts with the last "
        f"epoch (dotted). Over each depth: seeds that arrived{order}. Mean and 95 % t interval, "
        f"{seeds_text(counts)}. {shown_text(grid, cells)}",
    )
    return figure


def _draw_times(
    ax: Axes,
    rows: dict[str, Row],
    grid: Grid,
    target: Target,
    batches: list[list[Cell]],
    end: float,
) -> None:
    every = [cell for batch in batches for cell in batch]
    by_depth = grouped(every, lambda c: magnitude(c, "depth"))
    for place, batch in enumerate(batches):
        cells = sorted(batch, key=lambda c: magnitude(c, "depth"))
        found = [rows[grid.label(cell)] for cell in cells]
        aside = 0.12 * (place - (len(batches) - 1) / 2)
        x = [magnitude(cell, "depth") + aside for cell in cells]
        draw_points(ax, x, *interval_of(found, target.column), BATCH_LOOKS[place])
    ax.axhline(end, color=GREY, linewidth=0.8, linestyle=":")
    for depth, cells in by_depth.items():
        counts = [f"{target.times.arrived(c)}/{target.times.tau[c][0].size}" for c in cells]
        ax.annotate(
            "\n".join(counts),
            (depth, 1.0),
            xycoords=("data", "axes fraction"),
            ha="center",
            va="top",
            fontsize=7,
            color=GREY,
        )
    value_axis(ax, {depth: str(c[0].axes["depth"]) for depth, c in by_depth.items()}, log=False)
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: format_count(value)))
    ax.set_xlim(min(by_depth) - 0.6, max(by_depth) + 0.6)
    ax.set_ylim(0, end * (1.15 + 0.12 * len(batches)))  # room for the counts
    ax.yaxis.set_major_locator(
        FixedLocator([t for t in MaxNLocator(5).tick_values(0, end) if t <= end])
    )
    ax.set_ylabel(f"Epochs to {target.label}")


def _legend(figure: Figure, batches: list[list[Cell]]) -> None:
    """Name the batch sizes, which are points, and the depths, which are steps."""
    handles = [
        Line2D([], [], label=axis_text("batch_size", batch[0].axes["batch_size"]), **look.points())
        for look, batch in zip(BATCH_LOOKS, batches, strict=False)
        if len(batches) > 1
    ]
    handles += [
        Line2D([], [], label=axis_text("depth", cell.axes["depth"]), **look.line())
        for look, cell in zip(LOOKS, _shown(batches[0]), strict=False)
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=min(len(handles), 6))


def _shown(cells: list[Cell]) -> list[Cell]:
    return spread(sorted(cells, key=lambda c: magnitude(c, "depth")), MOST_SERIES)


def _first_decade(times: depth_benefit.Times, cells: list[Cell]) -> float:
    """Return where the epoch axis of arrivals begins: nothing happens before the first arrival."""
    first = min(float(times.tau[cell][1].min()) for cell in cells)
    return 10.0 ** np.floor(np.log10(first)) if 1 < first < np.inf else 0.0


def _draw_arrivals(ax: Axes, times: depth_benefit.Times, cells: list[Cell]) -> None:
    for look, cell in zip(LOOKS, _shown(cells), strict=False):
        epochs, share = arrived_share(times.tau[cell][1], times.end[cell])
        ax.step(epochs, share, where="post", **look.line())
