"""`infosweep bench`: this machine's speed beside an ordinary PyTorch loop, as ratios in one run."""

from __future__ import annotations

import click

from infosweep.cli import output
from infosweep.cli.ending import say
from infosweep.cli.options import formats, verb


@verb("bench", example="infosweep bench\ninfosweep bench --json")
@click.option(
    "--seconds",
    type=click.FloatRange(min=1),
    default=20.0,
    show_default=True,
    metavar="SECONDS",
    help="Time to measure for, compilation apart.",
)
@formats("table", "json")
def bench(seconds: float, output_format: str) -> None:
    """Measure this machine: a network's step and its information, beside PyTorch and numpy.

    The network is 12-10-7-5-4-3-2, tanh, batch 256, Adam. Every way is timed in turns in this process on
    all cores, the PyTorch loops with the number of threads that suits them best.
    """
    from infosweep.bench import measure

    say(f"measuring for about {seconds:.0f} s; other work on this machine disturbs the figures")
    facts = measure(seconds)
    if output_format == "json":
        output.write_json(facts)
        return
    output.write_rows(
        ("what", "value"),
        [(name.replace("_", " "), value) for name, value in facts.items()],
        "table",
    )
