"""Label information and test accuracy of trained networks against batch size."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from infosweep.aggregation import batch_information, finding_of
from infosweep.aggregation.grid import Cell, Grid, magnitude
from infosweep.aggregation.rows import Row, by_cell
from infosweep.aggregation.strata import first_variant, held
from infosweep.aggregation.summaries import spread
from infosweep.figures.panels import axis_text, grouped, shown_text
from infosweep.figures.style import (
    LOOKS,
    TWO_COLUMNS,
    Look,
    dodge,
    draw_points,
    figure_legend,
    footnote,
    in_words,
    interval_of,
    new_figure,
    panel_letter,
    seeds_text,
    value_axis,
)

MOST_SIZES = 4
REGIME_LOOKS: dict[str, Look] = dict(zip(batch_information.REGIMES, LOOKS, strict=False))
LABELS = {
    "i_rank": "Label information of the\noutputs' ranking (bits)",
    "i_decision": "Label information of\nthe decision (bits)",
}


@dataclass(frozen=True)
class Series:
    """Cells that are joined by a line: one train_size in one regime; regimes of one batch size have one cell."""

    regime: str
    cells: tuple[Cell, ...]
    look: Look


def draw(grid: Grid) -> Figure:
    """Draw the deepest networks at the least noise: a column per train_size (up to four), a series per regime."""
    rows = by_cell(finding_of("batch_information", grid))
    sizes = [[each for each in size if _known(grid, rows, each)] for size in _sizes(grid)]
    sizes = [size for size in sizes if size]
    if not sizes:
        return in_words(
            "No network has finished yet: there is no label information to draw against batch size."
        )
    width = 0.6 * TWO_COLUMNS if len(sizes) == 1 else TWO_COLUMNS
    # Each panel has a scale of its own: what batch sizes differ by is small beside what train sizes do.
    figure, axes = new_figure(width, 4.4, 2, len(sizes), sharex="col")
    shown = list(dict.fromkeys(cell for size in sizes for each in size for cell in each.cells))
    measure = str(rows[grid.label(shown[0])]["measure"])
    regimes = {each.regime for size in sizes for each in size if each.regime}
    for column, series in enumerate(sizes):
        cells = list(dict.fromkeys(cell for each in series for cell in each.cells))
        used = [cell.trial.batch_used for cell in cells]
        for row, name in enumerate(("label_information", "test_accuracy")):
            ax = axes[row, column]
            for number, each in enumerate(series):
                aside = dodge(number, len(series), max(used) / min(used))
                _draw_series(grid, ax, rows, name, each, aside)
            several = row == 0 and len(sizes) > 1
            title = axis_text("train_size", cells[0].axes["train_size"]) if several else ""
            panel_letter(ax, row * len(sizes) + column, title)
            value_axis(ax, {magnitude(c, "batch_size"): _tick(c, cells) for c in cells}, log=True)
            ax.margins(y=0.12)
        axes[1, column].set_xlabel(
            "Batch size in use (examples)" if len(sizes) < 3 else "Batch size"
        )
    axes[0, 0].set_ylabel(LABELS[measure])
    axes[1, 0].set_ylabel("Test accuracy")
    if len(regimes) > 1:
        figure_legend(figure, axes.flat)
    counts = [int(rows[grid.label(cell)]["n_seeds"]) for cell in shown]
    one = f" Batch sizes at {next(iter(regimes))}." if len(regimes) == 1 else ""
    scales = " Each panel has its own scale." if len(sizes) > 1 else ""
    footnote(
        figure,
        "Mean over the last 20 % of training, label information on all examples; 95 % t interval, "
        f"{seeds_text(counts)}.{one}{scales} {shown_text(grid, shown)}",
    )
    return figure


def _known(grid: Grid, rows: dict[str, Row], series: Series) -> bool:
    return any(np.isfinite(rows[grid.label(c)]["label_information"]) for c in series.cells)


def _tick(cell: Cell, cells: list[Cell]) -> str:
    """Label a batch size; `full` only where it is one number."""
    full = {c.trial.batch_used for c in cells if c.trial.full_batch}
    used = cell.trial.batch_used
    return f"{used}\n(full)" if full == {used} and len(full) == 1 else str(used)


def _sizes(grid: Grid) -> list[list[Series]]:
    """Return the series of each train_size."""
    base = held(first_variant(grid, grid.cells), depth=True, label_noise=False)
    deepest = {(c.axes["depth"], c.axes["label_noise"]) for c in base}
    cells = [c for c in grid.cells if (c.axes["depth"], c.axes["label_noise"]) in deepest]
    by_size = grouped(
        sorted(cells, key=lambda c: magnitude(c, "train_size")), lambda c: c.trial.n_train
    )
    found = []
    for group in spread(list(by_size.values()), MOST_SIZES):
        regimes = batch_information.regimes(group)
        found.append(
            [Series(r, members, REGIME_LOOKS[r]) for r, members in regimes.items()]
            or [Series("", (group[0],), LOOKS[0])]
        )
    return found


def _draw_series(
    grid: Grid, ax: Axes, rows: dict[str, Row], name: str, series: Series, aside: float
) -> None:
    found = [(cell.trial.batch_used * aside, rows[grid.label(cell)]) for cell in series.cells]
    found = [(x, row) for x, row in found if np.isfinite(row[name])]
    x = [position for position, _ in found]
    mean, low, high = interval_of((row for _, row in found), name)
    draw_points(ax, x, mean, low, high, series.look, label=series.regime or None)
