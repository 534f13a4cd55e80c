"""The tables of one study as pandas frames, each read when it is first asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

Source = pd.DataFrame | Callable[[], pd.DataFrame]


@dataclass
class Frames:
    """The four tables that every run writes, with the columns of `infosweep.tables`.

    Each may be given as a frame or as a function that reads it; a function is called at most once, and
    only if a finding or a figure needs the table.

    >>> frames = Frames(trials=pd.DataFrame({"trial_id": ["a"]}), curves=lambda: pd.DataFrame())
    >>> len(frames.table("trials"))
    1
    """

    trials: Source
    curves: Source
    information: Source | None = None
    gradients: Source | None = None
    prepared: Any = field(default=None, init=False, repr=False, compare=False)  # see `grid.grid_of`

    def table(self, name: str) -> pd.DataFrame:
        """Return the table `name`; an empty frame where it was not given."""
        source = getattr(self, name)
        if source is None:
            return pd.DataFrame()
        if not isinstance(source, pd.DataFrame):
            source = source()
            setattr(self, name, source)
        return source
