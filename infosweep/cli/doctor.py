"""`infosweep doctor`: whether this machine and the store are fit for a run; sets damaged files aside."""

from __future__ import annotations

import os
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from infosweep.cli import complete, output
from infosweep.cli.ending import say
from infosweep.cli.options import formats, store_option, verb

if TYPE_CHECKING:
    from infosweep.sweep.doctor import Check

_COLOURS = {"ok": "green", "warning": "yellow", "failed": "red"}


@verb(
    "doctor",
    example="infosweep doctor\n"
    "infosweep doctor sweeps/data_size_full.yaml --ray\n"
    "infosweep doctor --repair quickstart",
)
@click.argument("study", required=False, shell_complete=complete.studies_and_files)
@click.option("--ray", is_flag=True, help="Start Ray for real, too; takes 10 s and more.")
@click.option(
    "--repair", is_flag=True, help="Set damaged and foreign files aside, in _meta/damaged."
)
@store_option
@formats("table", "json")
def doctor(study: str | None, ray: bool, repair: bool, store: str, output_format: str) -> int:
    """Check this machine and the store: versions, space, limits, every file of every table.

    STUDY is a study file or the name of a study in the store: then there must be space for its plan, and
    only its files are looked at. Damaged are files that are not what was committed; with --repair their
    packs are set aside, and the next run makes them again.

    Exit code: 0 all is well, 6 the store, 4 Ray, 1 the installation; warnings do not count.
    """
    from infosweep.api import doctor as diagnose
    from infosweep.sweep.doctor import exit_code_of

    if ray:
        say("Ray is started last, which takes 10 s and more")
    checks = []
    for check in diagnose(store, study, ray=ray, repair=repair):
        checks.append(check)
        if output_format == "table":
            _print(check)
    code = exit_code_of(checks)
    if output_format == "json":
        output.write_json({"exit_code": code, "checks": [asdict(check) for check in checks]})
    return code


def _print(check: Check) -> None:
    colour = None if os.environ.get("NO_COLOR") else _COLOURS[check.result]
    click.echo(f"{click.style(f'{check.result:<8}', fg=colour)} {check.name:<14} {check.found}")
    for fault in check.faults:
        click.echo(f"{'':<24}{fault.path}: {fault.kind}: {fault.reason}")
    if check.mend:
        click.echo(f"{'':<24}mend: {check.mend}")
