"""Faults of a study: where each stands, how it reads, the nearest valid word."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NoReturn

from infosweep.errors import StudyError

_WIDEST = 160  # characters of a line that are shown around a fault
_MOST_SHOWN = 1000  # faults; of a file of 100,000 nobody reads more


@dataclass(slots=True, eq=False)
class Source:
    """Where a study's text comes from: a file, a `--set` option, or a mapping without lines.

    Attributes:
        name: as it is shown, the path as the user wrote it.
        lines: the text; empty for a mapping.
        order: faults of several sources are shown in this order.
        shifts: line -> (column, width): what was put in place of a tab, so that columns stay the file's.
    """

    name: str
    lines: list[str] = field(default_factory=list)
    order: int = 0
    shifts: dict[int, tuple[int, int]] = field(default_factory=dict)

    def column(self, line: int, column: int) -> int:
        """Return the column in the file for a column in the text that was parsed."""
        if line not in self.shifts:
            return column
        before, now = self.shifts[line]
        return max(0, column - now + before) if column >= now else min(column, max(0, before - 1))


# Stands for text that could not be read: the fault of syntax is noted, and nothing that follows from it.
MASKED = Source("")


@dataclass(frozen=True, slots=True)
class Place:
    """A stretch of one line of a source (counted from 0), or a dotted path where there are no lines."""

    source: Source
    line: int = 0
    column: int = 0
    length: int = 1
    path: str = ""

    def part(self, offset: int, length: int) -> Place:
        """Return a stretch within this one."""
        return Place(self.source, self.line, self.column + offset, max(1, length), self.path)


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong: where, what, and how to mend it."""

    place: Place
    message: str
    mend: str

    def render(self) -> str:
        """Return the fault as text: message, position, the line, a caret, how to mend it."""
        place, source = self.place, self.place.source
        head = [f"error: {self.message}"]
        if not source.lines:
            where = f"{place.path} in {source.name}" if place.path else source.name
            return "\n".join([*head, f"  --> {where}", f"  mend: {self.mend}"])
        line = source.lines[place.line] if place.line < len(source.lines) else ""
        text, caret = _excerpt(line, place.column, place.length)
        number = str(place.line + 1).rjust(5)
        head.append(f"  --> {source.name}:{place.line + 1}:{place.column + 1}")
        head += [f"{number} | {text}".rstrip(), f"      | {caret}", f"  mend: {self.mend}"]
        return "\n".join(head)


class Report:
    """Collects the faults of a study, so that all are shown at once."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []
        self.cause: BaseException | None = None  # what the user's own code raised, for --debug

    def add(self, place: Place, message: str, mend: str) -> None:
        """Note a fault."""
        if place.source is not MASKED:
            self.faults.append(Fault(place, message, mend))

    def fail(self) -> NoReturn:
        """Raise StudyError with every fault in the order of the text."""
        seen: dict[tuple[int, int, int, str, str], Fault] = {}
        for fault in self.faults:
            place = fault.place
            key = (place.source.order, place.line, place.column, place.path, fault.message)
            seen.setdefault(key, fault)
        ordered = [seen[key] for key in sorted(seen, key=lambda key: key[:3])]
        text = "\n\n".join(fault.render() for fault in ordered[:_MOST_SHOWN])
        if len(ordered) > 1:
            first = f", of which the first {_MOST_SHOWN:,} are shown"
            text += f"\n\n{len(ordered)} faults in {ordered[0].place.source.name}"
            text += first if len(ordered) > _MOST_SHOWN else ""
        raise StudyError(text) from self.cause

    def done(self) -> None:
        """Raise StudyError if there is a fault."""
        if self.faults:
            self.fail()


def _excerpt(line: str, column: int, length: int) -> tuple[str, str]:
    """Return the shown part of a line and the carets under it."""
    start = 0
    if len(line) > _WIDEST:
        start = max(0, min(column - _WIDEST // 3, len(line) - _WIDEST))
        line = line[start : start + _WIDEST]
    column -= start
    length = max(1, min(length, len(line) - column))
    shown = "".join(c if c.isprintable() else " " for c in line)
    before, marked = shown[:column], shown[column : column + length]
    blank = " " * (_columns(before) + max(0, column - len(before)))
    return shown, blank + "^" * max(1, _columns(marked))


def _columns(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in text)
    return len(text) + wide - sum(unicodedata.combining(c) > 0 for c in text)


def nearest(word: str, valid: Iterable[str]) -> str | None:
    """Return the valid word that is nearest to `word`, or None if none is near.

    >>> nearest("estimatos", ["estimators", "seeds"])
    'estimators'
    """
    if len(word) > 100:
        return None
    words = list(valid)
    plain = {w.lower().replace("-", "_"): w for w in words}
    key = word.lower().replace("-", "_")
    if key in plain:
        return plain[key]
    found = difflib.get_close_matches(key, plain, n=1, cutoff=0.6)
    return plain[found[0]] if found else None


def did_you_mean(word: str, valid: Iterable[str]) -> str:
    """Return "; did you mean 'x'?" for the nearest valid word, or nothing."""
    found = nearest(word, valid)
    return f"; did you mean {found!r}?" if found is not None else ""


def quoted(value: object, limit: int = 60) -> str:
    """Return a value as shown in a message, cut where it is long."""
    text = repr(value)
    return text if len(text) <= limit else f"{text[: limit - 4]}...{text[-1]}"


def listed(words: Iterable[object], limit: int = 20) -> str:
    """Return words in one line, `a, b, c`, cut where there are many."""
    shown = [str(word) for word in words]
    return ", ".join(shown[:limit]) + (", ..." if len(shown) > limit else "")
