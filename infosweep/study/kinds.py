"""Kinds of values: each reads a node into a value, or says what is wrong and how to mend it.

They stand in for pydantic here: importing pydantic and building its validators takes 0.35 to 0.5 s of CPU,
and `infosweep plan` has 0.6 s in all; faults with a position, a nearest word and a mend would be written
by hand in either case.
"""

# ruff: noqa: ARG002 - every kind has the one signature of `Kind`

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from infosweep.study.faults import Report, did_you_mean, listed
from infosweep.study.nodes import Node, describe


class Bad:
    """Stands for a value that is wrong; its fault is noted."""


BAD: Final = Bad()
LARGEST = 2**53  # the integers that a double holds exactly
Schema = dict[str, Any]


class Kind(Protocol):
    """What a field may hold."""

    def read(self, node: Node, report: Report, what: str, example: str = "") -> Any:
        """Return the value in its canonical form; note faults and return BAD where it is wrong."""
        ...

    def schema(self) -> Schema:
        """Return the JSON Schema of such a value."""
        ...


@dataclass(frozen=True, slots=True)
class Number:
    """A finite number between bounds; `over` and `under` are the bounds left out themselves."""

    least: float | None = None
    most: float | None = None
    over: float | None = None
    under: float | None = None
    whole: bool = False

    @property
    def rule(self) -> str:
        """The rule in words: `a number > 0`."""
        if self.least is not None and self.most is not None:
            return f"{'a whole number' if self.whole else 'a number'} from {self.least:,} to {self.most:,}"
        bounds = ((">=", self.least), (">", self.over), ("<=", self.most), ("<", self.under))
        parts = [f"{sign} {bound:,}" for sign, bound in bounds if bound is not None]
        return " ".join(
            ["a whole number" if self.whole else "a number", " and ".join(parts)]
        ).strip()

    def fits(self, value: float) -> bool:
        """Whether a finite number keeps the bounds."""
        return (
            (self.least is None or value >= self.least)
            and (self.over is None or value > self.over)
            and (self.most is None or value <= self.most)
            and (self.under is None or value < self.under)
        )

    def _is_one(self, value: float) -> bool:
        if isinstance(value, int):
            return True
        return math.isfinite(value) and not (self.whole and value != int(value))

    def _largest(self, value: float) -> float:
        """Return what can be held: as int64, as a double, and exactly where a whole number has a dot."""
        if not self.whole:
            return 1e300
        return 2**63 - 1 if isinstance(value, int) else LARGEST

    def read(self, node: Node, report: Report, what: str, example: str = "") -> Any:
        """Return an int where whole, else a float."""
        value = node.value
        as_example = f", as {example}" if example else ""
        if (
            node.trap is not None
            or isinstance(value, (bool, str))
            or not isinstance(value, (int, float))
        ):
            mend = number_mend(node) or f"write {self.rule}{as_example}"
            report.add(node.place, f"{what} must be {self.rule}, not {_held(node)}", mend)
            return BAD
        if self._is_one(value) and self.fits(value):
            if abs(value) <= self._largest(value):
                return int(value) if self.whole else float(value) + 0.0  # no -0.0
            mend = "write a smaller number"
        else:
            mend = f"write {self.rule}{as_example}"
        report.add(node.place, f"{what} must be {self.rule}, not {describe(node)}", mend)
        return BAD

    def schema(self) -> Schema:
        """Return type and bounds."""
        names = {
            "minimum": self.least,
            "exclusiveMinimum": self.over,
            "maximum": self.most,
            "exclusiveMaximum": self.under,
        }
        bounds = {name: bound for name, bound in names.items() if bound is not None}
        return {"type": "integer" if self.whole else "number", **bounds}


def whole(least: int, most: int | None = None) -> Number:
    """Return the kind of whole numbers from `least` to `most`."""
    return Number(least=least, most=most, whole=True)


@dataclass(frozen=True, slots=True)
class Choice:
    """One of some words; `later` are the words that later versions bring."""

    words: tuple[str, ...]
    later: tuple[str, ...] = ()

    def read(self, node: Node, report: Report, what: str, example: str = "") -> Any:
        """Return the word."""
        value = node.value
        if (
            node.kind == "scalar"
            and node.trap is None
            and value in self.words
            and isinstance(value, str)
        ):
            return value
        mend = f"write {'one of ' if len(self.words) > 1 else ''}{listed(self.words)}"
        if isinstance(value, str) and node.trap is None:
            if value in self.later:
                report.add(node.place, unavailable(f"{what} {value!r}", self.words), mend)
            else:
                report.add(
                    node.place, f"{what} has no {value!r}{did_you_mean(value, self.words)}", mend
                )
        else:
            report.add(node.place, f"{what} must be a word, not {_held(node)}", mend)
        return BAD

    def schema(self) -> Schema:
        """Return the words."""
        return {"enum": list(self.words)}


