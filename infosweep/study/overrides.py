"""`--set path=value`: single values laid over a study, with places of their own."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from infosweep.study.faults import Place, Report, Source
from infosweep.study.nodes import Node, describe

_PATH = re.compile(r"\s*([A-Za-z0-9_\-]+(?:\.[A-Za-z0-9_\-]+)*)\s*=")


def apply_overrides(
    root: Node | None, overrides: Sequence[str], report: Report, start: Place
) -> tuple[Node | None, bool]:
    """Return the study with the values of `--set` options in place, and whether one could not be read."""
    from infosweep.study.yamltext import parse

    spoilt = False
    for order, text in enumerate(overrides, 1):
        shown = "".join(c if c.isprintable() else "\ufffd" for c in text)
        shown = shown if len(shown) <= 60 else f"{shown[:57]}..."
        source = Source(f"--set {shown}", text.split("\n"), order)
        found = _PATH.match(text)
        if found is None:
            length = max(1, len(source.lines[0]))
            report.add(
                Place(source, 0, 0, length),
                "this names no setting",
                "write --set path=value, as --set seeds=4 or --set axes.depth=[1,2]",
            )
            spoilt = True
            continue
        # Blanks in place of the path keep the columns.
        value = parse(" " * found.end() + text[found.end() :], source, report)
        spoilt = spoilt or value.broken
        if value.root is None and not value.broken:
            report.add(
                Place(source, 0, found.end(), 1),
                f"{found[1]} is given no value",
                "write --set path=value",
            )
            spoilt = True
        if value.root is None:
            continue
        if root is None or root.kind != "map":
            root = Node("map", {}, start)
        parts = _parts(found[1])
        root = _without(root, _OTHER.get(tuple(parts)))
        root = _put(root, parts, value.root, Place(source, 0, found.start(1), 1), report)
    return root, spoilt


# Where one of these is set, the other goes: a training has one length.
_OTHER: dict[tuple[str, ...], tuple[str, str]] = {
    ("training", "epochs"): ("training", "steps"),
    ("training", "steps"): ("training", "epochs"),
    ("axes", "training.epochs"): ("axes", "training.steps"),
    ("axes", "training.steps"): ("axes", "training.epochs"),
}


def _without(root: Node, path: tuple[str, str] | None) -> Node:
    """Return a copy of a study without the field at a path."""
    section = root.get(path[0]) if path is not None else None
    if path is None or section is None or section.kind != "map" or path[1] not in section.entries:
        return root
    left = {name: entry for name, entry in section.entries.items() if name != path[1]}
    key = root.entries[path[0]][0]
    return Node(
        "map", {**root.entries, path[0]: (key, Node("map", left, section.place))}, root.place
    )


def without_other_length(
    section: Mapping[str, Any], changes: Mapping[str, Any]
) -> Mapping[str, Any]:
    """Return a section as mapping without the epochs or steps that a change takes the place of.

    >>> without_other_length({"epochs": 9, "optimizer": "sgd"}, {"steps": 5})
    {'optimizer': 'sgd'}
    """
    gone = {"epochs", "steps"} - changes.keys() if {"epochs", "steps"} & changes.keys() else set()
    return {name: value for name, value in section.items() if name not in gone}


def _parts(path: str) -> list[str]:
    """Split a dotted path; below `axes` the rest is one name, a last `range` apart."""
    parts = path.split(".")
    if parts[0] != "axes" or len(parts) < 2:
        return parts
    below = (
        [".".join(parts[1:-1]), "range"]
        if parts[-1] == "range" and len(parts) > 2
        else [".".join(parts[1:])]
    )
    return ["axes", *below]


def _put(node: Node, parts: list[str], value: Node, place: Place, report: Report) -> Node:
    """Return a copy of a node with a value at a path; what lies beside the path is shared."""
    part, rest = parts[0], parts[1:]
    here = Place(place.source, place.line, place.column, len(part))
    if rest and re.fullmatch("-?[0-9]+", rest[0]) and part not in node.entries:
        message = f"the study writes no {part}, so that there is no entry {rest[0]!r}"
        report.add(here, message, f"set the whole list: --set {part}=[...]")
        return node
    after = Place(place.source, place.line, place.column + len(part) + 1, 1)
    if node.kind == "list":
        if not part.isdigit() or int(part) >= len(node.items):
            message = f"there is no entry {part!r}; the list has {len(node.items)}, counted from 0"
            report.add(here, message, "name an entry by its number, or set the whole list")
            return node
        items = list(node.items)
        items[int(part)] = _put(items[int(part)], rest, value, after, report) if rest else value
        return Node("list", items, node.place)
    if node.kind != "map":
        report.add(here, f"{describe(node)} has no field {part!r}", "set the whole value instead")
        return node
    entries = dict(node.entries)
    old = entries.get(part)
    key = Node("scalar", part, here, part)
    if rest:
        below = old[1] if old is not None and old[1].kind in ("map", "list") else None
        if below is not None and below.kind == "list" and rest == ["range"]:
            below, old = None, None  # an axis that was a list becomes a range
        if below is None and old is not None and old[1].value is not None:
            report.add(
                after,
                f"{part} holds {describe(old[1])}, which has no field {rest[0]!r}",
                f"set {part} as a whole",
            )
            return node
        below = below or Node("map", {}, here)
        entries[part] = (
            old[0] if old is not None else key,
            _put(below, rest, value, after, report),
        )
    else:
        entries[part] = (key, value)
    return Node("map", entries, node.place)
