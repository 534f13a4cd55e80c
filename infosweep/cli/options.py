"""Options that verbs share, and the class of a verb: help with an example, --debug anywhere."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click

from infosweep.cli import complete
from infosweep.cli.ending import State, reader_left

Function = Callable[..., Any]


def _set_debug(ctx: click.Context, _parameter: click.Parameter, value: bool) -> None:
    state = ctx.find_object(State)
    if value and state is not None:
        state.debug = True


debug_option = click.option(
    "--debug",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_set_debug,
    help="Show the traceback of an error.",
)


class Verb(click.Command):
    """A verb whose help ends with an example."""

    def __init__(self, *args: Any, example: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.example = example

    def invoke(self, ctx: click.Context) -> Any:
        """Run the verb; click would make exit code 1 of a reader that leaves, as in `… | head`."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            return reader_left()

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the example under the options."""
        with formatter.section("Example"):
            for line in self.example.splitlines():
                formatter.write(f"{'':>{formatter.current_indent}}{line}\n")


def verb(name: str, *, example: str) -> Callable[[Function], Verb]:
    """Declare a verb: a click command of this name, whose help shows `example`."""

    def declare(function: Function) -> Verb:
        command = click.command(
            name,
            cls=Verb,
            example=example,
            context_settings={"help_option_names": ["-h", "--help"]},
        )
        return command(debug_option(function))

    return declare


store_option = click.option(
    "--store",
    default="results",
    show_default=True,
    metavar="STORE",
    shell_complete=complete.folders,
    help="Folder, or prefix such as s3://bucket/path, that holds results.",
)

set_option = click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="FIELD=VALUE",
    help="Change a field of the study, as in --set axes.depth=[1,2]; may be repeated.",
)


def formats(*names: str) -> Callable[[Function], Function]:
    """Add `-o FORMAT` with these choices, the first by default, and `--json` for `-o json`."""

    def decorate(function: Function) -> Function:
        @functools.wraps(function)
        def merged(*args: Any, as_json: bool, output_format: str | None, **kwargs: Any) -> Any:
            if as_json and output_format not in {None, "json"}:
                raise click.UsageError(f"--json is -o json; it cannot go with -o {output_format}")
            chosen = "json" if as_json else output_format or names[0]
            return function(*args, output_format=chosen, **kwargs)

        json_option = click.option("--json", "as_json", is_flag=True, help="The same as -o json.")
        format_option = click.option(
            "-o",
            "--format",
            "output_format",
            type=click.Choice(names),
            help=f"Form of the output; {names[0]} by default.",
        )
        return format_option(json_option(merged))

    return decorate