@dataclass(frozen=True, slots=True)
class Text:
    """A text; `pattern` must match all of it."""

    pattern: str = ""
    longest: int = 2000

    def read(self, node: Node, report: Report, what: str, example: str = "") -> Any:
        """Return the text."""
        value = node.value
        as_example = f", as {example}" if example else ""
        if node.kind != "scalar" or not isinstance(value, str) or node.trap is not None:
            mend = f"write a text{as_example}"
            if node.kind == "scalar" and node.text and value is not None:
                mend = f'put it in quotes if the text is meant: "{node.text}"'
            report.add(node.place, f"{what} must be a text, not {_held(node)}", mend)
        elif len(value) > self.longest:
            report.add(
                node.place,
                f"{what} has {len(value):,} characters; at most {self.longest}",
                "shorten it",
            )
        elif self.pattern and not re.fullmatch(self.pattern, value):
            slug = re.sub(r"[^a-z0-9]+", "-", value.lower()).strip("-")
            mend = f"write {slug}" if slug else f"write a text{as_example}"
            report.add(node.place, f"{what} must match {self.pattern}, not {describe(node)}", mend)
        else:
            return value
        return BAD

    def schema(self) -> Schema:
        """Return type, pattern and length."""
        pattern = {"pattern": f"^{self.pattern}$"} if self.pattern else {}
        return {"type": "string", "minLength": 1, "maxLength": self.longest, **pattern}


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list of `least` entries or more, all of one kind."""

    kind: Kind
    least: int = 0
    distinct: bool = False
    ascending: bool = False

    def read(self, node: Node, report: Report, what: str, example: str = "") -> Any:
        """Return a tuple."""
        if node.kind != "list":
            shown = node.text if node.kind == "scalar" and node.text else example.strip("[]")
            mend = f"write a list: [{shown}]" if node.kind == "scalar" and shown else "write a list"
            report.add(node.place, f"{what} must be a list, not {_held(node)}", mend)
            return BAD
        if len(node.items) < self.least:
            count = "entry" if self.least == 1 else "entries"
            mend = f"write a list as {example}" if example else "add an entry"
            report.add(
                node.place,
                f"{what} must hold at least {self.least} {count}, not {len(node.items)}",
                mend,
            )
            return BAD
        values = [self.kind.read(item, report, f"{what}[{i}]") for i, item in enumerate(node.items)]
        if BAD in values:
            return BAD
        if self.distinct and not no_repeats(values, node.items, report, what):
            return BAD
        if self.ascending:
            for i in range(1, len(values)):
                if values[i] <= values[i - 1]:
                    text = f"{what} must increase: {values[i]} follows {values[i - 1]}"
                    report.add(node.items[i].place, text, "sort the entries and drop repeated ones")
                    return BAD
        return tuple(values)

    def schema(self) -> Schema:
        """Return the schema of a list."""
        more = {"minItems": self.least} if self.least else {}
        return {
            "type": "array",
            "items": self.kind.schema(),
            **more,
            **({"uniqueItems": True} if self.distinct else {}),
        }


@dataclass(frozen=True, slots=True)
class WordOr:
    """One of some words, or another kind."""

    words: tuple[str, ...]
    kind: Kind

    def read(self, node: Node, report: Report, what: str, example: str = "") -> Any:
        """Return the word or what the other kind reads."""
        if (
            node.kind == "scalar"
            and isinstance(node.value, str)
            and node.trap is None
            and number_mend(node) is None
        ):
            if node.value in self.words:
                return node.value
            other = example or _EXAMPLES.get(type(self.kind).__name__, "a number")
            report.add(
                node.place,
                f"{what} has no {node.value!r}{did_you_mean(node.value, self.words)}",
                f"write {' or '.join(self.words)}, or {other}",
            )
            return BAD
        return self.kind.read(node, report, what, example)

    def schema(self) -> Schema:
        """Return either schema."""
        return {"anyOf": [{"enum": list(self.words)}, self.kind.schema()]}


@dataclass(frozen=True, slots=True)
class NoneYet:
    """A list of names that only later versions know."""

    noun: str

    def read(self, node: Node, report: Report, what: str, example: str = "") -> Any:
        """Return the empty tuple."""
        if node.kind == "list" and not node.items:
            return ()
        for item in node.items or [node]:
            report.add(
                item.place,
                unavailable(f"{self.noun} {item.text or item.value!r}", ()),
                f"write {what}: []",
            )
        return BAD

    def schema(self) -> Schema:
        """Return the schema of the empty list."""
        return {"type": "array", "maxItems": 0}


_EXAMPLES = {"Number": "a number", "ListOf": "a list", "Interval": "a pair [low, high]"}


@dataclass(frozen=True, slots=True)
class Interval:
    """Two numbers, the first below the second."""

    def read(self, node: Node, report: Report, what: str, example: str = "") -> Any:
        """Return (low, high)."""
        if node.kind != "list" or len(node.items) != 2:
            held = f"{len(node.items)} entries" if node.kind == "list" else _held(node)
            report.add(
                node.place,
                f"{what} must be two numbers [low, high], not {held}",
                "write two numbers, as [-1, 1]",
            )
            return BAD
        low, high = (
            Number().read(item, report, f"{what}[{i}]", "0.5") for i, item in enumerate(node.items)
        )
        if low is BAD or high is BAD:
            return BAD
        if low >= high:
            mend = (
                f"write [{high:g}, {low:g}]"
                if low > high
                else "write two different numbers, as [-1, 1]"
            )
            report.add(
                node.place, f"{what} must go from low to high, not from {low:g} to {high:g}", mend
            )
            return BAD
        return (low, high)

    def schema(self) -> Schema:
        """Return the schema of a pair."""
        return {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}


def no_repeats(values: Sequence[Any], nodes: Sequence[Node], report: Report, what: str) -> bool:
    """Note each value that stands a second time, at its second place."""
    first: dict[Any, int] = {}
    good = True
    for i, (value, node) in enumerate(zip(values, nodes, strict=True)):
        if first.setdefault(value, i) != i:
            good = False
            report.add(
                node.place,
                f"{what} repeats {node.text or repr(value)}; it is already entry {first[value] + 1}",
                "drop it",
            )
    return good


def number_mend(node: Node) -> str | None:
    """Return how to mend a text that was meant as a number, or None if it doesn't look like one."""
    text = node.value
    if not isinstance(text, str):
        return None
    if node.trap in ("zero", "underscore"):
        plain = text.replace("_", "")
        return f"write {plain.lstrip('+-0') or '0'}" if node.trap == "zero" else f"write {plain}"
    if node.trap == "word":
        return None
    number = r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"
    if re.fullmatch(number, text):
        return f"take the quotes away: {text}" if node.quoted and len(text) <= 40 else _SMALLER
    plain = _ascii_number(text)
    if plain != text and re.fullmatch(number, plain):
        return f"write {plain}"
    if found := re.fullmatch(rf"({number})\s*%", text):
        return f"write {float(found[1]) / 100:g}"
    if re.fullmatch(r"[0-9]{1,3}(,[0-9]{3})+", text):
        return f"write {text.replace(',', '')}"
    if re.fullmatch(r"[0-9]+,[0-9]+", text):
        return f"write {text.replace(',', '.')}"
    return None


_SMALLER = "write a number of fewer digits"


def _ascii_number(text: str) -> str:
    """Return a number in other scripts' digits, or with a typographic minus, in plain characters."""
    if text.isascii() or len(text) > 40:
        return text
    plain = unicodedata.normalize("NFKC", text).replace("\u2212", "-").replace("\u2013", "-")
    return "".join(str(unicodedata.decimal(c)) if c.isdecimal() else c for c in plain)


def _held(node: Node) -> str:
    """Return what a node holds, with the reason where readers of YAML disagree about it."""
    if node.trap == "word":
        meaning = "true" if node.value.lower() in ("yes", "on", "y") else "false"
        return f"{node.value!r}, which many readers of YAML take for {meaning}"
    if node.trap == "zero":
        return f"{node.value}, which some readers of YAML take for an octal number"
    if node.trap == "underscore":
        return f"{node.value}, which only some readers of YAML take for a number"
    return describe(node)


def unavailable(what: str, available: Sequence[str]) -> str:
    """Return the message for what a later version brings."""
    return f"{what} is not available in this version; available: {listed(available) or 'none'}"
