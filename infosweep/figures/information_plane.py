"""The information plane: the path of each layer through (I(X;T), I(T;Y)) as training goes on.

Means over seeds thick, coloured by epoch; single seeds thin. H(Y) and log2 n are drawn, beyond which nothing can
lie; past .95 log2 n nearly every example has its own code and the estimate says nothing: that region is shaded,
and the end of a layer that is saturated at the last checkpoint is grey.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from infosweep.aggregation.grid import Curve, Grid
from infosweep.aggregation.summaries import Plane, panels, planes
from infosweep.figures.panels import panel_title, shown_text
from infosweep.figures.style import (
    GREY,
    LIGHT,
    TWO_COLUMNS,
    epoch_ticks,
    footnote,
    format_count,
    in_words,
    new_figure,
    seeds_text,
)
from infosweep.study.settings import estimator_id

COLOURS = "viridis"
SATURATED = 0.95  # of log2 n
MARKERS = "osD^v<>hpX*"
SOFTMAX_MARKER = "P"
# Ends of layers that are nearer than this, as shares of the axes, hide each other.
NEAR = 0.03


def draw(grid: Grid) -> Figure:
    """Draw up to six cells, with the first estimator, on all examples (else on those of the first sample)."""
    study = grid.study
    sample = "all" if "all" in study.record.samples else study.record.samples[0]
    layout = panels(grid, 3, 2)
    found = planes(
        grid, [cell for row in layout for cell in row], sample, estimator_id(study.estimators[0])
    )
    if not found:
        return in_words(
            "The table `information` holds nothing of this study yet: there is no plane to draw."
        )
    by_cell = {plane.cell: plane for plane in found}
    rows = [[by_cell[cell] for cell in row if cell in by_cell] for row in layout]
    rows = [row for row in rows if row]
    return _draw_rows(grid, rows)


def _draw_rows(grid: Grid, rows: list[list[Plane]]) -> Figure:
    columns = max(len(row) for row in rows)
    shown = [plane for row in rows for plane in row]
    first, cells = shown[0], [plane.cell for plane in shown]
    width = TWO_COLUMNS if columns > 1 else 0.72 * TWO_COLUMNS
    height = {1: 3.7, 2: 2.7, 3: 2.3}[columns]
    figure, axes = new_figure(
        width, 0.5 + height * len(rows), len(rows), columns, sharex=True, sharey=True
    )
    last = max(
        float(curve.epochs[-1]) for row in rows for plane in row for curve in plane.i_xt.values()
    )
    norm = Normalize(0.0, np.log1p(last))
    for place, row in enumerate(rows):
        for column in range(columns):
            ax = axes[place, column]
            if column >= len(row):
                ax.set_axis_off()
                continue
            _draw_plane(ax, row[column], norm)
            ax.set_title(panel_title(grid, row[column].cell, cells), loc="center")
            if column == 0:
                ax.set_ylabel("$I(T;Y)$ (bits)")
            if place == len(rows) - 1 or column >= len(rows[place + 1]):
                ax.tick_params(labelbottom=True)
                ax.set_xlabel("$I(X;T)$ (bits)")
    _limit(axes[0, 0], shown)
    axes[0, 0].xaxis.set_major_locator(MaxNLocator(7, integer=True))
    bar = figure.colorbar(
        ScalarMappable(norm, COLOURS), ax=axes, label="Epoch", aspect=30, pad=0.015
    )
    bar.ax.yaxis.set_major_locator(FixedLocator(np.log1p(epoch_ticks(last)).tolist()))
    bar.ax.yaxis.set_major_formatter(
        FuncFormatter(lambda value, _: format_count(round(np.expm1(value))))
    )
    bar.ax.yaxis.set_minor_locator(NullLocator())
    _legend(figure, shown)
    counts = [curve.seeds.size for plane in shown for curve in plane.i_xt.values()]
    measured = f"Sample {first.sample}, estimator {first.estimator_id}."
    footnote(
        figure,
        f"Thick: mean over seeds ({seeds_text(counts)}); thin: single seeds. {measured} "
        f"Shaded: $I(X;T) > {SATURATED:g}\\,\\log_2 n$, where nearly every example has its own code; "
        "grey end: so in most seeds at the last checkpoint. "
        f"{shown_text(grid, cells)}",
    )
    return figure


def _draw_plane(ax: Axes, plane: Plane, norm: Normalize) -> None:
    if np.isfinite(plane.log2_n):
        ax.axvspan(SATURATED * plane.log2_n, plane.log2_n, color=LIGHT, linewidth=0, zorder=0)
        ax.axvline(plane.log2_n, color=GREY, linewidth=0.8, linestyle=":", zorder=1)
    if np.isfinite(plane.h_y):
        ax.axhline(plane.h_y, color=GREY, linewidth=0.8, linestyle="--", zorder=1)
    ends: dict[int, tuple[float, float]] = {}
    for layer, i_xt in plane.i_xt.items():
        i_ty = plane.i_ty[layer]
        seeds, at_x, at_y = np.intersect1d(
            i_xt.seeds, i_ty.seeds, assume_unique=True, return_indices=True
        )
        if not seeds.size:
            continue
        x, y = i_xt.values[at_x], i_ty.values[at_y]
        for one_x, one_y in zip(x, y, strict=True):
            ax.plot(one_x, one_y, color=GREY, alpha=0.16, linewidth=0.4, zorder=2)
        _draw_path(ax, Curve(seeds, i_xt.epochs, x), y.mean(axis=0), norm)
        ends[layer] = (float(x[:, -1].mean()), float(y[:, -1].mean()))
    for layer, end in ends.items():
        colour = GREY if layer in plane.saturated else "white"
        edge: dict[str, Any] = {"edgecolors": "black", "linewidths": 0.9, "zorder": 5}
        ax.scatter(*end, color=colour, marker=_marker(plane, layer), s=26, **edge)
    _name_hidden(ax, plane, ends)


def _is_softmax(plane: Plane, layer: int) -> bool:
    return layer == len(plane.cell.trial.hidden) + 1


def _marker(plane: Plane, layer: int) -> str:
    return SOFTMAX_MARKER if _is_softmax(plane, layer) else MARKERS[(layer - 1) % len(MARKERS)]


def _name_hidden(ax: Axes, plane: Plane, ends: dict[int, tuple[float, float]]) -> None:
    """Name layers whose ends lie on one another, which markers cannot tell apart."""
    wide = plane.log2_n if np.isfinite(plane.log2_n) else max(x for x, _ in ends.values()) or 1.0
    high = plane.h_y if np.isfinite(plane.h_y) else max(y for _, y in ends.values()) or 1.0
    clusters: list[list[int]] = []
    for layer, (x, y) in ends.items():
        last = ends[clusters[-1][-1]] if clusters else (np.inf, np.inf)
        if abs(x - last[0]) <= NEAR * wide and abs(y - last[1]) <= NEAR * high:
            clusters[-1].append(layer)
        else:
            clusters.append([layer])
    for cluster in clusters:
        if len(cluster) < 2:
            continue
        text = f"layers {cluster[0]}\N{EN DASH}{cluster[-1]}"
        x, y = ends[cluster[0]]
        # Above H(Y) there is room, since nothing can lie there.
        left, up = x > wide / 2, y < high / 2 or y > 0.9 * high
        ax.annotate(
            text,
            (x, y),
            xytext=(6 if left else -6, 6 if up else -9),
            textcoords="offset points",
            ha="right" if left else "left",
            va="bottom" if up else "top",
            fontsize=7,
            zorder=6,
        )


def _draw_path(ax: Axes, i_xt: Curve, y: np.ndarray, norm: Normalize) -> None:
    x = i_xt.values.mean(axis=0)
    points = np.stack([x, y], axis=1)
    segments = np.stack([points[:-1], points[1:]], axis=1)
    moments = np.log1p(i_xt.epochs)
    path = LineCollection(
        list(segments), cmap=COLOURS, norm=norm, linewidth=1.8, capstyle="round", zorder=3
    )
    path.set_array((moments[:-1] + moments[1:]) / 2)
    ax.add_collection(path)
    ax.scatter(x, y, c=moments, cmap=COLOURS, norm=norm, s=6, linewidths=0, zorder=4)


def _limit(ax: Axes, shown: list[Plane]) -> None:
    log2_n = max(plane.log2_n for plane in shown)
    h_y = max(plane.h_y for plane in shown)
    if np.isfinite(log2_n):
        ax.set_xlim(-0.02 * log2_n, 1.03 * log2_n)
    if np.isfinite(h_y):
        ax.set_ylim(-0.03 * h_y, 1.14 * h_y)


def _legend(figure: Figure, shown: list[Plane]) -> None:
    look: dict[str, Any] = {"color": "black", "markerfacecolor": "white", "linestyle": ""}
    hidden = {layer for p in shown for layer in p.i_xt if not _is_softmax(p, layer)}
    handles = [
        Line2D([], [], marker=MARKERS[(layer - 1) % len(MARKERS)], label=f"layer {layer}", **look)
        for layer in sorted(hidden)
    ]
    if any(_is_softmax(plane, layer) for plane in shown for layer in plane.i_xt):
        handles.append(Line2D([], [], marker=SOFTMAX_MARKER, label="softmax", **look))
    if any(plane.saturated for plane in shown):
        filled = {**look, "markerfacecolor": GREY}
        handles.append(Line2D([], [], marker="o", label="saturated at the end", **filled))
    handles.append(Line2D([], [], color=GREY, linewidth=0.8, linestyle="--", label="$H(Y)$"))
    handles.append(Line2D([], [], color=GREY, linewidth=0.8, linestyle=":", label=r"$\log_2 n$"))
    figure.legend(handles=handles, loc="outside upper center", ncols=min(len(handles), 5))
