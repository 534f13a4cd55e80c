"""YAML text -> nodes with places; after a fault of syntax the rest of the file is still read.

PyYAML's events carry the marks. Nodes are built from events here, so that depth, aliases, tags and
duplicate keys are met where they stand, and neither deep nesting nor a bomb of aliases costs anything.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from infosweep.study.faults import MASKED, Place, Report, Source
from infosweep.study.nodes import Node, resolve
from infosweep.study.syntax import CASCADING, MISPLACED_LIST, explain

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DEEPEST = 50
_MOST_NODES = 100_000  # with what aliases repeat
_MOST_ROUNDS = 500  # faults of syntax that are worked around
_MOST_READ = 10_000_000  # characters that are parsed anew for it
_WRITTEN = re.compile(r"^\s*[^\s#]")
# Blanks that look like one and marks that look like nothing, as they come with text pasted from pages.
_BLANKS = "\u00a0\u2000-\u200a\u202f\u205f\u3000"
_UNSEEN = re.compile(f"[{_BLANKS}\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]")
_REMARK = re.compile(r"(^|\s)#.*")
_KEY = re.compile(
    r"""^(\s*(?:- +)?(?:[^\s"'#\[\]{},:-][^\s"'\[\]{},:]*|"[^"]*"|'[^']*') *:)(?:\s.*)?$"""
)
_TOP = re.compile(r"""["']?[A-Za-z_][^:\s]*["']?\s*:(\s|$)""")


class _Stop(Exception):  # noqa: N818 - no error: ends a hopeless parse whose fault is already noted
    pass


@dataclass(slots=True)
class Parsed:
    """What could be read of a text.

    Attributes:
        root: the value, None where there is none.
        broken: whether some part could not be read, so that missing keys prove nothing.
    """

    root: Node | None
    broken: bool


def parse(text: str, source: Source, report: Report) -> Parsed:
    """Return the nodes of a YAML text whose lines are those of `source`, and note every fault in it."""
    text = _visible(_printable(text, source, report), source, report)
    lines = text.split("\n")
    mask = "!masked"
    while mask in text:
        mask += "-"
    broken, before = False, ("", -1)
    for _ in range(min(_MOST_ROUNDS, 2 + _MOST_READ // (4 * len(text) + 1))):
        try:
            root = _Builder("\n".join(lines), source, report, mask).build()
            return Parsed(root, broken)
        except _Stop:
            return Parsed(None, True)
        except yaml.MarkedYAMLError as error:
            if _tabs(lines, source, report, error):
                continue
            broken = True
            fault = explain(error, lines, source)
            line = fault.place.line
            if before == (fault.message, line) and line < len(lines) and lines[line].strip():
                lines[line] = ""  # masking its value was not enough
                continue
            if before[0] == fault.message and (fault.message in CASCADING or before[1] == line):
                break
            before = fault.message, line
            report.add(fault.place, fault.message, fault.mend)
            if not _mask(lines, error, line, mask):
                break
        except yaml.YAMLError as error:
            report.add(Place(source), f"this is not YAML: {error}", "write plain YAML in UTF-8")
            break
    return Parsed(None, True)


def _visible(text: str, source: Source, report: Report) -> str:
    """Note each line with a character that can't be seen outside of remarks, and put blanks in their place."""
    if text.isascii() or not _UNSEEN.search(text):
        return text
    lines = text.split("\n")
    for number, line in enumerate(lines):
        found = _UNSEEN.search(_REMARK.sub("", line))
        if found:
            name = unicodedata.name(found[0], "").lower()
            message = (
                f"the character U+{ord(found[0]):04X} ({name}) looks like a blank or like nothing"
            )
            place = Place(source, number, source.column(number, found.start()))
            report.add(place, message, "write a plain blank in its place, or delete it")
            kept = line.lstrip(found[0]) if found.start() == 0 else line  # no indentation is meant
            source.shifts.setdefault(number, (len(line) - len(kept), 0))
            lines[number] = _UNSEEN.sub(" ", kept)
    return "\n".join(lines)


def _printable(text: str, source: Source, report: Report) -> str:
    """Note each line with a character that YAML refuses, and leave such characters out."""
    bad = yaml.reader.Reader.NON_PRINTABLE
    if not bad.search(text):
        return text
    for number, line in enumerate(source.lines):
        found = bad.findall(line)
        if found:
            at = line.index(found[0])
            message = f"the character U+{ord(found[0]):04X} is not allowed in YAML"
            report.add(Place(source, number, at), message, "delete the character")
            source.shifts[number] = (at + len(found), at)
    return bad.sub("", text)


def _tabs(lines: list[str], source: Source, report: Report, error: yaml.MarkedYAMLError) -> bool:
    """Note tabs that break the layout and put blanks in their place; False if there are none.

    A tab's width is unknown: the first of 2, 4, 8 and 1 blanks a tab that YAML can read is taken.
    """
    tabbed = {
        number: len(line) - len(line.lstrip(" \t"))
        for number, line in enumerate(lines)
        if "\t" in line[: len(line) - len(line.lstrip(" \t"))] and line.strip()
    }
    mark = error.problem_mark
    if not tabbed:
        if (
            mark is None
            or mark.line >= len(lines)
            or lines[mark.line][mark.column : mark.column + 1] != "\t"
        ):
            return False
        _note_tab(source, mark.line, mark.column, report)
        line = lines[mark.line]
        tabs = re.match("\t+", line[mark.column :])
        width = len(tabs[0]) if tabs else 1
        lines[mark.line] = line[: mark.column] + " " * width + line[mark.column + width :]
        return True
    for number in tabbed:
        _note_tab(source, number, lines[number].index("\t"), report)
    fixed = lines
    for width in (2, 4, 8, 1):
        fixed = list(lines)
        for number, indent in tabbed.items():
            blank = lines[number][:indent].replace("\t", " " * width)
            fixed[number] = blank + lines[number][indent:]
            source.shifts[number] = (indent, len(blank))
        try:
            for _ in yaml.parse("\n".join(fixed), Loader=_LOADER):
                pass
        except yaml.YAMLError:
            if width != 1:
                continue
        break
    lines[:] = fixed
    return True


def _note_tab(source: Source, line: int, column: int, report: Report) -> None:
    mend = "use blanks; most editors can convert tabs to blanks"
    report.add(
        Place(source, line, source.column(line, column)),
        "a tab can't indent or separate in YAML",
        mend,
    )


def _mask(lines: list[str], error: yaml.MarkedYAMLError, at: int, mask: str) -> bool:
    """Mask what the fault spoils, so that the rest can be read: its line if that is enough, else its section.

    A masked value is there, but nothing more is said about it.
    """
    at = min(at, len(lines) - 1)
    while at > 0 and not _WRITTEN.search(lines[at]):
        at -= 1
    start, end = at, at + 1
    while start > 0 and not _TOP.match(lines[start]):
        start -= 1
    while end < len(lines) and not _TOP.match(lines[end]):
        end += 1
    if not any(_WRITTEN.search(line) for line in lines[start:end]):
        return False
    key = _KEY.match(lines[at])
    choices = [(at, at + 1, True)] * bool(key) + [(at, at + 1, False), (start, end, True)]
    between = [line for line in lines[at + 1 : end] if _WRITTEN.search(line)]
    unclosed = re.search("flow|quoted", error.context or "") is not None
    spoils_all = unclosed or MISPLACED_LIST in (error.problem or "")
    if spoils_all and not (key and all(_KEY.match(line) for line in between)):
        choices = choices[-1:]
    masked = lines
    for first, last, keep_key in choices:
        masked = list(lines)
        masked[first:last] = [_KEY.sub(rf"\1 {mask}", lines[first]) if keep_key else ""]
        masked[first + 1 : first + 1] = [""] * (last - first - 1)
        if keep_key and not _KEY.match(lines[first]):
            masked[first] = ""
        following = _first_fault(masked)
        if following >= end or (following > at and key and _same_level(lines[following], key)):
            break
    lines[:] = masked
    return True


def _same_level(line: str, key: re.Match[str]) -> bool:
    """Whether a line holds a key at the indentation of another: a fault there is one of its own."""
    other = _KEY.match(line)
    return other is not None and _indent(other[1]) == _indent(key[1])


def _indent(text: str) -> int:
    return len(text) - len(text.lstrip())


def _first_fault(lines: list[str]) -> int:
    """Return the line of the first fault of syntax, past the last line if there is none."""
    try:
        for _ in yaml.parse("\n".join(lines), Loader=_LOADER):
            pass
    except yaml.MarkedYAMLError as error:
        marks = [mark.line for mark in (error.context_mark, error.problem_mark) if mark is not None]
        return min(marks, default=0)
    return len(lines)


class _Builder:
    """Builds the nodes of one text from PyYAML's events."""

    def __init__(self, text: str, source: Source, report: Report, mask: str) -> None:
        self.text, self.source, self.report, self.mask = text, source, report, mask
        self.anchors: dict[str, tuple[Node, int]] = {}  # node, and how many nodes it stands for
        self.open: set[str] = set()
        self.count = 0
        # Faults of a parse that fails are noted again by the next one: keep them apart until it is done.
        self.found = Report()

    def build(self) -> Node | None:
        """Return the first document's node."""
        events = iter(yaml.parse(self.text, Loader=_LOADER))
        root: Node | None = None
        documents = 0
        try:
            for event in events:
                if isinstance(event, yaml.DocumentStartEvent):
                    documents += 1
                    if documents == 2:
                        place = self._place(event.start_mark, event.end_mark)
                        self.found.add(
                            place, "a second document starts here", "keep one study to a file"
                        )
                    self.anchors.clear()
                elif isinstance(event, yaml.NodeEvent):
                    node = self._node(event, events, 0)
                    root = node if documents == 1 else root
        except _Stop:
            self.report.faults += self.found.faults
            raise
        self.report.faults += self.found.faults
        return root

    def _node(self, event: Any, events: Iterator[Any], depth: int) -> Node:
        if isinstance(event, yaml.CollectionEndEvent):
            # libyaml lets `key: - entry` pass and ends the wrong collection after it.
            raise yaml.MarkedYAMLError(problem=MISPLACED_LIST, problem_mark=event.start_mark)
        place = self._place(event.start_mark, event.end_mark)
        self._counted(1, place)
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event.anchor, place)
        if event.tag == self.mask:
            return Node("scalar", None, Place(MASKED))
        self._refuse(event, place, depth)
        anchor, before = event.anchor, self.count
        if anchor is not None:
            self.open.add(anchor)
        if isinstance(event, yaml.ScalarEvent):
            node = self._scalar(event, place)
        elif isinstance(event, yaml.SequenceStartEvent):
            items = []
            while not isinstance(inner := next(events), yaml.SequenceEndEvent):
                items.append(self._node(inner, events, depth + 1))
            node = Node("list", items, self._place(event.start_mark, inner.end_mark))
        else:
            entries, end = self._entries(events, depth)
            flow = end.line == event.start_mark.line
            node = Node("map", entries, self._place(event.start_mark, end) if flow else place)
        if anchor is not None:
            self.open.discard(anchor)
            self.anchors[anchor] = (node, self.count - before + 1)
        return node

    def _refuse(self, event: Any, place: Place, depth: int) -> None:
        """Note a tag, and a value that is nested too deep."""
        if event.tag is not None:
            shown = event.tag.replace("tag:yaml.org,2002:", "!!")[:60]
            self.found.add(
                place, f"the tag {shown} is not allowed; a study is plain data", "delete the tag"
            )
        if depth >= _DEEPEST:
            self.found.add(
                place,
                f"values are nested more than {_DEEPEST} deep",
                "a study needs three levels or four",
            )
            raise _Stop

    def _entries(
        self, events: Iterator[Any], depth: int
    ) -> tuple[dict[str, tuple[Node, Node]], Any]:
        entries: dict[str, tuple[Node, Node]] = {}
        while not isinstance(inner := next(events), yaml.MappingEndEvent):
            key = self._node(inner, events, depth + 1)
            value = self._node(next(events), events, depth + 1)
            if key.kind != "scalar":
                self.found.add(key.place, "a key must be a word", "write `key: value`")
            elif key.text in entries:
                line = entries[key.text][0].place.line + 1
                message = f"duplicate key {key.text[:60]!r}; it first stands in line {line}"
                self.found.add(key.place, message, "keep one of the two")
            else:
                entries[key.text] = (key, value)
        return entries, inner.end_mark

    def _alias(self, name: str, place: Place) -> Node:
        if name in self.open:
            self.found.add(place, f"*{name} stands inside of &{name} itself", "write the value out")
            return Node("scalar", None, Place(MASKED))
        if name not in self.anchors:
            self.found.add(
                place,
                f"*{name} has no &{name} before it",
                f"define it: &{name}, or write the value out",
            )
            return Node("scalar", None, Place(MASKED))
        node, size = self.anchors[name]
        self._counted(size, place)
        return node

    def _scalar(self, event: Any, place: Place) -> Node:
        one_line = event.start_mark.line == event.end_mark.line
        if not event.style:
            value, trap = resolve(event.value)
            return Node("scalar", value, place, event.value, trap, exact=one_line)
        exact = one_line and event.style in ("'", '"') and len(event.value) + 2 == place.length
        if exact:
            place = place.part(1, place.length - 2)
        return Node("scalar", event.value, place, event.value, quoted=True, exact=exact)

    def _counted(self, size: int, place: Place) -> None:
        self.count += size
        if self.count > _MOST_NODES:
            message = f"the file holds more than {_MOST_NODES:,} values, those that aliases repeat among them"
            self.found.add(place, message, "a study is a few dozen lines; write it without aliases")
            raise _Stop

    def _place(self, start: Any, end: Any) -> Place:
        column = self.source.column(start.line, start.column)
        if end.line == start.line:
            length = end.column - start.column
        else:
            line = self.source.lines[start.line] if start.line < len(self.source.lines) else ""
            length = len(line.split(" #")[0].rstrip()) - column
        return Place(self.source, start.line, column, max(1, length))
