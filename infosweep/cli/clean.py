"""`infosweep clean`: delete a study, or its failures only, after asking."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from infosweep.cli import complete, output
from infosweep.cli.ending import say
from infosweep.cli.options import formats, store_option, verb
from infosweep.errors import UsageError
from infosweep.units import format_bytes

if TYPE_CHECKING:
    from infosweep.store.clean import Contents


@verb("clean", example="infosweep clean quickstart\ninfosweep clean quickstart --failures --yes")
@click.argument("name", shell_complete=complete.studies)
@click.option(
    "--failures", is_flag=True, help="Only what is kept of failed trials; they are run again."
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@store_option
@formats("table", "json")
def clean(name: str, failures: bool, yes: bool, store: str, output_format: str) -> None:
    """Delete a study from the store, or its failures only; asks first.

    Nothing outside the study's folder is touched, and nothing at all while a run is at work on it. What
    is deleted cannot be brought back but by running the study again.
    """
    import infosweep.api as api

    results = api.open(store, name)
    found = results.contents(failures_only=failures)
    if not found.files:
        say(f"{found.study}: nothing to delete")
    elif not yes and not _agreed(found, failures):
        say("nothing was deleted")
        return
    else:
        found = results.clean(failures_only=failures)
        say(f"deleted {_told(found, failures)}")
    if output_format == "json":
        output.write_json(asdict(found))


def _agreed(found: Contents, failures: bool) -> bool:
    if not sys.stdin.isatty():
        raise UsageError(
            f"clean would delete {_told(found, failures)}, and there is no terminal to ask at",
            "say --yes to delete it",
        )
    return click.confirm(f"delete {_told(found, failures)}?", err=True)


def _told(found: Contents, failures: bool) -> str:
    size = f"{found.files} files, {format_bytes(found.size_bytes)}"
    if failures:
        return f"the failures of {found.failed} trials of {found.where}: {size}"
    return f"{found.where} with {found.done} trials done: {size}"
