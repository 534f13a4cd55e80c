"""A study as it was written: a tree of values, each with its place."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from infosweep.study.faults import Place, Source

NodeKind = Literal["scalar", "list", "map", "object"]
Trap = Literal["word", "zero", "underscore"]


@dataclass(slots=True, eq=False, repr=False)
class Node:
    """A value with its place.

    Attributes:
        kind: `scalar`, `list`, `map`, or `object` (a settings object handed over in Python).
        value: bool, int, float, str or None; list of Node; dict of key text -> (key node, value node).
        text: a scalar as it was written.
        trap: why a plain scalar is ambiguous between readers of YAML, if it is.
        exact: whether a character of the scalar's value is found at the same offset in its line.
    """

    kind: NodeKind
    value: Any
    place: Place
    text: str = ""
    trap: Trap | None = None
    quoted: bool = False
    exact: bool = False

    @property
    def items(self) -> list[Node]:
        """The entries of a list; none for anything else."""
        return self.value if self.kind == "list" else []

    @property
    def entries(self) -> dict[str, tuple[Node, Node]]:
        """The entries of a mapping, key text -> (key, value); none for anything else."""
        return self.value if self.kind == "map" else {}

    def get(self, key: str) -> Node | None:
        """Return the value of a key of a mapping, or None."""
        found = self.entries.get(key)
        return None if found is None else found[1]

    def key_place(self, key: str) -> Place:
        """Return the place of a key of a mapping, its own place where it lacks the key."""
        found = self.entries.get(key)
        return self.place if found is None else found[0].place


_INT = re.compile(r"[-+]?[0-9]+")
_BASE = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_ZERO = re.compile(r"[-+]?0[0-9]+(\.[0-9]*)?")
_UNDERSCORE = re.compile(r"[-+]?[0-9][0-9_]*_[0-9_]*(\.[0-9_]*)?([eE][-+]?[0-9]+)?")
_WORDS = {"yes", "no", "on", "off", "y", "n"}
_SPECIAL: dict[str, Any] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), math.inf),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
}
_LONGEST_NUMBER = 400  # digits; Python refuses to read integers past 4,300


def resolve(text: str) -> tuple[Any, Trap | None]:
    """Return the value of a plain scalar by YAML 1.2's core rules, and the trap it is, if it is one.

    PyYAML follows YAML 1.1, to which `1e-2` is text, `no` is false and `010` is 8.

    >>> resolve("1e-2"), resolve("no"), resolve("010")
    ((0.01, None), ('no', 'word'), ('010', 'zero'))
    """
    if text in _SPECIAL:
        return _SPECIAL[text], None
    if text.lower() in _WORDS:
        return text, "word"
    if len(text) > _LONGEST_NUMBER or text[0] not in "+-.0123456789":
        return text, None
    if _ZERO.fullmatch(text) and not re.fullmatch(r"[-+]?0\.[0-9]*", text):
        return text, "zero"
    if _INT.fullmatch(text):
        return int(text), None
    if _BASE.fullmatch(text):
        return int(text, 0), None
    if _FLOAT.fullmatch(text):
        return float(text), None
    if _UNDERSCORE.fullmatch(text):
        return text, "underscore"
    return text, None


def describe(node: Node) -> str:
    """Return what a node holds, as it is named in a message."""
    if node.kind == "list":
        return "a list" if node.value else "an empty list"
    if node.kind == "map":
        return "a mapping" if node.value else "an empty mapping"
    if node.kind == "object":
        return f"a {type(node.value).__name__}"
    value = node.value
    if value is None:
        return "nothing (null)"
    if isinstance(value, bool):
        return f"the boolean {str(value).lower()}"
    if isinstance(value, str):
        return f"the text {value!r}" if len(value) <= 60 else f"the text {value[:50]!r}..."
    shown = node.text or repr(value)
    return shown if len(shown) <= 40 else f"{shown[:32]}..."


def from_python(value: object, source: Source, path: str = "") -> Node:
    """Return the tree of a Python value: mappings, sequences, scalars, numpy's among them.

    Places are dotted paths (`axes.depth[1]`). What a study can't hold becomes an `object`.
    """
    return _convert(value, source, path, ())


def _convert(value: Any, source: Source, path: str, above: tuple[int, ...]) -> Node:
    place = Place(source, path=path)
    if hasattr(value, "tolist") and not isinstance(value, (bool, int, float, str)):
        value = value.tolist()  # arrays and scalars of numpy, without importing it
    if isinstance(dump := getattr(value, "model_dump", None), Callable):  # settings made in Python
        kind = getattr(value, "kind", None)
        value = {**({} if kind is None else {"kind": kind}), **dump(exclude_defaults=True)}
    if value is None or isinstance(value, (bool, int, float, str)):
        return Node("scalar", _plain(value), place, quoted=isinstance(value, str))
    inside = (*above, id(value))
    if id(value) in above or len(above) > 50:
        return Node("object", value, place)
    if isinstance(value, Mapping):
        entries = {}
        for key, item in value.items():
            below = f"{path}.{key}" if path else str(key)
            key_node = Node("scalar", str(key), Place(source, path=below))
            entries[str(key)] = (key_node, _convert(item, source, below, inside))
        return Node("map", entries, place)
    if isinstance(value, Sequence) and not isinstance(value, (bytes, bytearray)):
        items = [_convert(item, source, f"{path}[{i}]", inside) for i, item in enumerate(value)]
        return Node("list", items, place)
    return Node("object", value, place)


def _plain(value: Any) -> Any:
    """Take subclasses (enums, numpy.float64) back to the plain type."""
    for kind in (bool, int, float, str):
        if isinstance(value, kind):
            return kind(value)
    return value
