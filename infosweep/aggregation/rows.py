"""What a finding's table looks like, and how intervals become verdicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd

from infosweep.aggregation.grid import Cell, Grid, format_value
from infosweep.aggregation.statistics import ALPHA, MIN_SEEDS, Interval, holm
from infosweep.study.settings import FOUR_AXES

Row = dict[str, Any]
Verdict = Literal["supported", "contradicted", "undecided"]

COLUMNS = (
    "finding",
    "claim",
    "cell",
    "verdict",
    "effect",
    "low",
    "high",
    "p",
    "n_seeds",
    "flips_under",
    "counter_test",
    "unit",
    "margin",
    "n_left_out",
    "note",
    *FOUR_AXES,
)
_TEXT = frozenset(
    {
        "finding",
        "claim",
        "cell",
        "verdict",
        "flips_under",
        "counter_test",
        "unit",
        "note",
        "batch_size",
    }
)
_COUNTS = frozenset({"n_seeds", "n_left_out"})

ADD_CONTROL = "there is no control: add `label_noise: 1.0` to the study's axes"
NOTHING_TO_LEARN = "the study has label_noise 1 alone: there is nothing to learn"


def by_interval(interval: Interval, margin: float = 0.0) -> Verdict:
    """Return the verdict of a claim: its interval against the margin; undecided below 6 seeds.

    >>> by_interval(Interval(0.2, 0.1, 0.3, 0.01, 8)), by_interval(Interval(0.2, 0.1, 0.3, 0.01, 5))
    ('supported', 'undecided')
    """
    if interval.n < MIN_SEEDS or not np.isfinite(interval.low):
        return "undecided"
    if interval.low > margin:
        return "supported"
    return "contradicted" if interval.high < margin else "undecided"


def by_holm(intervals: Sequence[Interval | None]) -> list[tuple[Verdict, float]]:
    """Return verdict and Holm's p of each cell; None, and cells with fewer than 6 seeds, stay out of the family.

    The intervals carry their p against the finding's margin, which is 0 for all that compare cells.
    """
    raw = [i.p if i is not None and i.n >= MIN_SEEDS else np.nan for i in intervals]
    verdicts: list[tuple[Verdict, float]] = []
    for interval, p in zip(intervals, holm(raw).tolist(), strict=True):
        verdict: Verdict = "undecided"
        if interval is not None and p <= ALPHA:
            verdict = "supported" if interval.mean > 0 else "contradicted"
        verdicts.append((verdict, p))
    return verdicts


def few_seeds(n: int) -> str:
    """Say that too few seeds are there; empty where they suffice."""
    if n >= MIN_SEEDS:
        return ""
    seeds = "no seed has" if n == 0 else ("one seed has" if n == 1 else f"{n} seeds have")
    return f"{seeds} finished here; {MIN_SEEDS} are needed"


def left_out(n: int) -> str:
    """Say how many seeds are missing; empty where none is."""
    return "" if n <= 0 else f"{n} seed{'s' if n > 1 else ''} missing or diverged, left out"


def notes(*parts: str) -> str:
    """Join what there is to say."""
    return "; ".join(dict.fromkeys(part for part in parts if part))


def interval_columns(name: str, interval: Interval) -> dict[str, float]:
    """Return `{name}`, `{name}_low`, `{name}_high` of an interval."""
    return {name: interval.mean, f"{name}_low": interval.low, f"{name}_high": interval.high}


def cell_columns(grid: Grid, cell: Cell) -> dict[str, Any]:
    """Return a row's cell and its axes, one a column; batch_size as text, since it may be `full`."""
    axes = {
        name: value for name, value in cell.axes.items() if name in FOUR_AXES or name in grid.varied
    }
    return {"cell": grid.label(cell), **axes, "batch_size": format_value(cell.axes["batch_size"])}


def table(finding: str, claim: str | None, rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Make a finding's table: the columns that all findings have, then its own, in a fixed order and type."""
    further = list(dict.fromkeys(name for row in rows for name in row if name not in COLUMNS))
    columns: dict[str, pd.Series] = {}
    for name in (*COLUMNS, *further):
        values = [row.get(name) for row in rows]
        if name == "finding":
            values = [finding] * len(rows)
        elif name == "claim":
            values = [claim] * len(rows)
        columns[name] = _column(name, values)
    return pd.DataFrame(columns)


def by_cell(findings: pd.DataFrame) -> dict[str, Row]:
    """Return the rows of cells by their label."""
    return {str(row["cell"]): row for row in _dicts(findings) if row["cell"] is not None}


def _dicts(findings: pd.DataFrame) -> list[Row]:
    return [
        {str(name): value for name, value in row.items()} for row in findings.to_dict("records")
    ]


def concatenate(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Put findings under each other; a column that a finding lacks is null in its rows."""
    rows = [row for each in tables for row in _dicts(each)]
    names = list(
        dict.fromkeys((*COLUMNS, *(str(name) for each in tables for name in each.columns)))
    )
    return pd.DataFrame({name: _column(name, [row.get(name) for row in rows]) for name in names})


def _column(name: str, values: list[Any]) -> pd.Series:
    if name in _COUNTS:
        return pd.Series([0 if value is None else int(value) for value in values], dtype="int64")
    text = name in _TEXT or any(isinstance(value, str | list | bool) for value in values)
    return pd.Series(values, dtype="object" if text else "float64")


def records(findings: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a findings table as plain rows that JSON can hold: null for what is not known.

    >>> records(table("capacity", None, [{"cell": "depth=5", "effect": float("nan")}]))[0]["effect"] is None
    True
    """
    return [
        {str(name): _plain(value) for name, value in row.items()}
        for row in findings.to_dict("records")
    ]


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not np.isfinite(value) else value
