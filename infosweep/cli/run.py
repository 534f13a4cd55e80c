"""`infosweep run`: run what the store lacks, then tell what it shows."""

from __future__ import annotations

import shlex
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from infosweep.cli import complete, output
from infosweep.cli.ending import State, say
from infosweep.cli.findings import NO_FINDING, findings_records, findings_text
from infosweep.cli.options import formats, set_option, store_option, verb
from infosweep.cli.plan import time_text
from infosweep.errors import ClusterError, InfosweepError, StoreError
from infosweep.units import count, format_duration

if TYPE_CHECKING:
    from infosweep.api import Results, Study
    from infosweep.plan import Plan
    from infosweep.sweep import RunSummary


@verb(
    "run",
    example="infosweep run sweeps/quickstart.yaml\n"
    "infosweep run sweeps/depth.yaml --set axes.depth=[1,2] --workers 1\n"
    "infosweep run sweeps/quickstart.yaml --failed-only",
)
@click.argument("study", metavar="STUDY.yaml", shell_complete=complete.files)
@store_option
@set_option
@click.option(
    "--workers", type=click.IntRange(min=1), metavar="N", help="Work on N cores.  [all cores]"
)
@click.option(
    "--address", metavar="ADDRESS", help="Use a running Ray cluster, as in auto.  [start one here]"
)
@click.option(
    "--executor",
    type=click.Choice(("ray", "inline")),
    default="ray",
    show_default=True,
    help="Ray, or threads in this process; the rows are the same.",
)
@click.option(
    "--failed-only", is_flag=True, help="Run only what failed before (an unfinished pack whole)."
)
@formats("table", "json")
@click.pass_obj
def run(
    state: State,
    study: str,
    store: str,
    overrides: tuple[str, ...],
    workers: int | None,
    address: str | None,
    executor: str,
    failed_only: bool,
    output_format: str,
) -> int:
    """Run what the store lacks; what is done is kept.

    Run it again to continue after an interrupt or a failure, or after adding seeds or values. At the end
    figures stand in STORE/NAME/figures, and the findings with their verdicts are printed.

    The first Ctrl-C finishes the packs that are running, the second aborts; nothing that is done is lost.
    """
    from infosweep.api import Study, usable_cores

    wanted = Study.load(study, overrides)
    planned = wanted.plan(store, workers=workers)
    say(_opening(planned, failed_only, usable_cores() if workers is None else workers, executor))
    state.resume = _command(study, store, overrides, workers, address, executor)
    try:
        results = wanted.run(
            store,
            executor=executor,  # type: ignore[arg-type] # one of the choices above
            workers=workers,
            address=address,
            failed_only=failed_only,
        )
    except (StoreError, ClusterError, KeyboardInterrupt):
        state.kept = _kept(wanted, store)
        raise
    summary = results.summary
    assert summary is not None  # Study.run always gives one
    state.kept = f"{summary.kept + summary.run} of {len(planned.trials)} trials are kept"
    closing = _closing(summary, state, wanted.name, store)
    if closing:
        say(closing)
    foreign = results.foreign_files
    if foreign:
        say(
            f"note: files that are not infosweep's are passed over: {', '.join(foreign)}; "
            "pandas and polars may stumble over them"
        )
    _report(results, summary, output_format)
    return summary.exit_code


def _opening(planned: Plan, failed_only: bool, workers: int, executor: str) -> str:
    packs = planned.again if failed_only else planned.packs
    to_run = sum(len(pack.trials) for pack in packs)
    text = f"{planned.study.name}: kept {planned.done}, to run {to_run}"
    if planned.failed:
        text += f", failed before {planned.failed}"
    if packs and not failed_only:
        text += f"; {time_text(planned, workers, executor)}"
    notes = list(planned.notes)
    if failed_only and to_run > planned.failed:
        notes.append(
            f"{count(to_run - planned.failed, 'trial')} that did not fail will run too: an unfinished pack "
            "is run whole"
        )
    return "\n".join([text, *(f"note: {note}" for note in notes)])


def _kept(wanted: Study, store: str) -> str | None:
    """What the store holds of a study that was broken off; None where it cannot be asked."""
    try:
        plan = wanted.plan(store)
    except (InfosweepError, OSError):
        return None
    return f"{plan.done} of {len(plan.trials)} trials are kept"


def _closing(summary: RunSummary, state: State, name: str, store: str) -> str:
    lines = []
    if summary.run or summary.failed:
        lines.append(f"{count(summary.run, 'trial')} in {format_duration(summary.seconds)}")
    if summary.diverged:
        lines.append(
            f"warning: {count(summary.diverged, 'trial')} diverged: their loss stopped being finite; "
            "findings leave them out and count them"
        )
    if summary.failed:
        query = f"infosweep query --study {name}{_at(store)}"
        lines.append(
            f'{count(summary.failed, "trial")} failed; see why: {query} "select error_kind, error, log '
            f'from failures"\nto run them again: {state.resume} --failed-only'
        )
    if _interrupted(summary):
        lines.append(f"interrupted; {state.kept}; to continue: {state.resume}")
    return "\n".join(lines)


def _interrupted(summary: RunSummary) -> bool:
    return summary.exit_code > 128


def _report(results: Results, summary: RunSummary, output_format: str) -> None:
    """Draw what is missing and print the findings; an interrupted run is left at once."""
    finished = not _interrupted(summary) and bool(summary.kept + summary.run)
    figures = _figures(results, summary) if finished else []
    if figures:
        say(f"figures: {', '.join(figures)}")
    if output_format == "json":
        facts: dict[str, Any] = {"study": results.name, **asdict(summary), "figures": figures}
        output.write_json(
            facts | {"findings": findings_records(results.verdicts()) if finished else []}
        )
    elif finished:
        verdicts = results.verdicts()
        if verdicts.empty:
            say(NO_FINDING)
            return
        click.echo(findings_text(verdicts, claims_only=True), nl=False)
        say(f"every cell: infosweep findings {results.name}" + _at(results.store))


def _figures(results: Results, summary: RunSummary) -> list[str]:
    """Draw what is missing; a store that can only be read has nothing new to draw that would matter."""
    try:
        return results.save_figures(keep_fresh=True)
    except StoreError as error:
        if summary.run:
            raise
        say(f"warning: figures are not drawn: {error.message}")
        return []


def _at(store: str) -> str:
    return "" if store == "results" else f" --store {shlex.quote(store)}"


def _command(
    study: str,
    store: str,
    overrides: tuple[str, ...],
    workers: int | None,
    address: str | None,
    executor: str,
) -> str:
    """The command that continues this run."""
    words = ["infosweep", "run", study]
    if store != "results":
        words += ["--store", store]
    for override in overrides:
        words += ["--set", override]
    if workers is not None:
        words += ["--workers", str(workers)]
    if address is not None:
        words += ["--address", address]
    if executor != "ray":
        words += ["--executor", executor]
    return shlex.join(words)
