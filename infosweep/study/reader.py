"""Nodes -> StudySettings: reads every section, notes every fault, and lets `checks.py` compare what was read."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from infosweep.errors import UsageError
from infosweep.study.axes import FOUR_KINDS, Axis, axis_columns, default_axes, read_axis, read_zip
from infosweep.study.estimators import read_estimators
from infosweep.study.faults import Place, Report, nearest
from infosweep.study.kinds import BAD, Choice, ListOf, Text, unavailable, whole
from infosweep.study.nodes import Node, describe
from infosweep.study.own import UNSEEN_MODEL, UNSEEN_TASK, OwnModelSettings, OwnTaskSettings
from infosweep.study.section import Section, read_fields, unknown_key
from infosweep.study.settings import (
    FINDING_NAMES,
    FOUR_AXES,
    LARGEST_SEED,
    LATER_FINDINGS,
    MODELS,
    TASKS,
    AnyModel,
    AnyTask,
    Binary12Settings,
    LimitSettings,
    MlpSettings,
    RecordSettings,
    ResourceSettings,
    StudySettings,
    TrainingSettings,
    kind_of,
)

if TYPE_CHECKING:
    from infosweep.study.own import Look

TOP = (
    *(
        "infosweep",
        "name",
        "task",
        "model",
        "training",
        "axes",
        "zip",
        "where",
        "tuned",
        "seeds",
        "record",
    ),
    *("estimators", "findings", "resources", "limits", "retries"),
)
NAME = Text("[a-z0-9-]+", 100)
SEEDS = ListOf(whole(0, LARGEST_SEED), least=1, distinct=True)
RETRIES = whole(0, 1000)
FINDINGS = ListOf(Choice(FINDING_NAMES, LATER_FINDINGS), distinct=True)
MOST_SEEDS = 1_000_000  # more are not built; no limit of trials that could be run is above


@dataclass(slots=True)
class Draft:
    """What was read of a study, wrong values at their default and named in `bad`.

    Attributes:
        root: the study as written.
        report: takes the faults.
        bad: dotted paths of sections, fields and axes that could not be read.
        axes: the axes written, then those left out at their one value.
        written: the axes that are written; None for one of which nothing could be read.
        look: looks at what is the user's own; None to refuse what was not looked at before.
        unseen: sections of the user's own that are still to be looked at.
    """

    root: Node
    report: Report
    look: Look | None = None
    unseen: list[str] = field(default_factory=list)
    bad: set[str] = field(default_factory=set)
    name: str = "study"
    task: AnyTask = field(default_factory=Binary12Settings)
    model: AnyModel = field(default_factory=MlpSettings)
    training: TrainingSettings = field(default_factory=TrainingSettings)
    record: RecordSettings = field(default_factory=RecordSettings)
    limits: LimitSettings = field(default_factory=LimitSettings)
    axes: dict[str, Axis] = field(default_factory=dict)
    written: dict[str, Axis | None] = field(default_factory=dict)
    zip: tuple[tuple[str, ...], ...] = ()
    seeds: tuple[int, ...] = tuple(range(8))
    seeds_asked: int = 0  # a count too large to build

    def has(self, path: str) -> bool:
        """Whether the study writes a section's field."""
        section, _, name = path.partition(".")
        node = self.root.get(section)
        return node is not None and name in node.entries

    def field_place(self, path: str) -> Place:
        """Return where the key of a section or of its field stands; the section's, if it has none."""
        section, _, name = path.partition(".")
        node = self.root.get(section)
        if node is None or not self.has(path):
            return self.root.key_place(section)
        return node.key_place(name)

    def value_place(self, path: str) -> Place:
        """Return where the value of a section's field stands."""
        section, _, name = path.partition(".")
        node = self.root.get(section)
        value = node.get(name) if node is not None else None
        return value.place if value is not None else self.field_place(path)

    def axis_place(self, name: str) -> Place:
        """Return where the name of an axis stands."""
        axes = self.root.get("axes")
        return axes.key_place(name) if axes is not None else self.root.place

    @property
    def columns(self) -> dict[str, str]:
        """Axis -> column, of every axis that is written or left out."""
        return axis_columns([*self.axes, *(name for name in self.written if name not in self.axes)])


