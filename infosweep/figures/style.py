"""One look for all figures: sizes of a paper's columns, Okabe-Ito colours, and never colour alone."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from infosweep.aggregation.rows import Row
from infosweep.aggregation.summaries import Band

# Widths in inches of one and two columns of a journal page (85 and 175 mm).
ONE_COLUMN = 3.35
TWO_COLUMNS = 6.9

# Of 7 pt DejaVu Sans, with a margin.
_LETTERS_PER_INCH = 20

GREY = "#707070"
LIGHT = "#d9d9d9"

_STYLE = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "legend.handlelength": 2.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "axes.titlelocation": "left",
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 3,
    "ytick.major.size": 3,
    "lines.linewidth": 1.2,
    "lines.markersize": 4,
    "errorbar.capsize": 2,
    "figure.constrained_layout.use": True,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "savefig.dpi": 200,
    "svg.hashsalt": "infosweep",  # ids in SVG files are random without
    "pdf.fonttype": 42,
    "axes.unicode_minus": True,
}


@dataclass(frozen=True)
class Look:
    """How one series is drawn: hue (Okabe & Ito 2008), marker and dash together."""

    color: str
    marker: str
    dash: Any

    def line(self) -> dict[str, Any]:
        """Return keywords for a line without markers."""
        return {"color": self.color, "linestyle": self.dash}

    def points(self) -> dict[str, Any]:
        """Return keywords for a line with markers."""
        return {**self.line(), "marker": self.marker}


LOOKS = (
    Look("#0072B2", "o", "-"),
    Look("#D55E00", "s", (0, (5, 1.5))),
    Look("#009E73", "^", (0, (3, 1.2, 1, 1.2))),
    Look("#CC79A7", "D", (0, (1.2, 1.2))),
    Look("#E69F00", "v", (0, (7, 1.5, 1, 1.5, 1, 1.5))),
    Look("#56B4E9", "P", (0, (2.5, 1))),
)
MOST_SERIES = len(LOOKS)


@contextmanager
def styled() -> Iterator[None]:
    """Draw within this style, and leave matplotlib's settings as they were."""
    settings: Any = {**mpl.rcParamsDefault, **_STYLE, "backend": mpl.rcParams["backend"]}
    with mpl.rc_context(settings):
        yield


def new_figure(
    width: float, height: float, rows: int = 1, columns: int = 1, **sharing: Any
) -> tuple[Figure, np.ndarray]:
    """Return a figure of a size in inches and its axes (rows, columns)."""
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, **sharing)
    return figure, axes


def in_words(text: str) -> Figure:
    """Return a figure that says why there is nothing to draw."""
    figure = Figure(figsize=(TWO_COLUMNS / 2, 1.2), layout="constrained")
    figure.text(0.5, 0.5, text, ha="center", va="center", wrap=True, color=GREY)
    return figure


def footnote(figure: Figure, text: str) -> None:
    """Say under a figure what it shows: seeds, intervals, what is held fixed; lines are broken at its width."""
    letters = int(figure.get_figwidth() * _LETTERS_PER_INCH)
    figure.supxlabel(textwrap.fill(text, letters), x=0.01, ha="left", fontsize=7, color=GREY)


def seeds_text(counts: Sequence[int]) -> str:
    """Say how many seeds stand behind what is drawn: `n = 8 seeds`, `n = 6 to 8 seeds`."""
    low, high = (min(counts), max(counts)) if counts else (0, 0)
    number = str(high) if low == high else f"{low} to {high}"
    return f"n = {number} seed{'' if high == 1 else 's'}"


def panel_letter(axes: Axes, place: int, title: str = "") -> None:
    """Head a panel with its letter and what is special about it."""
    axes.set_title(f"{chr(ord('a') + place)}", fontweight="bold", loc="left")
    if title:
        axes.set_title(title, loc="center")


def epoch_axis(axes: Axes, last: float) -> None:
    """Scale epochs logarithmically with room for epoch 0 (linear from 0 to 1)."""
    axes.set_xscale("symlog", linthresh=1, linscale=0.35)
    axes.set_xlim(0, last * 1.05)
    axes.xaxis.set_major_locator(FixedLocator(epoch_ticks(last)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: format_count(value)))
    axes.xaxis.set_minor_locator(NullLocator())


