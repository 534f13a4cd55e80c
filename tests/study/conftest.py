"""Studies as text, and their faults as data."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest

from infosweep.errors import StudyError
from infosweep.study import load_study


@dataclass(frozen=True)
class Shown:
    """A fault as a user sees it."""

    message: str
    source: str
    line: int
    column: int
    text: str
    marked: str
    mend: str


_FAULT = re.compile(
    r"error: (?P<message>.+)\n  --> (?P<source>.+):(?P<line>\d+):(?P<column>\d+)\n"
    r" *(?P<number>\d+) \|(?: (?P<text>.*))?\n      \| (?P<caret> *\^+)\n  mend: (?P<mend>.+)"
)


def shown(error: StudyError) -> list[Shown]:
    """Read the faults back from a message; fails unless all of it is faults in the form of the design."""
    blocks = str(error).split("\n\n")
    if len(blocks) > 1:
        assert re.fullmatch(rf"{len(blocks) - 1} faults in .+", blocks.pop())
    faults = []
    for block in blocks:
        found = _FAULT.fullmatch(block)
        assert found is not None, block
        assert found["number"] == found["line"]
        text, caret = found["text"] or "", found["caret"]
        marked = text[caret.index("^") : len(caret)]
        numbers = int(found["line"]), int(found["column"])
        faults.append(
            Shown(found["message"], found["source"], *numbers, text, marked, found["mend"])
        )
    return faults


@pytest.fixture
def load(tmp_path, monkeypatch):
    """Load a study from text."""
    monkeypatch.chdir(tmp_path)

    def _load(text, *overrides):
        data = text if isinstance(text, bytes) else text.encode()
        (tmp_path / "study.yaml").write_bytes(data)
        return load_study("study.yaml", overrides)

    return _load


@pytest.fixture
def faults(load):
    """Return the faults of a text."""

    def _faults(text, *overrides):
        with pytest.raises(StudyError) as caught:
            load(text, *overrides)
        return shown(caught.value)

    return _faults
