"""Label information and test accuracy of trained networks against batch size."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from infosweep.aggregation import batch_information, finding_of
from infosweep.aggregation.grid import Cell, Grid, format_value, magnitude
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
    footnote,
    in_words,
    interval_of,
    new_figure,
    panel_letter,
    seeds_text,
    value_axis,
)

MOST_SIZES = 4
LABELS = {
    "i_rank": "Label information of the\noutputs' ranking (bits)",
    "i_decision": "Label information of\nthe decision (bits)",
}


@dataclass(frozen=True)
class Series:
    """Cells that are joined by a line: one train_size in one regime."""

    label: str
    cells: tuple[Cell, ...]
    look: Look
    hollow: bool


def draw(grid: Grid) -> Figure:
    """Draw the deepest networks at the least noise; a series per train_size (up to four) and regime."""
    rows = by_cell(finding_of("batch_information", grid))
    series = [each for each in _series(grid) if _known(grid, rows, each)]
    if not series:
        return in_words(
            "No network has finished yet: there is no label information to draw against batch size."
        )
    figure, axes = new_figure(TWO_COLUMNS, 2.9, 1, 2)
    cells = list(dict.fromkeys(cell for each in series for cell in each.cells))
    used = [cell.trial.batch_used for cell in cells]
    span = max(used) / min(used)
    measure = str(rows[grid.label(cells[0])]["measure"])
    for place, name in enumerate(("label_information", "test_accuracy")):
        ax = axes[0, place]
        for number, each in enumerate(series):
            _draw_series(grid, ax, rows, name, each, dodge(number, len(series), span))
        panel_letter(ax, place)
        value_axis(ax, {magnitude(c, "batch_size"): _tick(c, cells) for c in cells}, log=True)
        ax.set_xlabel("Batch size in use (examples)")
    axes[0, 0].set_ylabel(LABELS[measure])
    axes[0, 1].set_ylabel("Test accuracy")
    axes[0, 0].legend(loc="best")
    counts = [int(rows[grid.label(cell)]["n_seeds"]) for cell in cells]
    footnote(
        figure,
        "Mean over the last 20 % of training, all examples in a, test examples in b; 95 % t interval, "
        f"{seeds_text(counts)}. {_regimes_text(series)}{shown_text(grid, cells)}",
    )
    return figure


def _known(grid: Grid, rows: dict[str, Row], series: Series) -> bool:
    return any(np.isfinite(rows[grid.label(c)]["label_information"]) for c in series.cells)


def _tick(cell: Cell, cells: list[Cell]) -> str:
    """Label a batch size; `full` only where it is one number."""
    full = {c.trial.batch_used for c in cells if c.trial.full_batch}
    used = cell.trial.batch_used
    return f"{used}\n(full)" if full == {used} and len(full) == 1 else str(used)


def _series(grid: Grid) -> list[Series]:
    base = held(first_variant(grid, grid.cells), depth=True, label_noise=False)
    deepest = {(c.axes["depth"], c.axes["label_noise"]) for c in base}
    cells = [c for c in grid.cells if (c.axes["depth"], c.axes["label_noise"]) in deepest]
    by_size = grouped(
        sorted(cells, key=lambda c: magnitude(c, "train_size")), lambda c: c.trial.n_train
    )
    found = []
    for look, group in zip(LOOKS, spread(list(by_size.values()), MOST_SIZES), strict=False):
        regimes = batch_information.regimes(group)
        for number, (regime, members) in enumerate(regimes.items()):
            size = axis_text("train_size", group[0].axes["train_size"]) if len(by_size) > 1 else ""
            label = ", ".join(
                part for part in (size, regime if len(regimes) > 1 or not size else "") if part
            )
            beside = bool(size) and number > 0
            found.append(Series(label, members, look if size else LOOKS[number], hollow=beside))
        if not regimes:
            found.append(
                Series(
                    axis_text("train_size", format_value(group[0].axes["train_size"])),
                    (group[0],),
                    look,
                    False,
                )
            )
    return found


def _draw_series(
    grid: Grid, ax: Axes, rows: dict[str, Row], name: str, series: Series, aside: float
) -> None:
    found = [(cell.trial.batch_used * aside, rows[grid.label(cell)]) for cell in series.cells]
    found = [(x, row) for x, row in found if np.isfinite(row[name])]
    x = [position for position, _ in found]
    mean, low, high = interval_of((row for _, row in found), name)
    look, label = series.look, series.label
    draw_points(ax, x, mean, low, high, look, label=label, hollow=series.hollow)


def _regimes_text(series: list[Series]) -> str:
    return "Hollow: further regimes. " if any(each.hollow for each in series) else ""