def read_study(
    root: Node | None,
    report: Report,
    start: Place,
    *,
    partial: bool,
    look: Look | None = None,
) -> StudySettings | None:
    """Return the study that the nodes say; None where a fault was noted.

    Args:
        root: the outermost node; None for an empty text.
        report: takes the faults.
        start: where the text begins.
        partial: whether some part of the text could not be read, so that nothing is missing for sure.
        look: looks at tasks and networks of the user's own, once nothing else is wrong.
    """
    from infosweep.study.checks import check

    example = "begin with `name: my-study`, `task: {kind: binary12}` and `axes:`, or copy sweeps/quickstart.yaml"
    if root is None or (root.kind == "scalar" and root.value is None):
        if not partial:
            report.add(start, "this holds no study", example)
        return None
    if root.kind != "map":
        if not partial:
            report.add(root.place, f"a study is a mapping, not {describe(root)}", example)
        return None
    draft = Draft(root, report, look)
    values = _read_sections(draft, partial=partial)
    check(draft, values)
    if draft.unseen and not report.faults and not partial:
        _look(draft)
        check(draft, values)
    if report.faults or partial:
        return None
    return StudySettings(
        axes={name: axis.values for name, axis in draft.axes.items()},
        task=draft.task,
        model=draft.model,
        training=draft.training,
        record=draft.record,
        limits=draft.limits,
        zip=draft.zip,
        seeds=draft.seeds,
        **values,
    )


def _read_sections(draft: Draft, *, partial: bool) -> dict[str, Any]:
    """Fill the draft; return the fields that nothing is checked against."""
    root, report = draft.root, draft.report
    _check_keys(root, report, partial=partial)
    values: dict[str, Any] = {}
    readers = {"name": NAME, "retries": RETRIES, "findings": FINDINGS, "infosweep": whole(1)}
    for key, kind in readers.items():
        if (node := root.get(key)) is not None:
            values[key] = kind.read(node, report, key, _EXAMPLES[key])
    if values.get("infosweep", 1) not in (1, BAD):
        message = f"format version {values['infosweep']} is not known; this version reads 1"
        place = root.entries["infosweep"][1].place
        report.add(place, message, "write infosweep: 1, or update infosweep")
    _read_task_and_model(draft)
    draft.training = _section(draft, "training", TrainingSettings)
    draft.record = _section(draft, "record", RecordSettings)
    draft.limits = _section(draft, "limits", LimitSettings)
    values["resources"] = _section(draft, "resources", ResourceSettings)
    _read_seeds(draft)
    if (node := root.get("estimators")) is not None:
        values["estimators"] = read_estimators(node, report)
    if (node := root.get("tuned")) is not None and (node.kind != "list" or node.items):
        mend = "drop the key, and write each value as a cell of its own"
        report.add(root.key_place("tuned"), unavailable("tuned", ("axes",)), mend)
    _read_axes(draft)
    if (node := root.get("zip")) is not None:
        unread = [name for name in draft.written if name not in draft.axes]
        written = {name: axis for name, axis in draft.axes.items() if axis.place is not None}
        draft.zip = read_zip(node, written, unread, report)
    return values


def _check_keys(root: Node, report: Report, *, partial: bool) -> None:
    """Note unknown keys, and those of name, task and axes that are missing."""
    for key, (key_node, _) in root.entries.items():
        if key not in TOP:
            unknown_key(key, key_node.place, TOP, report, "")
    unknown = [nearest(word, TOP) for word in root.entries if word not in TOP]
    for key in ("name", "task", "axes"):
        # What is misspelt is not missing as well.
        if key not in root.entries and not partial and key not in unknown:
            report.add(root.place, f"the study has no {key!r}", _ADD[key])


_ADD = {
    "name": "add name: a-short-name",
    "task": "add task: {kind: binary12}",
    "axes": "add axes: and below it, indented, at least one axis, as depth: [1, 3, 5]",
}
_EXAMPLES = {"name": "data-size", "retries": "2", "findings": "[overcompression]", "infosweep": "1"}


def _section(draft: Draft, name: str, cls: type[Section]) -> Any:
    node = draft.root.get(name)
    if node is None:
        return cls()
    values = read_fields(cls, node, draft.report, name)
    if node.kind != "map":
        draft.bad.add(name)
    draft.bad |= {f"{name}.{key}" for key in node.entries if key not in values}
    return cls(**values)


