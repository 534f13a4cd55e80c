"""The way in: one small file a verb, loaded when it is asked for; exit codes; errors as people read them."""

from __future__ import annotations

import difflib
from importlib import import_module

import click

from infosweep import __version__
from infosweep.cli.ending import State, end
from infosweep.cli.options import debug_option

# Each verb is the function of this name in the module of this name.
VERBS = (
    "plan", "run", "status", "logs", "query", "findings", "plot", "clean", "doctor", "schema", "bench",
)  # fmt: skip


class Verbs(click.Group):
    """The verbs, in the order in which a newcomer needs them, imported one by one."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Names of all verbs."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The verb of this name, from its own module."""
        if cmd_name not in VERBS:
            return None
        return getattr(import_module(f"infosweep.cli.{cmd_name}"), cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The verb that the arguments begin with; an unknown one is answered with the nearest."""
        if args and not args[0].startswith("-") and args[0] not in VERBS:
            near = difflib.get_close_matches(args[0], VERBS, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise click.UsageError(f"no such command {args[0]!r}{hint}", ctx)
        return super().resolve_command(ctx, args)


@click.command(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="%(prog)s %(version)s")
@debug_option
def infosweep() -> None:
    """Sweep batch size, data size, depth and label noise of small networks.

    Measures what every layer knows of input and label, and tests claims over many seeds.

    \b
    Start with:
      infosweep plan sweeps/quickstart.yaml    what would be run, and how long it takes
      infosweep run sweeps/quickstart.yaml     run it; run again to continue
      infosweep findings quickstart            what it shows, with intervals and verdicts

    Data goes to stdout, talk to stderr. Exit codes: 0 done, 1 finished with failed trials, 2 wrong usage or
    study, 3 nothing found, 4 cluster, 5 over a limit, 6 store damaged, locked, full or not writable,
    129/130/143 interrupted.
    """


def main(args: list[str] | None = None) -> None:
    """Run the command line and leave with its exit code."""
    state = State()
    end(
        state, lambda: infosweep.main(args, prog_name="infosweep", standalone_mode=False, obj=state)
    )
