"""What results look like: tables in, matplotlib figures out; nothing is computed here.

A figure is one module with `draw(grid: Grid) -> matplotlib.figure.Figure`. A new figure is that file and a line
in `FIGURES`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from infosweep.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from matplotlib.figure import Figure

    from infosweep.aggregation.frames import Frames
    from infosweep.study.settings import StudySettings

FIGURES = {
    "overcompression": "infosweep.figures.overcompression",
    "depth_benefit": "infosweep.figures.depth_benefit",
    "batch_size": "infosweep.figures.batch_size",
    "label_noise": "infosweep.figures.label_noise",
    "information_plane": "infosweep.figures.information_plane",
    "curves": "infosweep.figures.curves",
}
FORMATS = ("png", "svg", "pdf")

# The axis that a figure runs along; it suits studies in which that axis varies.
_ALONG = {
    "overcompression": "train_size",
    "depth_benefit": "depth",
    "batch_size": "batch_size",
    "label_noise": "label_noise",
}


def figure(name: str, frames: Frames, study: StudySettings) -> Figure:
    """Draw one figure of a study.

    Args:
        name: a key of `FIGURES`.
        frames: the study's tables.
        study: the study; rows of trials that it does not ask for are left out.

    Returns:
        A figure that belongs to no pyplot state. Where the tables hold nothing to draw, it says so in words.

    Raises:
        UsageError: there is no such figure.
    """
    from infosweep.aggregation.grid import grid_of
    from infosweep.figures.style import styled

    if name not in FIGURES:
        raise UsageError(f"no figure '{name}'", f"available: {', '.join(FIGURES)}")
    with styled():
        return import_module(FIGURES[name]).draw(grid_of(frames, study))


def figures_for(study: StudySettings) -> list[str]:
    """Return the figures that suit a study's axes, in the order of `FIGURES`."""
    return [
        name for name in FIGURES if name not in _ALONG or len(study.axes.get(_ALONG[name], ())) > 1
    ]


def save(figure: Figure, path_stem: str | Path, formats: Sequence[str] = ("png",)) -> list[Path]:
    """Write a figure as `{path_stem}.{format}`; the same figure gives the same bytes.

    Args:
        figure: what `figure` returned.
        path_stem: path without ending; its folder is made if need be.
        formats: of png, svg, pdf.

    Returns:
        The paths written.

    Raises:
        UsageError: a format is not one of the three.
    """
    from infosweep.figures.style import write

    wrong = [each for each in formats if each not in FORMATS]
    if wrong:
        raise UsageError(f"no figure format '{wrong[0]}'", f"available: {', '.join(FORMATS)}")
    return [write(figure, path_stem, each) for each in formats]
