"""`infosweep logs`: why trials failed, grouped by cause, the newest first."""

from __future__ import annotations

from textwrap import indent
from typing import Any

import click

from infosweep.cli import complete, output
from infosweep.cli.ending import say
from infosweep.cli.options import formats, store_option, verb

_SHOWN = 4  # packs that are named on a line


@verb("logs", example="infosweep logs quickstart\ninfosweep logs quickstart 1f0c --json")
@click.argument("name", shell_complete=complete.studies)
@click.argument("which", required=False, metavar="[PACK|TRIAL]")
@store_option
@formats("table", "json")
def logs(name: str, which: str | None, store: str, output_format: str) -> None:
    """Print why trials failed: error and traceback once per cause, with counts, the newest first.

    PACK or TRIAL, by its id or the beginning of it, narrows it down. Where nothing failed nothing is
    printed, and the exit code is 0.
    """
    import infosweep.api as api

    causes = api.open(store, name).logs(which)
    if not causes:
        say(f"{name}: nothing failed" + (f" in {which}" if which else ""))
    if output_format == "json":
        output.write_json(causes)
        return
    click.echo("\n".join(_text(cause) for cause in causes), nl=False)


def _text(cause: dict[str, Any]) -> str:
    n_trials, n_open = len(cause["trials"]), len(cause["open"])
    since = "none done since" if n_open == n_trials else f"{n_trials - n_open} done since"
    packs = ", ".join(cause["packs"][:_SHOWN])
    if len(cause["packs"]) > _SHOWN:
        packs += f" and {len(cause['packs']) - _SHOWN} more"
    head = (
        f"{cause['error_kind']}: {cause['error']}\n"
        f"  {_count(cause['failures'], 'failure')} of {_count(n_trials, 'trial')}, {since}; "
        f"last {cause['last_at']:%Y-%m-%d %H:%M:%S} UTC on {', '.join(cause['hosts'])}\n"
        f"  packs {packs}\n"
    )
    return head + indent(cause["log"].rstrip("\n"), "    | ", lambda _: True) + "\n"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" + ("" if number == 1 else "s")
