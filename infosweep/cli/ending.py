"""How a command ends: every outcome becomes an exit code and, where something went wrong, words on stderr."""

from __future__ import annotations

import errno
import os
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

import click

from infosweep.errors import InfosweepError, UsageError

INTERRUPTED = 130


@dataclass
class State:
    """What a command leaves behind for its end."""

    debug: bool = False
    resume: str | None = None  # the command that continues what was broken off
    kept: str | None = None  # what is kept of it


def end(state: State, command: Callable[[], object]) -> NoReturn:
    """Run `command` and leave the process with the exit code of its outcome."""
    _survive_any_encoding()
    try:
        code = command()
        sys.stdout.flush()
    except BrokenPipeError:
        code = reader_left()
    except BaseException as error:  # the last place that can turn it into words
        if state.debug and not isinstance(error, (click.exceptions.Exit, SystemExit)):
            raise
        code = _tell(state, error)
    sys.exit(code if isinstance(code, int) else 0)


def _tell(state: State, error: BaseException) -> int:
    match error:
        case SystemExit():
            return error.code if isinstance(error.code, int) else 0
        case click.exceptions.Exit():
            return error.exit_code
        case click.exceptions.Abort() | KeyboardInterrupt():
            say("; ".join(["interrupted", *_what_now(state)]))
            return INTERRUPTED
        case click.ClickException():
            say_error(_as_usage(error))
            return error.exit_code
        case InfosweepError():
            say_error(error)
            if state.kept:
                say("; ".join(_what_now(state)))
            return error.exit_code
        case OSError() if error.errno in _ENVIRONMENT:
            place = f": {error.filename}" if error.filename else ""
            say_error(InfosweepError(f"{error.strerror}{place}", _ENVIRONMENT[error.errno]))
            return 1
        case _:
            message = " ".join(str(error).split())
            say_error(
                InfosweepError(
                    f"this is a bug in infosweep: {type(error).__name__}: {message}",
                    "run the command again with --debug for the traceback, and report it",
                )
            )
            return 1


def _what_now(state: State) -> list[str]:
    """What is kept of what was broken off, and the command that continues it."""
    told = [state.kept] if state.kept else []
    return [*told, f"to continue: {state.resume}"] if state.resume else told


# What the machine refuses, which is nobody's bug: errno -> how to mend it.
_ENVIRONMENT = {
    errno.ENOSPC: "free some space, or write to another place",
    errno.EACCES: "choose a place that you may write to, or change its permissions",
    errno.EPERM: "choose a place that you may write to, or change its permissions",
    errno.EROFS: "choose a place that is not read-only",
    errno.ENOENT: "check the path",
    errno.EISDIR: "name a file",
    errno.ENOTDIR: "check the path: part of it is a file",
    errno.EMFILE: "raise the limit of open files: ulimit -n 4096",
    errno.ENAMETOOLONG: "choose a shorter path",
}


def _as_usage(error: click.ClickException) -> InfosweepError:
    """Click's error in our form, with the help that mends it."""
    message = error.format_message().rstrip(".")
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "infosweep"
    return UsageError(message[:1].lower() + message[1:], f"`{command} --help` tells the usage")


def say_error(error: InfosweepError) -> None:
    """Print an error as `error: …` and `mend: …` on stderr."""
    text = str(error)
    if not text.startswith("error:"):
        text = f"error: {text}"
    say(re.sub("^error:", click.style("error:", fg="red", bold=True), text, flags=re.MULTILINE))


def say(text: str) -> None:
    """Talk to the user on stderr; without colours where NO_COLOR is set or nobody looks."""
    try:
        click.echo(text, err=True, color=False if os.environ.get("NO_COLOR") else None)
    except OSError:  # nobody is listening; the exit code still tells
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 - stays open to the end


def reader_left() -> int:
    """Whoever read our output has what it wanted, as in `infosweep query … | head`."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _survive_any_encoding() -> None:
    """A terminal that can't show a character gets an escape instead of a traceback."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")
