"""Faults of YAML's syntax in words that help, placed at their cause rather than where the parser gave up."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from infosweep.study.faults import Fault, Place, Source

MISPLACED_LIST = "sequence entries are not allowed"  # PyYAML's words
_BELOW_VALUE = "this key is indented below a value that takes no keys"
_AFTER_END = "text after the end of the document"
# What is said of every following line where one fault closes the whole document.
CASCADING = (_BELOW_VALUE, _AFTER_END)
_GLUED = re.compile(r"\s*([^\s:#]+):\S")
_CLOSING = {"[": "]", "{": "}"}


@dataclass(frozen=True, slots=True)
class _Said:
    """What is said about a fault: from where, how long (0 for the rest of the line), what, how to mend it."""

    line: int
    column: int
    length: int
    message: str
    mend: str


@dataclass(frozen=True, slots=True)
class _Trouble:
    """A syntax error of PyYAML with the lines around it."""

    problem: str
    context: str
    line: int
    column: int
    opened: Any  # mark of what the parser was in the middle of
    lines: list[str]

    def text(self, line: int) -> str:
        return self.lines[line] if 0 <= line < len(self.lines) else ""

    @property
    def char(self) -> str:
        """The character at which the parser gave up."""
        return self.text(self.line)[self.column : self.column + 1]

    def here(self, length: int, message: str, mend: str) -> _Said:
        return _Said(self.line, self.column, length, message, mend)

    def at_opening(self, message: str, mend: str) -> _Said:
        return _Said(self.opened.line, self.opened.column, 0, message, mend)


def explain(error: Any, lines: list[str], source: Source) -> Fault:
    """Return the fault that a syntax error of PyYAML stands for, on the line that is to blame."""
    mark = error.problem_mark or error.context_mark
    problem, context = error.problem or str(error), error.context or ""
    line, column = (mark.line, mark.column) if mark is not None else (0, 0)
    said = _say(_Trouble(problem, context, line, column, error.context_mark, lines))
    line = min(said.line, max(0, len(source.lines) - 1))
    length = said.length or max(1, len(source.lines[line].rstrip()) - said.column)
    place = Place(source, line, source.column(line, said.column), length)
    return Fault(place, said.message, said.mend)


def _say(trouble: _Trouble) -> _Said:
    problem, context, opened = trouble.problem, trouble.context, trouble.opened is not None
    if opened and "flow" in context and "expected" in problem:
        return _flow(trouble)
    if opened and "quoted" in context and "end of stream" in problem:
        quote = trouble.text(trouble.opened.line)[trouble.opened.column : trouble.opened.column + 1]
        return trouble.at_opening(
            f"the quote {quote} is not closed", f"add {quote} at the end of the text"
        )
    if "escape" in problem + context:
        mend = "use single quotes, in which \\ is a plain character"
        return trouble.here(1, "an unknown escape after \\ in double quotes", mend)
    if "mapping values" in problem:
        return _colon(trouble)
    if opened and ("simple key" in context or "expected ':'" in problem):
        start = trouble.text(trouble.opened.line)[trouble.opened.column :]
        if glued := _GLUED.match(start):
            return trouble.at_opening(*_no_blank(glued[1]))
        return trouble.at_opening("expected `key: value`", "put a colon and a blank after the key")
    if "start any token" in problem and trouble.char in "@`%":
        mend = f"put the text in quotes; a plain text can't begin with {trouble.char}"
        return trouble.here(1, f"{trouble.char!r} can't begin a value", mend)
    if re.search("expected key|expected <block end>|block collection", problem + context):
        return _layout(trouble)
    return _other(trouble)


def _other(trouble: _Trouble) -> _Said:
    """What is rare, and what has no words of its own."""
    if trouble.text(trouble.line).startswith("%"):
        message = "a line that begins with % sets up YAML, and this one can't be read"
        return _Said(trouble.line, 0, 0, message, "delete the line; a study needs none")
    if "document start" in trouble.problem:
        return _after_end(trouble)
    if MISPLACED_LIST in trouble.problem:
        return _misplaced_list(trouble)
    if "nesting" in trouble.problem:
        return trouble.here(1, "values are nested too deep", "a study needs three levels or four")
    context = f" ({trouble.context})" if trouble.context else ""
    mend = "check brackets, quotes and the layout of this line"
    return trouble.here(1, f"this is not YAML: {trouble.problem}{context}", mend)


def _flow(trouble: _Trouble) -> _Said:
    """A list or mapping in brackets that goes wrong before it ends."""
    opened = trouble.opened
    start = trouble.text(opened.line)
    bracket = start[opened.column : opened.column + 1]
    closing = _CLOSING.get(bracket, "]")
    same_line = trouble.line == opened.line and trouble.char != ""
    if same_line and re.match(r"\s*where:", start):
        mend = 'put each condition in quotes: ["depth in [1, 2]"]'
        return trouble.at_opening("a condition with brackets breaks the list", mend)
    if same_line:
        mend = f"put a comma before it, or the text in quotes, or close with {closing}"
        return trouble.here(
            1, f"{trouble.char!r} can't stand here, inside of {bracket}...{closing}", mend
        )
    return trouble.at_opening(f"{bracket!r} is not closed", f"add {closing!r} at its end")


def _colon(trouble: _Trouble) -> _Said:
    """A colon where no mapping can begin."""
    above = trouble.text(trouble.line - 1)
    if ": " in trouble.text(trouble.line)[: trouble.column]:
        return trouble.here(
            1, "a second ':' in one value", "put the value in quotes, or start a new line"
        )
    if glued := _GLUED.match(above):
        return _Said(trouble.line - 1, glued.start(1), 0, *_no_blank(glued[1]))
    if above.strip() and ":" not in above and _indent(above) == _indent(trouble.text(trouble.line)):
        mend = "put a colon and a blank after the key"
        return _Said(trouble.line - 1, _indent(above), 0, "expected `key: value`", mend)
    return trouble.here(1, _BELOW_VALUE, "align it with the keys above")


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _no_blank(key: str) -> tuple[str, str]:
    return f"no blank after '{key}:'", f"write `{key}: ` with a blank after the colon"


def _after_end(trouble: _Trouble) -> _Said:
    """A line after the outermost value: after `...`, or left of a first line that is indented."""
    above = range(trouble.line - 1, -1, -1)
    for number in above:
        if trouble.text(number).startswith("..."):
            return _Said(number, 0, 3, _AFTER_END, "delete the line `...`, or what follows it")
    first = next(
        (n for n in reversed(above) if re.match(r"\s*[^\s#]", trouble.text(n))), trouble.line
    )
    if _indent(trouble.text(first)) > 0:
        message = "the first line is indented, those that follow are not"
        return _Said(first, 0, _indent(trouble.text(first)), message, "delete the blanks")
    return trouble.here(0, _AFTER_END, "write every line as `key: value`")


def _misplaced_list(trouble: _Trouble) -> _Said:
    message, mend = "a list begins on the line of its key", "put each entry on a line of its own"
    for number in range(min(trouble.line, len(trouble.lines) - 1), -1, -1):
        if found := re.match(r"\s*[^\s#]+:\s+(-)\s", trouble.text(number)):
            return _Said(number, found.start(1), 0, message, mend)
    return trouble.here(1, message, mend)


def _layout(trouble: _Trouble) -> _Said:
    """A line that fits no block above it."""
    if trouble.char == ":":
        return trouble.here(0, "there is no key before the colon", "write `key: value`")
    if trouble.char in _CLOSING.values() and trouble.char:
        opening = "[" if trouble.char == "]" else "{"
        return trouble.here(
            1, f"{trouble.char!r} closes nothing", f"delete it, or open it with {opening}"
        )
    if re.match(r"-(\s|$)", trouble.text(trouble.line)[trouble.column :]):
        mend = "write `key:` above it, or align it with the entries above"
        return trouble.here(1, "a list entry where a key is expected", mend)
    return trouble.here(
        0, "this line's indentation fits nothing above it", "align it with the lines of its section"
    )