def epoch_ticks(last: float) -> list[float]:
    """Return 0, 1, 10, ... up to the last epoch, and that itself where there is room.

    >>> epoch_ticks(4000)
    [0.0, 1.0, 10.0, 100.0, 1000.0, 4000.0]
    """
    powers = [10.0**k for k in range(int(np.log10(max(last, 1.0)) + 1e-9) + 1)]
    return [0.0, *powers, *([float(last)] if last >= 3 * powers[-1] else [])]


def format_count(value: float) -> str:
    """Write a number of epochs or examples.

    >>> format_count(4000.0), format_count(0.0), format_count(3481.0)
    ('4,000', '0', '3,481')
    """
    return f"{value:,.0f}" if value >= 1 or value == 0 else f"{value:g}"


def value_axis(axes: Axes, ticks: Mapping[float, str], *, log: bool) -> None:
    """Tick a swept axis at exactly its values: position -> label."""
    values, labels = sorted(ticks), [ticks[value] for value in sorted(ticks)]
    if log:
        axes.set_xscale("log", base=2)
    axes.xaxis.set_major_locator(FixedLocator(list(values)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticklabels(labels)
    if log:
        margin = max((values[-1] / values[0]) ** 0.1, 1.2)
        axes.set_xlim(values[0] / margin, values[-1] * margin)


def figure_legend(figure: Figure, axes: Iterable[Axes]) -> None:
    """Put one legend above all panels, out of the way of what they show; each series once."""
    series: dict[str, Any] = {}
    for ax in axes:
        for handle, label in zip(*ax.get_legend_handles_labels(), strict=True):
            series.setdefault(label, handle)
    if series:
        most = min(len(series), max(1, int(figure.get_figwidth() / 1.3)))
        figure.legend(series.values(), series.keys(), loc="outside upper center", ncols=most)


def dodge(place: int, n: int, span: float) -> float:
    """Return the factor that moves series `place` of `n` aside on a log axis, so that intervals stay apart.

    `span` is the ratio of the axis' ends; a step is 2 % of its length.
    """
    return float(max(span, 2.0) ** (0.02 * (place - (n - 1) / 2)))


def interval_of(rows: Iterable[Row], name: str) -> tuple[list[float], list[float], list[float]]:
    """Return means, low ends and high ends of an interval of a findings table."""
    listed = list(rows)
    return (
        [r[name] for r in listed],
        [r[f"{name}_low"] for r in listed],
        [r[f"{name}_high"] for r in listed],
    )


def draw_band(axes: Axes, band: Band, look: Look, label: str | None = None) -> None:
    """Draw a mean over seeds as a line and its interval as a band."""
    axes.plot(band.epochs, band.mean, label=label, **look.line())
    if np.isfinite(band.low).any():
        axes.fill_between(
            band.epochs, band.low, band.high, color=look.color, alpha=0.18, linewidth=0
        )


def draw_points(
    axes: Axes,
    x: Sequence[float],
    mean: Sequence[float],
    low: Sequence[float],
    high: Sequence[float],
    look: Look,
    *,
    label: str | None = None,
    hollow: bool = False,
) -> None:
    """Draw means with their intervals as error bars, joined by a line; unknown intervals as points alone.

    What stands beside the main thing (a control, a further regime) is hollow, its line thin and dotted.
    """
    means = np.asarray(mean, float)
    below = np.nan_to_num(means - np.asarray(low, float))
    above = np.nan_to_num(np.asarray(high, float) - means)
    axes.errorbar(
        np.asarray(x, float),
        means,
        yerr=np.stack([below, above]),
        label=label,
        elinewidth=0.8,
        markerfacecolor="white" if hollow else look.color,
        **{**look.points(), **({"linestyle": ":", "linewidth": 0.7} if hollow else {})},
    )


def write(figure: Figure, path_stem: str | Path, file_format: str) -> Path:
    """Write one file without date or version in it."""
    path = Path(f"{path_stem}.{file_format}")
    path.parent.mkdir(parents=True, exist_ok=True)
    metadata: dict[str, Any] = {
        "png": {"Software": None},
        "svg": {"Date": None, "Creator": None},
        "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    }[file_format]
    with styled():
        figure.savefig(path, format=file_format, metadata=metadata)
    return path
