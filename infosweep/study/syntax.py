"""Faults of YAML's syntax in words that help."""

from __future__ import annotations

import re
from typing import Any

from infosweep.study.faults import Place, Report, Source

_LEADING = {
    "@": "put the text in quotes; a plain text can't begin with @",
    "`": "put the text in quotes; a plain text can't begin with `",
    "%": "put the text in quotes; a plain text can't begin with %",
}


def explain(error: Any, lines: list[str], source: Source, report: Report) -> None:
    """Note a syntax error of PyYAML where its cause stands, rather than where the parser gave up."""
    problem, context = error.problem or "", error.context or ""
    mark, opened = error.problem_mark or error.context_mark, error.context_mark
    if mark is None:
        report.add(Place(source), f"this is not YAML: {problem or error}", "write plain YAML")
        return
    line = lines[mark.line] if mark.line < len(lines) else ""
    char = line[mark.column : mark.column + 1]

    def note(where: Any, length: int, message: str, mend: str) -> None:
        at = min(where.line, max(0, len(source.lines) - 1))
        report.add(Place(source, at, source.column(at, where.column), length), message, mend)

    if "flow" in context and opened is not None and ("expected" in problem):
        start = lines[opened.line] if opened.line < len(lines) else ""
        bracket = start[opened.column : opened.column + 1] or "["
        closing = {"[": "]", "{": "}"}.get(bracket, "]")
        if (
            re.match(r"\s*-?\s*where:", start)
            and mark.line == opened.line
            and char in ("[", "]", ",", "{", "(", ")")
        ):
            note(
                opened,
                len(start.rstrip()) - opened.column,
                "a condition with brackets breaks the list",
                'put each condition in quotes: ["depth in [1, 2]"]',
            )
        elif mark.line == opened.line and char:
            note(
                mark,
                1,
                f"{char!r} can't stand here, inside of {bracket}...{closing}",
                f"put a comma before it, or the text in quotes, or close with {closing}",
            )
        else:
            note(
                opened,
                len(start.rstrip()) - opened.column,
                f"{bracket!r} is not closed",
                f"add {closing!r} at its end",
            )
    elif "quoted" in context and opened is not None and "end of stream" in problem:
        start = lines[opened.line] if opened.line < len(lines) else ""
        quote = start[opened.column : opened.column + 1] or '"'
        note(
            opened,
            len(start.rstrip()) - opened.column,
            f"the quote {quote} is not closed",
            f"add {quote} at the end of the text",
        )
    elif "escape" in problem or "escape" in context:
        note(
            mark,
            1,
            "an unknown escape after \\ in double quotes",
            "use single quotes, in which \\ is a plain character",
        )
    elif "mapping values" in problem:
        _mapping_values(mark, lines, note)
    elif "simple key" in context or "could not find expected ':'" in problem:
        where = opened or mark
        text = lines[where.line].strip() if where.line < len(lines) else ""
        note(where, len(text), "expected `key: value`", "put a colon and a blank after the key")
    elif "cannot start any token" in problem and char in _LEADING:
        note(mark, 1, f"{char!r} can't begin a value", _LEADING[char])
    elif (
        "did not find expected key" in problem
        or "expected <block end>" in problem
        or "block collection" in context
    ):
        _layout(mark, line, char, note)
    elif "document start" in problem:
        note(
            mark,
            max(1, len(line.rstrip())),
            "text after the end of the document",
            "delete the line `...` or what follows it",
        )
    else:
        reason = f"{problem} ({context})" if context else problem
        note(
            mark,
            1,
            f"this is not YAML: {reason}",
            "check brackets, quotes and the layout of this line",
        )


def _mapping_values(mark: Any, lines: list[str], note: Any) -> None:
    line = lines[mark.line] if mark.line < len(lines) else ""
    before = line[: mark.column]
    if ": " in before:
        note(mark, 1, "a second ':' in one value", "put the value in quotes, or start a new line")
    elif mark.line > 0 and re.match(r"[^\s:#]+:\S", lines[mark.line - 1].strip()):
        key = lines[mark.line - 1].strip().split(":")[0]
        above = type("Mark", (), {"line": mark.line - 1, "column": lines[mark.line - 1].index(key)})
        note(
            above,
            len(lines[mark.line - 1].strip()),
            f"no blank after '{key}:'",
            f"write `{key}: ` with a blank after the colon",
        )
    else:
        note(
            mark,
            1,
            "this key is indented below a value that takes no keys",
            "align it with the keys above",
        )


def _layout(mark: Any, line: str, char: str, note: Any) -> None:
    if char in ("]", "}"):
        note(
            mark,
            1,
            f"{char!r} closes nothing",
            f"delete it, or open it with {'[' if char == ']' else '{'}",
        )
    elif char == "-" and line[mark.column : mark.column + 2] in ("-", "- "):
        note(
            mark,
            1,
            "a list entry where a key is expected",
            "write `key:` above it, or align it with the entries above",
        )
    else:
        length = max(1, len(line.rstrip()) - mark.column)
        note(
            mark,
            length,
            "this line's indentation fits nothing above it",
            "align it with the lines of its section",
        )
