"""Axes: their names and values, `zip` groups, and the columns that they have in tables."""

# ruff: noqa: ARG002 - every kind has the one signature of `Kind`

from __future__ import annotations

import functools
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from infosweep.study.faults import Place, Report, did_you_mean, listed, nearest
from infosweep.study.kinds import (
    BAD,
    LARGEST,
    Choice,
    Kind,
    ListOf,
    Number,
    Schema,
    WordOr,
    number_mend,
    unavailable,
    whole,
)
from infosweep.study.nodes import Node, describe
from infosweep.study.section import Section, own_fields
from infosweep.study.settings import (
    FINDING_NAMES,
    FOUR_AXES,
    LATER_KINDS,
    MODELS,
    TASKS,
    AnyModel,
    FindingName,
    MlpSettings,
    TaskSettings,
    TrainingSettings,
)
from infosweep.tables import TABLES, TRIAL_COLUMNS

MOST_VALUES = 100_000  # of one axis; what is longer can't be meant, and must not be built
DEEPEST = 1000


@dataclass(frozen=True, slots=True)
class TrainSize:
    """A fraction in (0, 1], or a count of at least two examples."""

    def read(self, node: Node, report: Report, what: str, example: str = "") -> Any:
        """Return a float for a fraction, an int for a count."""
        value = node.value
        rule = "a fraction in (0, 1] or a count >= 2"
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            mend = number_mend(node) or "write a fraction, as 0.85, or a count, as 2048"
            report.add(node.place, f"{what} must be {rule}, not {describe(node)}", mend)
            return BAD
        if 0 < value <= 1:
            return float(value)
        if value >= 2 and value == value // 1 and value <= LARGEST:
            return int(value)
        mend = (
            "write a smaller count"
            if value > LARGEST
            else "write a fraction up to 1, or a whole number of examples"
        )
        report.add(node.place, f"{what} must be {rule}, not {describe(node)}", mend)
        return BAD

    def schema(self) -> Schema:
        """Return either schema."""
        return {"anyOf": [Number(over=0, most=1).schema(), whole(2).schema()]}


FOUR_KINDS: dict[str, Kind] = {
    "train_size": TrainSize(),
    "batch_size": WordOr(("full",), whole(1, 10**9)),
    "depth": whole(1, DEEPEST),
    "label_noise": Number(least=0, most=1),
}
ABOUT_FOUR = {
    "train_size": "training examples: a fraction in (0, 1] of the task's examples, or a count >= 2",
    "batch_size": "examples of an optimiser step: a count, or full",
    "depth": "number of hidden layers",
    "label_noise": "probability that a training label is redrawn uniformly over the classes; 1.0 is the control",
}
_EXAMPLES = {
    "train_size": "[0.04, 0.85]",
    "batch_size": "[64, 256]",
    "depth": "[1, 3, 5]",
    "label_noise": "[0.0, 1.0]",
}
SECTIONS: dict[str, type[Section]] = {
    "task": TaskSettings,
    "model": MlpSettings,
    "training": TrainingSettings,
}

# Sections whose fields hold for all of a study.
_NEVER_AXES = ("record", "estimators", "findings", "resources", "limits")


@functools.cache
def further_axes() -> dict[str, Kind]:
    """Return the dotted fields that may be axes, with their kinds: all that hold one word or number."""
    kinds: dict[str, Kind] = {
        "task.kind": Choice(tuple(TASKS), LATER_KINDS["task"]),
        "model.kind": Choice(tuple(MODELS), LATER_KINDS["model"]),
    }
    for section, cls in SECTIONS.items():
        for name, each in own_fields(cls).items():
            if name != "kind" and not isinstance(each.metadata["kind"], ListOf):
                kinds[f"{section}.{name}"] = each.metadata["kind"]
    return kinds


def default_axes(
    task: TaskSettings, model: AnyModel, axes: Mapping[str, Sequence[Any]]
) -> dict[str, Any]:
    """Return the one value of each of the four axes that a study leaves out.

    Where the task is an axis, train_size is the largest that all of its cells allow.
    """
    tasks = [TASKS[kind] for kind in axes["task.kind"]] if "task.kind" in axes else [task]
    holdouts = axes.get("task.holdout", (task.holdout,))
    own_test = all(each.n_own_test for each in tasks)
    return {
        "train_size": 1.0 if own_test else round(1 - max(holdouts), 12),
        "batch_size": 256,
        "depth": len(model.hidden) if isinstance(model, MlpSettings) else None,
        "label_noise": 0.0,
    }


def allowed_findings(axes: Mapping[str, Sequence[Any]]) -> tuple[FindingName, ...]:
    """Return the findings that axes allow: those whose own axis has two values or more.

    >>> allowed_findings({"train_size": (0.04, 0.85), "depth": (5,)})
    ('overcompression',)
    """
    needed = ("train_size", "depth", "batch_size", "label_noise")
    pairs = zip(FINDING_NAMES, needed, strict=True)
    return tuple(finding for finding, axis in pairs if len(set(axes.get(axis, ()))) >= 2)


