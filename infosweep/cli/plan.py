"""`infosweep plan`: what a run would do, and what it would cost, without running."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from infosweep.cli import complete, output
from infosweep.cli.options import formats, set_option, store_option, verb
from infosweep.units import count, format_bytes, format_duration

if TYPE_CHECKING:
    from infosweep.plan import Plan
    from infosweep.plan.trial import Trial


@verb(
    "plan",
    example="infosweep plan sweeps/quickstart.yaml\n"
    "infosweep plan sweeps/depth.yaml --set seeds=16 --json",
)
@click.argument("study", metavar="STUDY.yaml", shell_complete=complete.files)
@store_option
@set_option
@click.option(
    "--workers", type=click.IntRange(min=1), metavar="N", help="Plan for N workers.  [all cores]"
)
@formats("table", "json")
def plan(
    study: str, store: str, overrides: tuple[str, ...], workers: int | None, output_format: str
) -> None:
    """Tell cells, trials, packs, what is done, and the cost, without running.

    Nothing is written, and torch and Ray are not even loaded. `done` trials are trained and stored, diverged
    ones among them. In JSON `seconds` is all of the time, the start of Ray (`start_seconds`) included.
    """
    from infosweep.api import Study, usable_cores

    workers = workers or usable_cores()
    planned = Study.load(study, overrides).plan(store=store, workers=workers)
    facts = _facts(planned, workers)
    if output_format == "json":
        output.write_json(facts)
        return
    for name, text in _lines(planned, facts):
        click.echo(f"{name:<13}{text}")


def _facts(planned: Plan, workers: int) -> dict[str, Any]:
    to_run = sum(len(pack.trials) for pack in planned.packs)
    return {
        "study": planned.study.name,
        "cells": len(planned.cells),
        "trials": len(planned.trials),
        "packs": len(planned.packs),
        "done": planned.done,
        "to_run": to_run,
        "failed": planned.failed,
        "other": planned.other,
        "workers": workers,
        "seconds": planned.estimate.seconds,
        "start_seconds": planned.estimate.start_seconds,
        "memory_bytes": planned.estimate.memory_bytes,
        "bytes": planned.estimate.store_bytes,
        "longest_pack": max((len(pack.trials) for pack in planned.packs), default=0),
        "notes": list(planned.notes),
    }


def _lines(planned: Plan, facts: dict[str, Any]) -> list[tuple[str, str]]:
    trials = f"{facts['trials']}: {facts['done']} done, {facts['to_run']} to run"
    if facts["failed"]:
        trials += f" ({facts['failed']} failed before)"
    if facts["other"]:
        trials += f"; {facts['other']} in the store are not part of this study"
    lines = [
        ("study", facts["study"]),
        *(
            ("axis", f"{name} {_values(values)}")
            for name, values in planned.study.axes.items()
            if values != (None,)  # a network of the user's own has no depth
        ),
        ("cells", f"{facts['cells']:,} x {count(len(planned.study.seeds), 'seed')}"),
        ("trials", trials),
    ]
    if planned.packs:
        lines += [
            ("packs", f"{facts['packs']}, the longest of {count(facts['longest_pack'], 'trial')}"),
            ("time", time_text(planned, facts["workers"])),
            ("memory", f"about {format_bytes(facts['memory_bytes'])}"),
            ("store", f"about {format_bytes(facts['bytes'])}"),
        ]
    if planned.trials:
        lines += [
            ("first trial", _trial(planned.trials[0])),
            ("last trial", _trial(planned.trials[-1])),
        ]
    return lines + [("note", note) for note in planned.notes]


def time_text(planned: Plan, workers: int, executor: str = "ray") -> str:
    """How long the training takes, and what comes before it."""
    from infosweep.api import kernels_compiled

    estimate = planned.estimate
    text = f"about {format_duration(estimate.training_seconds)} of training on {count(workers, 'core')}"
    if executor == "ray":
        text += f", plus about {format_duration(estimate.start_seconds)} to start Ray"
    if not kernels_compiled():
        text += ", plus about 20s to compile, this once"
    return text


def _values(values: tuple[Any, ...]) -> str:
    return ", ".join(f"{value:g}" if isinstance(value, float) else str(value) for value in values)


def _trial(trial: Trial) -> str:
    batch = "full" if trial.full_batch else trial.batch_size
    further = "".join(f"{name} {output.cell(value)}, " for name, value in trial.extra.items())
    return (
        f"{trial.n_train} examples, batch {batch}, depth {output.cell(trial.depth)}, "
        f"label noise {trial.label_noise:g}, {further}seed {trial.seed}, {trial.n_steps} steps"
    )
