"""`infosweep findings`: what a study shows, with effect, interval and verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from infosweep.cli import complete, output
from infosweep.cli.ending import say
from infosweep.cli.options import formats, store_option, verb

if TYPE_CHECKING:
    import pandas as pd

NO_FINDING = (
    "no finding applies: add values to axes.train_size (overcompression), axes.depth (depth_benefit), "
    "axes.batch_size (batch_information) or axes.label_noise (label_noise_effect)"
)

# What fits on a line; every other format has all columns.
_SHOWN = (
    "finding", "claim", "cell", "verdict", "effect", "95 % interval", "unit", "p", "seeds", "flips under",
)  # fmt: skip


@verb("findings", example="infosweep findings quickstart\ninfosweep findings data-size -o csv")
@click.argument("name", shell_complete=complete.studies)
@store_option
@formats("table", "csv", "json", "parquet")
def findings(name: str, store: str, output_format: str) -> None:
    """Print the findings of a study: effect, 95 % interval over seeds, verdict.

    The row without a cell carries the verdict on the claim. `flips_under` names the alternatives under
    which the verdict would change.
    """
    import infosweep.api as api

    verdicts = api.open(store, name).verdicts()
    if verdicts.empty:
        say(NO_FINDING)
    if output_format == "table":
        click.echo(findings_text(verdicts), nl=False)
        return
    if output_format == "json":
        output.write_objects(findings_records(verdicts))
        return
    import pyarrow as pa

    output.write_table(pa.Table.from_pandas(verdicts, preserve_index=False), output_format)


def findings_records(verdicts: pd.DataFrame) -> list[dict[str, Any]]:
    """The findings as JSON's objects, each with the keys that all findings have and those of its own."""
    from infosweep.aggregation.rows import COLUMNS, records

    rows = records(verdicts)
    own: dict[str, set[str]] = {}
    for row in rows:
        known = {key for key, value in row.items() if value is not None}
        own.setdefault(row["finding"], set(COLUMNS)).update(known)
    return [{key: row[key] for key in row if key in own[row["finding"]]} for row in rows]


def findings_text(verdicts: pd.DataFrame, *, claims_only: bool = False) -> str:
    """The findings as text that fits on a line each, and what there is to say about each claim.

    Cells that others are compared with have no effect of their own; their rows are left out here.
    """
    if verdicts.empty:
        return ""
    rows = verdicts.to_dict("records")
    claims = [row for row in rows if not isinstance(row["cell"], str)]
    shown = [row for row in rows if row in claims or output.plain(row["effect"]) is not None]
    notes = [f"note: {row['finding']}: {row['note']}\n" for row in claims if row["note"]]
    text = output.aligned(_SHOWN, [_shown(row) for row in (claims if claims_only else shown)])
    return text + "".join(notes)


def _shown(row: dict[str, Any]) -> tuple[Any, ...]:
    effect, low, high, p = (output.plain(row[key]) for key in ("effect", "low", "high", "p"))
    known = effect is not None and low is not None and high is not None
    return (
        row["finding"],
        row["claim"] or "-",
        row["cell"] or "(claim)",
        row["verdict"],
        "-" if effect is None else f"{effect:+.3g}",
        f"[{low:+.3g}, {high:+.3g}]" if known else "-",
        row["unit"] or "-",
        "-" if p is None else f"{p:.2g}",
        row["n_seeds"],
        ", ".join(row["flips_under"]) or "-",
    )