@dataclass(slots=True)
class Axis:
    """An axis as read.

    Attributes:
        values: its values, in order.
        nodes: where each stands; empty for an axis that the study leaves out.
        place: where its name stands.
        length: how many values were asked for, where they are too many to hold.
        good: whether all of its values could be read.
    """

    values: tuple[Any, ...]
    nodes: list[Node] = field(default_factory=list)
    place: Place | None = None
    length: int = 0
    good: bool = True

    def place_of(self, value: Any) -> Place | None:
        """Return where a value stands, the axis's own place if that is not known."""
        if len(self.nodes) == len(self.values) and value in self.values:
            return self.nodes[self.values.index(value)].place
        return self.nodes[0].place if self.nodes else self.place


def read_axis(name: str, key: Node, node: Node, report: Report) -> Axis | None:
    """Return an axis with the values that can be read, or None where it can't be."""
    kind = FOUR_KINDS.get(name) or further_axes().get(name)
    if kind is None:
        _unknown_axis(name, key, node, report)
        return None
    what, example = f"axis {name}", _EXAMPLES.get(name, "")
    if node.kind == "map":
        return _read_range(what, kind, key, node, report)
    if node.kind != "list":
        shown = node.text if node.kind == "scalar" and node.value is not None else ""
        mend = (
            f"write a list: [{shown}]"
            if shown
            else f"write a list as {example or '[0.1, 0.2]'}, or drop the axis"
        )
        report.add(node.place, f"{what} must be a list or a range, not {describe(node)}", mend)
        return None
    if not node.items:
        report.add(
            node.place, f"{what} has no values", "write at least one value, or drop the axis"
        )
        return None
    values = [kind.read(item, report, what) for item in node.items]
    read = [
        (value, item) for value, item in zip(values, node.items, strict=True) if value is not BAD
    ]
    return Axis(
        tuple(value for value, _ in read),
        [item for _, item in read],
        key.place,
        good=len(read) == len(values),
    )


def _read_range(what: str, kind: Kind, key: Node, node: Node, report: Report) -> Axis | None:
    bounds = node.get("range")
    if isinstance(kind, Choice) and bounds is not None:
        message = f"{what} holds words; a range is for whole numbers"
        report.add(bounds.place, message, f"write a list: [{listed(kind.words)}]")
        return None
    for word, (key_node, _) in node.entries.items():
        if word != "range":
            message = f"unknown key {word!r} in {what}{did_you_mean(word, ['range'])}"
            report.add(key_node.place, message, "write {range: [1, 5]}, or a list of values")
    if bounds is None:
        if not node.entries:
            mend = "write {range: [1, 5]}, or a list of values"
            report.add(node.place, f"{what} has no values", mend)
        return None
    ends = _range_ends(what, kind, bounds, report)
    if ends is None:
        return None
    low, high = ends
    length = high - low + 1
    inner = (low, high) if length > MOST_VALUES else range(low, high + 1)
    values = [kind.read(Node("scalar", end, bounds.place), report, what) for end in inner]
    return Axis(tuple(values), [bounds], key.place, length if length > MOST_VALUES else 0)


def _range_ends(what: str, kind: Kind, bounds: Node, report: Report) -> tuple[int, int] | None:
    """Return the ends of a range, both of them values that the axis may have."""
    if bounds.kind != "list" or len(bounds.items) != 2:
        held = f"{len(bounds.items)} entries" if bounds.kind == "list" else describe(bounds)
        message = f"the range of {what} must be two whole numbers [first, last], not {held}"
        report.add(bounds.place, message, "write {range: [1, 5]}")
        return None
    ends = [
        Number(whole=True).read(item, report, f"the first or last value of {what}", "5")
        for item in bounds.items
    ]
    if BAD in ends:
        return None
    low, high = ends
    if low > high:
        message = f"the range of {what} goes down, from {low} to {high}"
        report.add(bounds.place, message, f"write [{high}, {low}]")
        return None
    if BAD in [kind.read(item, report, what) for item in bounds.items]:
        return None
    return low, high


