"""How small multiples and series are named, and how a figure says what it holds fixed and leaves out."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

from infosweep.aggregation.grid import Cell, Grid, format_value

WORDS = {"train_size": "train size", "batch_size": "batch", "label_noise": "noise"}

Key = TypeVar("Key", bound=Hashable)


def axis_text(name: str, value: object) -> str:
    """Write an axis and its value as people read it.

    >>> axis_text("train_size", 0.04), axis_text("learning_rate", 0.001)
    ('train size 0.04', 'learning rate 0.001')
    """
    return f"{WORDS.get(name, name.replace('_', ' '))} {format_value(value)}"


def differing(grid: Grid, cells: Sequence[Cell]) -> list[str]:
    """Return the axes on which some of the cells differ."""
    return [name for name in grid.varied if len({cell.axes[name] for cell in cells}) > 1]


def panel_title(grid: Grid, cell: Cell, among: Sequence[Cell]) -> str:
    """Name a cell by the axes that tell it from the others drawn."""
    return textwrap.fill(", ".join(axis_text(n, cell.axes[n]) for n in differing(grid, among)), 30)


def shown_text(grid: Grid, cells: Sequence[Cell], *, averaged: Sequence[str] = ()) -> str:
    """Say what all drawn cells share, and how many of the study's cells they are; nothing where all are drawn."""
    differ = differing(grid, cells)
    same = [
        axis_text(n, cells[0].axes[n]) for n in grid.varied if n not in differ and n not in averaged
    ]
    held = f"At {', '.join(same)}. " if same and cells else ""
    return held + (
        "" if len(cells) == len(grid.cells) else f"{len(cells)} of {len(grid.cells)} cells shown."
    )


def grouped(cells: Sequence[Cell], key: Callable[[Cell], Key]) -> dict[Key, list[Cell]]:
    """Group cells by a key, in their order."""
    groups: dict[Key, list[Cell]] = {}
    for cell in cells:
        groups.setdefault(key(cell), []).append(cell)
    return groups
