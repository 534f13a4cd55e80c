"""Every outcome of a command becomes an exit code and words that a person can act on."""

from __future__ import annotations

import errno
import os
import shlex
import subprocess
import sys

import click
import pytest

from infosweep.cli.ending import State, end
from infosweep.errors import (
    ClusterError,
    InfosweepError,
    LimitError,
    LockedError,
    NotFoundError,
    QueryError,
    StoreError,
    StudyError,
    UsageError,
)


def outcome(raised: BaseException | None, state: State | None = None) -> int:
    """Exit code of a command that raises this."""

    def command() -> object:
        if raised is not None:
            raise raised
        return None

    with pytest.raises(SystemExit) as left:
        end(state or State(), command)
    assert isinstance(left.value.code, int)
    return left.value.code


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InfosweepError, 1),
        (UsageError, 2),
        (StudyError, 2),
        (QueryError, 2),
        (NotFoundError, 3),
        (ClusterError, 4),
        (LimitError, 5),
        (StoreError, 6),
        (LockedError, 6),
    ],
)
def test_an_error_is_told_with_its_mend_and_its_code(error, code, capsys):
    assert outcome(error("it broke", "mend it so")) == code
    assert capsys.readouterr() == ("", "error: it broke\n  mend: mend it so\n")


def test_faults_that_begin_with_error_are_not_told_twice(capsys):
    outcome(StudyError("error: unknown key 'a'\n  mend: rename it\nerror: unknown key 'b'"))
    assert capsys.readouterr().err.count("error:") == 2


def test_what_nobody_foresaw_is_one_line_with_a_hint_and_no_traceback(capsys):
    assert outcome(ZeroDivisionError("division\nby zero")) == 1
    first, second = capsys.readouterr().err.splitlines()
    assert first == "error: this is a bug in infosweep: ZeroDivisionError: division by zero"
    assert "--debug" in second


def test_debug_lets_the_exception_through():
    with pytest.raises(ZeroDivisionError):
        end(State(debug=True), lambda: 1 // 0)


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt(), click.Abort()])
def test_an_interrupt_names_the_command_that_continues(interrupt, capsys):
    assert outcome(interrupt, State(resume="infosweep run a.yaml")) == 130
    assert capsys.readouterr().err == "interrupted; to continue: infosweep run a.yaml\n"


def test_what_the_machine_refuses_is_no_bug(capsys):
    refused = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "out.csv")
    assert outcome(refused) == 1
    told = capsys.readouterr().err
    assert told.startswith("error: No space left on device: out.csv\n  mend: free some space")


def test_the_codes_of_commands_pass():
    assert outcome(None) == 0
    assert outcome(SystemExit(3)) == 3
    assert outcome(click.exceptions.Exit(5)) == 5
    with pytest.raises(SystemExit) as left:
        end(State(), lambda: 143)
    assert left.value.code == 143


def test_a_reader_that_leaves_ends_the_command_quietly():
    script = (
        "from infosweep.cli.ending import State, end\n"
        "end(State(), lambda: [print('line', n) for n in range(100_000)] and None)"
    )
    pipe = f"{sys.executable} -c '{script.replace(chr(39), chr(34))}' | head -n 1"
    ended = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {pipe}"], capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "line 0\n", "")


def test_a_verb_whose_reader_leaves_ends_well(finished):
    # More than a pipe holds, so that the verb itself meets the broken pipe, and not the last flush.
    sql = "select c.step, i.layer, c.loss from curves c, information i limit 200000"
    words = [sys.executable, "-m", "infosweep", "query", "--store", str(finished.store), sql, "-o"]
    for form in ("csv", "json", "parquet"):
        pipe = f'{shlex.join([*words, form])} | head -c 20; exit "${{PIPESTATUS[0]}}"'
        ended = subprocess.run(["bash", "-c", pipe], capture_output=True, check=False)
        assert (ended.returncode, len(ended.stdout), ended.stderr) == (0, 20, b""), form


def test_a_full_disk_under_stdout_is_told():
    script = (
        "from infosweep.cli.ending import State, end\nend(State(), lambda: print('data') or None)"
    )
    with open("/dev/full", "w", encoding="utf-8") as full:  # noqa: PTH123 - a device
        ended = subprocess.run(
            [sys.executable, "-c", script],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert ended.returncode == 1
    assert ended.stderr.startswith("error: No space left on device")
    assert "Traceback" not in ended.stderr


def test_no_color_is_honoured(monkeypatch):
    from infosweep.cli import ending

    asked = []
    monkeypatch.setattr(
        ending.click, "echo", lambda _text, **options: asked.append(options["color"])
    )
    monkeypatch.setenv("NO_COLOR", "1")
    ending.say("plain")
    monkeypatch.delenv("NO_COLOR")
    ending.say("as the terminal likes")
    assert asked == [False, None]
