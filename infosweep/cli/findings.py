"""`infosweep findings`: what a study shows, with effect, interval and verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from infosweep.cli import output
from infosweep.cli.options import formats, store_option, verb

if TYPE_CHECKING:
    import pandas as pd

# What fits on a line; every other format has all columns.
_SHOWN = (
    "finding",
    "claim",
    "cell",
    "verdict",
    "effect",
    "interval",
    "p",
    "n_seeds",
    "flips_under",
)


@verb("findings", example="infosweep findings quickstart\ninfosweep findings data-size -o csv")
@click.argument("name")
@store_option
@formats("table", "csv", "json", "parquet")
def findings(name: str, store: str, output_format: str) -> None:
    """Print the findings of a study: effect, 95 % interval over seeds, verdict.

    The row without a cell carries the verdict on the claim. `flips_under` names the alternatives under
    which the verdict would change.
    """
    import infosweep.api as api

    verdicts = api.open(store, name).verdicts()
    if output_format == "table":
        click.echo(findings_text(verdicts), nl=False)
        return
    import pyarrow as pa

    output.write_table(pa.Table.from_pandas(verdicts, preserve_index=False), output_format)


def findings_text(verdicts: pd.DataFrame) -> str:
    """The findings as text that fits on a line each, and what there is to say about each claim."""
    rows = verdicts.to_dict("records")
    notes = [
        f"{row['finding']}: {row['note']}"
        for row in rows
        if not isinstance(row["cell"], str) and row["note"]
    ]
    text = output.aligned(_SHOWN, [_shown(row) for row in rows])
    return text + "".join(f"\n{note}" for note in ["", *notes] if notes)


def _shown(row: dict[str, Any]) -> tuple[Any, ...]:
    numbers = {key: output.plain(row[key]) for key in ("effect", "low", "high", "p")}
    interval = None
    if numbers["low"] is not None and numbers["high"] is not None:
        interval = f"[{numbers['low']:+.3f}, {numbers['high']:+.3f}]"
    return (
        row["finding"],
        row["claim"] if isinstance(row["claim"], str) else "-",
        row["cell"] if isinstance(row["cell"], str) else "(claim)",
        row["verdict"],
        "-" if numbers["effect"] is None else f"{numbers['effect']:+.3f}",
        interval or "-",
        "-" if numbers["p"] is None else f"{numbers['p']:.2g}",
        row["n_seeds"],
        ", ".join(row["flips_under"]) or "-",
    )