def _unknown_axis(name: str, key: Node, node: Node, report: Report) -> None:
    further = tuple(further_axes())
    section, _, last = name.partition(".")
    cls = SECTIONS.get(section)
    if name in ("seed", "seeds"):
        mend = "write `seeds: 8` or `seeds: [0, 1, 2]` at the left edge of the file"
        report.add(key.place, f"{name} can't be an axis; every cell has all seeds", mend)
    elif cls is not None and not last and node.kind == "map":
        fields = (
            listed(f"{section}.{field}" for field in node.entries)
            or f"{section}.{next(iter(own_fields(cls)))}"
        )
        report.add(
            key.place, f"{name!r} is a section, not an axis", f"write the axis with a dot: {fields}"
        )
    elif cls is not None and last in own_fields(cls):
        report.add(
            key.place, f"{name} holds a list and can't be an axis", "write one study for each list"
        )
    elif cls is not None and last.split(".")[0] in cls.later:
        available = tuple(axis for axis in further if axis.startswith(f"{section}."))
        report.add(key.place, unavailable(f"axis {name}", available), "drop the axis")
    elif section in _NEVER_AXES and last:
        message = f"{name} can't be an axis: only fields of task, model and training can"
        report.add(key.place, message, f"set {name} once, and write one study for each value")
    else:
        valid = (*FOUR_AXES, *further)
        by_last = [axis for axis in further if axis.rpartition(".")[2] == name]
        guess = by_last[0] if len(by_last) == 1 else nearest(name, valid)
        found = f"; did you mean {guess!r}?" if guess else ""
        mend = (
            f"write {guess}"
            if guess
            else f"axes are {listed(FOUR_AXES)} and fields as training.learning_rate"
        )
        report.add(key.place, f"unknown axis {name[:60]!r}{found}", mend)


# Columns of the table `trials` that are the setting of this name itself, so that its axis is that column.
_SETTINGS = frozenset(
    (
        "holdout",
        "validation",
        "activation",
        "widths",
        "init",
        "optimizer",
        "learning_rate",
        "momentum",
        "weight_decay",
        "epochs",
    )
)
_TAKEN = (
    frozenset(
        column.name for table in TABLES.values() for column in (*TRIAL_COLUMNS, *table.columns)
    )
    - _SETTINGS
)


def axis_columns(names: Iterable[str]) -> dict[str, str]:
    """Return the column of each axis: its last word, dots as `_` where two collide or another column has it.

    >>> axis_columns(["depth", "training.learning_rate", "task.kind", "model.kind", "training.steps"])
    {'depth': 'depth', 'training.learning_rate': 'learning_rate', 'task.kind': 'task_kind', \
'model.kind': 'model_kind', 'training.steps': 'training_steps'}
    """
    names = list(names)
    last = [name.rpartition(".")[2] for name in names]
    return {
        name: word
        if "." not in name or (last.count(word) == 1 and word not in _TAKEN)
        else name.replace(".", "_")
        for name, word in zip(names, last, strict=True)
    }


def read_zip(
    node: Node, axes: dict[str, Axis], unread: Collection[str], report: Report
) -> tuple[tuple[str, ...], ...]:
    """Return the groups of axes that advance together; note wrong names and lengths.

    Args:
        node: the value of `zip`.
        axes: the axes that the study writes.
        unread: axes that are written but wrong.
        report: takes the faults.
    """
    if node.kind != "list" or any(item.kind != "list" for item in node.items):
        flat = node.kind == "list" and all(item.kind == "scalar" for item in node.items)
        shown = (
            ", ".join(item.text or str(item.value) for item in node.items)
            if flat
            else "train_size, batch_size"
        )
        report.add(
            node.place,
            f"zip must be a list of groups, not {describe(node)} of names"
            if flat
            else f"zip must be a list of groups, not {describe(node)}",
            f"write [[{shown}]]",
        )
        return ()
    groups, used = [], dict[str, Node]()
    for item in node.items:
        names = []
        for member in item.items:
            name = member.value if member.kind == "scalar" else None
            if not isinstance(name, str) or (name not in axes and name not in unread):
                shown = name if isinstance(name, str) else describe(member)
                guess = did_you_mean(shown, (*axes, *unread))
                report.add(
                    member.place,
                    f"zip names {shown!r}, which is no axis of this study{guess}",
                    f"name axes that stand in `axes`: {listed((*axes, *unread))}",
                )
            elif name in used:
                report.add(
                    member.place, f"zip names {name!r} a second time", "keep it in one group"
                )
            else:
                used[name] = member
                names.append(name)
        if len(item.items) < 2:
            report.add(
                item.place,
                "a group of zip needs two axes or more",
                "add an axis, or drop the group",
            )
            continue
        if len(names) != len(item.items) or any(name not in axes for name in names):
            continue
        lengths = {name: axes[name].length or len(axes[name].values) for name in names}
        if len(set(lengths.values())) > 1:
            shown = ", ".join(f"{name} has {length}" for name, length in lengths.items())
            report.add(
                item.place,
                f"axes that zip joins must have equally many values: {shown}",
                "give each the same number of values",
            )
            continue
        groups.append(tuple(names))
        _no_repeated_tuples(names, axes, report)
    return tuple(groups)


def _no_repeated_tuples(names: list[str], axes: dict[str, Axis], report: Report) -> None:
    first: dict[tuple[Any, ...], int] = {}
    for i, values in enumerate(zip(*(axes[name].values for name in names), strict=True)):
        if first.setdefault(values, i) != i:
            axis = axes[names[0]]
            place = axis.nodes[i].place if len(axis.nodes) == len(axis.values) else axis.place
            message = f"zip of {', '.join(names)} repeats {values}; it is already entry {first[values] + 1}"
            if place is not None:
                report.add(place, message, "drop it from each of these axes")