def _read_task_and_model(draft: Draft) -> None:
    for name, kinds in (("task", TASKS), ("model", MODELS)):
        node = draft.root.get(name)
        if node is None:
            draft.bad |= {"task"} if name == "task" else set()
            continue
        cls = kind_of(node, kinds, name, draft.report, name)
        if cls is None:
            draft.bad |= {name, *(f"{name}.{key}" for key in node.entries)}
            if node.kind == "map" and name == "task":
                _read_all_but_kind(node, draft)
            continue
        if issubclass(cls, OwnTaskSettings | OwnModelSettings):
            _read_own(draft, name, node, cls)
        else:
            setattr(draft, name, _section(draft, name, cls))


def _read_own(
    draft: Draft, name: str, node: Node, cls: type[OwnTaskSettings | OwnModelSettings]
) -> None:
    """Read a task or network of the user's own; one that was not looked at yet counts as unread."""
    values = read_fields(cls, node, draft.report, name)
    draft.bad |= {f"{name}.{key}" for key in node.entries if key not in values}
    folder = draft.look.folder if draft.look is not None else ""
    if "found" not in node.entries:
        draft.unseen.append(name)
        values["found"] = UNSEEN_TASK if name == "task" else UNSEEN_MODEL
    if "kind" in values and "found" in values:
        setattr(draft, name, cls(**values, folder=folder))
    if name in draft.unseen or not {"kind", "found"} <= values.keys():
        draft.bad.add(name)


def _look(draft: Draft) -> None:
    """Look at what is the user's own, and note what is wrong with it."""
    for name in draft.unseen:
        settings: Any = getattr(draft, name)
        place = draft.value_place(f"{name}.kind")
        if draft.look is None:
            message = f"{name} {settings.kind!r} was not looked at, and is not run from here"
            draft.report.add(place, message, "load the study from its file")
            return
        try:
            if name == "task":
                found: Any = draft.look.task(settings.kind)
            else:
                found = draft.look.model(settings.kind, draft.task)
        except UsageError as error:
            draft.report.add(place, error.message, error.mend or "try it in Python by itself")
            draft.report.cause = error.__cause__
            return
        setattr(draft, name, replace(settings, found=found))
        draft.bad.discard(name)
    for axis, default in default_axes(draft.task, draft.model, _values(draft)).items():
        if axis not in draft.written:
            draft.axes[axis] = Axis((default,))


def _read_all_but_kind(node: Node, draft: Draft) -> None:
    """Note what is wrong with the fields of a task whose kind is not known."""
    entries = {key: pair for key, pair in node.entries.items() if key != "kind"}
    read_fields(Binary12Settings, Node("map", entries, node.place), draft.report, "task")


def _read_seeds(draft: Draft) -> None:
    node = draft.root.get("seeds")
    if node is None:
        return
    if node.kind == "list":
        seeds = SEEDS.read(node, draft.report, "seeds", "[0, 1, 2]")
    else:
        seeds = whole(1).read(node, draft.report, "seeds", "8 or [0, 1, 2]")
        if seeds is not BAD and seeds > MOST_SEEDS:
            draft.seeds_asked, seeds = seeds, 1
        seeds = BAD if seeds is BAD else tuple(range(seeds))
    if isinstance(seeds, tuple):
        draft.seeds = seeds
    else:
        draft.bad.add("seeds")


def _values(draft: Draft) -> dict[str, tuple[Any, ...]]:
    return {name: axis.values for name, axis in draft.axes.items()}


def _read_axes(draft: Draft) -> None:
    node = draft.root.get("axes")
    if node is not None and (node.kind != "map" or not node.entries):
        message = f"axes must hold at least one axis, not {describe(node)}"
        draft.report.add(node.place, message, "write axes below it, indented, as depth: [1, 3, 5]")
        draft.bad.add("axes")
    elif node is not None:
        for name, (key, value) in node.entries.items():
            axis = draft.written[name] = read_axis(name, key, value, draft.report)
            if axis is None or not axis.good:
                draft.bad.add(f"axes.{name}")
            else:
                draft.axes[name] = axis
    defaults = default_axes(draft.task, draft.model, _values(draft))
    for name in FOUR_KINDS:
        if name not in draft.written:
            draft.axes[name] = Axis((defaults[name],))
    order = [
        *(name for name in FOUR_AXES if name in draft.axes),
        *(name for name in draft.axes if name not in FOUR_AXES),
    ]
    draft.axes = {name: draft.axes[name] for name in order}
