"""What the shell offers after Tab, beside verbs and options: studies, figures, files.

A Tab must answer at once and may never fail or wait for a network: what cannot be told is not offered.
"""

from __future__ import annotations

import click
from click.shell_completion import CompletionItem

from infosweep.errors import InfosweepError


def studies(ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Names of studies in the store that the line names so far; none of a bucket's."""
    from infosweep.api import DEFAULT_STORE, study_names

    store = ctx.params.get("store") or DEFAULT_STORE
    if "://" in store:
        return []
    try:
        return [name for name in study_names(store) if name.startswith(incomplete)]
    except (InfosweepError, OSError):
        return []


def studies_and_files(
    ctx: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Names of studies, and what the shell finds of files."""
    names = [CompletionItem(name) for name in studies(ctx, parameter, incomplete)]
    return [*names, *files(ctx, parameter, incomplete)]


def files(
    _ctx: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """What the shell finds of files."""
    return [CompletionItem(incomplete, type="file")]


def folders(
    _ctx: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """What the shell finds of folders."""
    return [CompletionItem(incomplete, type="dir")]


def figures(ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Names of figures that the line does not have yet."""
    from infosweep.figures import FIGURES

    taken = ctx.params.get("figures") or ()
    return [name for name in FIGURES if name.startswith(incomplete) and name not in taken]
