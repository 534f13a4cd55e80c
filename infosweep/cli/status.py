"""`infosweep status`: how far a study is, from what the store holds and who still reports."""

from __future__ import annotations

import click

from infosweep.cli import complete, output
from infosweep.cli.options import formats, store_option, verb


@verb("status", example="infosweep status\ninfosweep status quickstart --json")
@click.argument("name", required=False, shell_complete=complete.studies)
@store_option
@formats("table", "json")
def status(name: str | None, store: str, output_format: str) -> None:
    """Tell how many trials are done, diverged, failed, running and lost.

    Without NAME: of every study in the store. `done` trials are trained and stored, diverged ones among
    them: their loss stopped being finite. `lost` trials were begun by a worker that has not reported
    for 60 seconds; the next run takes them up.
    """
    from infosweep.api import statuses

    found = statuses(store, name)
    if output_format == "json":
        output.write_json(found[0] if name is not None else found)
        return
    columns = list(found[0]) if found else ["study"]
    output.write_rows(columns, [tuple(one.values()) for one in found], "table")
