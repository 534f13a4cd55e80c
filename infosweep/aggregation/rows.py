"""What a finding's table looks like, and how intervals become verdicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd

from infosweep.aggregation.grid import Cell, Grid, format_value
from infosweep.aggregation.statistics import (
    ALPHA,
    MIN_SEEDS,
    NOTHING,
    Bounds,
    Interval,
    clipped,
    holm,
)
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


NOT_CLEAR = "Holm's p is above .05"


class Judged(NamedTuple):
    """What is said of one cell: verdict, Holm's p, the effect, and why there is no verdict (or '')."""

    verdict: Verdict
    p: float
    effect: Interval
    note: str


def judge_cells(
    cells: Sequence[Cell],
    effects: Sequence[Interval | None],
    against: Sequence[str],
    margin: float = 0.0,
) -> dict[Cell, Judged]:
    """Judge the cells of a finding by Holm's p <= .05 and the sign of effect - margin.

    Args:
        cells: the cells.
        effects: of each cell, its t test against the margin included; None where a cell is not compared.
        against: of each cell, what stands against a verdict; '' where nothing does.
        margin: what effects are held against.

    Cells that are not compared or have fewer than 6 seeds stay out of the family; those with something against
    a verdict stay in, since what stands against it is known only from the data.
    """
    raw = [i.p if i is not None and i.n >= MIN_SEEDS else np.nan for i in effects]
    judged: dict[Cell, Judged] = {}
    for cell, effect, p, note in zip(cells, effects, holm(raw).tolist(), against, strict=True):
        shown = effect or NOTHING
        said = note or ("" if effect is None else few_seeds(shown.n))
        verdict: Verdict = "undecided"
        if not said and p <= ALPHA:
            verdict = "supported" if shown.mean > margin else "contradicted"
        elif not said:
            said = NOT_CLEAR
        judged[cell] = Judged(verdict, p, shown, said)
    return judged


def cell_row(
    grid: Grid,
    cell: Cell,
    judged: Mapping[Cell, Judged],
    alternatives: Mapping[str, Mapping[Cell, Judged]],
    n_own: int,
    **given: str,
) -> dict[str, Any]:
    """Return the columns that all findings have of one cell.

    Args:
        grid: the study.
        cell: the cell.
        judged: what is said of the cells.
        alternatives: name -> what an alternative says of them; those that say otherwise become flips_under.
        n_own: seeds that finished in the cell itself, for cells that are not compared.
        given: counter_test, unit, and a further note.
    """
    verdict, p, effect, note = judged[cell]
    missing = cell.n_planned - (effect.n or n_own)
    return {
        **cell_columns(grid, cell),
        "verdict": verdict,
        "effect": effect.mean,
        "low": effect.low,
        "high": effect.high,
        "p": p,
        "n_seeds": effect.n or n_own,
        "flips_under": [
            name for name, other in alternatives.items() if other[cell].verdict != verdict
        ],
        "counter_test": given["counter_test"],
        "unit": given["unit"],
        "margin": 0.0,
        "n_left_out": missing,
        "note": notes(note, given.get("note", ""), agree(effect), left_out(missing)),
    }


def few_seeds(n: int) -> str:
    """Say that too few seeds are there; empty where they suffice."""
    if n >= MIN_SEEDS:
        return ""
    seeds = "no seed has" if n == 0 else ("one seed has" if n == 1 else f"{n} seeds have")
    return f"{seeds} finished here; {MIN_SEEDS} are needed"


def agree(interval: Interval) -> str:
    """Say where all seeds have the same value, so that no interval is to be expected; empty elsewhere."""
    return (
        f"all {interval.n} seeds agree" if interval.n > 1 and interval.low == interval.high else ""
    )


def left_out(n: int) -> str:
    """Say how many seeds are missing; empty where none is."""
    return "" if n <= 0 else f"{n} seed{'s' if n > 1 else ''} missing or diverged, left out"


def notes(*parts: str) -> str:
    """Join what there is to say."""
    return "; ".join(dict.fromkeys(part for part in parts if part))


def interval_columns(
    name: str, interval: Interval, bounds: Bounds | None = None
) -> dict[str, float]:
    """Return `{name}`, `{name}_low`, `{name}_high` of an interval, its ends within `bounds`."""
    if bounds is not None:
        interval = clipped(interval, bounds)
    return {name: interval.mean, f"{name}_low": interval.low, f"{name}_high": interval.high}


def cell_columns(grid: Grid, cell: Cell) -> dict[str, Any]:
    """Return a row's cell and its axes, one a column; batch_size as text, since it may be `full`."""
    axes = {
        name: value for name, value in cell.axes.items() if name in FOUR_AXES or name in grid.varied
    }
    return {"cell": grid.label(cell), **axes, "batch_size": format_value(cell.axes["batch_size"])}


def table(finding: str, claim: str | None, rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Make a finding's table: the columns that all findings have, then its own, in a fixed order and type.

    A row that belongs to another claim than the table's, or to none, says so under `claim`.
    """
    further = list(dict.fromkeys(name for row in rows for name in row if name not in COLUMNS))
    columns: dict[str, pd.Series] = {}
    for name in (*COLUMNS, *further):
        values = [row.get(name) for row in rows]
        if name == "finding":
            values = [finding] * len(rows)
        elif name == "claim":
            values = [row.get("claim", claim) for row in rows]
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
