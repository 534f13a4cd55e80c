"""A small finished study for the verbs that read results, made once by the command line itself."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from infosweep.cli import main

STUDY = """\
infosweep: 1
name: tiny
task: {kind: binary12}
training: {learning_rate: 0.001, epochs: 40}
axes:
  train_size: [0.04, 0.2]
  depth: [1, 2]
  label_noise: [0.0, 1.0]
seeds: 6
record: {checkpoints: 12}
"""


class Outcome(NamedTuple):
    """What a command left: exit code, stdout, stderr."""

    code: int
    out: str
    err: str


def outcome(capsys: pytest.CaptureFixture[str], *args: str) -> Outcome:
    """Run a command in this process."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as left:
        main(list(args))
    assert isinstance(left.value.code, int)
    return Outcome(left.value.code, *capsys.readouterr())


@pytest.fixture
def command(capsys):
    """Run a command: `command("plan", "study.yaml")` -> Outcome."""
    return lambda *args: outcome(capsys, *map(str, args))


class Finished(NamedTuple):
    """A study that was run: its file, its store."""

    study: Path
    store: Path


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Finished:
    """The study above, run inline."""
    folder = tmp_path_factory.mktemp("a store, für alle")
    study = folder / "tiny.yaml"
    study.write_text(STUDY, encoding="utf-8")
    store = folder / "results"
    with pytest.raises(SystemExit) as left:
        main(["run", str(study), "--store", str(store), "--executor", "inline"])
    assert left.value.code == 0
    return Finished(study, store)
