"""`infosweep plot`: figures of a study as PNG, SVG or PDF."""

from __future__ import annotations

import click

from infosweep.cli import complete, output
from infosweep.cli.options import store_option, verb

FORMATS = ("png", "svg", "pdf")


def _split(_ctx: click.Context, _parameter: click.Parameter, value: str) -> tuple[str, ...]:
    names = tuple(part.strip().lower() for part in value.split(",") if part.strip())
    wrong = [name for name in names if name not in FORMATS]
    if wrong or not names:
        raise click.BadParameter(f"{value!r} is not a list of {', '.join(FORMATS)}")
    return names


@verb(
    "plot",
    example="infosweep plot quickstart\n"
    "infosweep plot information-plane information_plane --format svg,pdf --output figures",
)
@click.argument("name", shell_complete=complete.studies)
@click.argument("figures", metavar="[FIGURE]...", nargs=-1, shell_complete=complete.figures)
@click.option(
    "-f",
    "--format",
    "file_formats",
    default="png",
    show_default=True,
    callback=_split,
    metavar="png,svg,pdf",
    help="One or several of png, svg, pdf.",
)
@click.option(
    "--output",
    "folder",
    metavar="DIR",
    shell_complete=complete.folders,
    help="Folder for the files.  [the store's figures/]",
)
@click.option("--json", "as_json", is_flag=True, help="Print the list of files as JSON.")
@store_option
def plot(
    name: str,
    figures: tuple[str, ...],
    file_formats: tuple[str, ...],
    folder: str | None,
    as_json: bool,
    store: str,
) -> None:
    """Draw figures of a study, and print the paths of the files.

    FIGURE is overcompression, depth_benefit, batch_size, label_noise, information_plane or curves; without
    any, all that the study has data for.
    """
    import infosweep.api as api

    written = api.open(store, name).save_figures(figures, formats=file_formats, folder=folder)
    if as_json:
        output.write_json(written)
    else:
        for path in written:
            click.echo(path)
