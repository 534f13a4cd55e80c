"""Settings of tasks and networks of the user's own: the function that makes them, and what it was found to give.

`found` is filled in by whoever looks at them (`Look`), and is part of a stored study, so that results can be
read where the function is not.
"""

# ruff: noqa: ARG002, RUF009 - every kind has the one signature of `Kind`; `option` returns a dataclass field

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from infosweep.study.faults import Report
from infosweep.study.kinds import BAD, ListOf, Schema, Text, whole
from infosweep.study.nodes import Node
from infosweep.study.section import Section, option, own_fields, read_fields
from infosweep.study.tasks import TaskSettings

if TYPE_CHECKING:
    from infosweep.study.kinds import Kind
    from infosweep.study.settings import AnyTask

_ABOUT_FOUND = "what looking at it has found; written by infosweep into the studies of a store"


@dataclass(frozen=True, slots=True)
class OwnKind:
    """The name of a function, `package.module:function`."""

    def read(self, node: Node, report: Report, what: str, example: str = "") -> Any:
        """Return the name."""
        value = Text().read(node, report, what, example)
        if value is BAD:
            return BAD
        fault = _kind_fault(value)
        if fault is None:
            return value
        message, mend = fault
        report.add(node.place, f"{what} {message}", mend)
        return BAD

    def schema(self) -> Schema:
        """Return the pattern."""
        return {"type": "string", "pattern": r"^[^:/\s]+:[^:/\s]+$"}


def _kind_fault(kind: str) -> tuple[str, str] | None:
    """Return what is wrong with the name of a function, and how to mend it."""
    module, _, function = kind.partition(":")
    stem = module.replace("\\", "/").rpartition("/")[2].removesuffix(".py")
    if stem != module and stem.isidentifier() and function.isidentifier():
        return f"{kind!r} names a file", f"write the module's name: {stem}:{function}"
    parts = [*module.split("."), function]
    if all(part.isidentifier() for part in parts):
        return None
    return f"{kind!r} is no module:function", "write it as package.module:function"


@dataclass(frozen=True, slots=True)
class Nested:
    """A mapping of fields, all of them needed."""

    cls: type[Section]

    def read(self, node: Node, report: Report, what: str, example: str = "") -> Any:
        """Return the settings."""
        values = read_fields(self.cls, node, report, what)
        missing = [name for name in own_fields(self.cls) if name not in node.entries]
        if node.kind == "map" and missing:
            report.add(node.place, f"{what} lacks {missing[0]!r}", "drop it; infosweep fills it in")
        return self.cls(**values) if len(values) == len(own_fields(self.cls)) else BAD

    def schema(self) -> Schema:
        """Return the schema of an object."""
        kinds: dict[str, Kind] = {
            name: field.metadata["kind"] for name, field in own_fields(self.cls).items()
        }
        return {
            "type": "object",
            "properties": {name: kind.schema() for name, kind in kinds.items()},
            "required": list(kinds),
            "additionalProperties": False,
        }


@dataclass(frozen=True, kw_only=True)
class TaskFacts(Section):
    """Shape and content of the examples that a task of the user's own gives."""

    n: int = option(whole(2), about="examples, without a test part of their own")
    n_own_test: int = option(whole(0), about="examples of the test part of their own")
    input_shape: tuple[int, ...] = option(ListOf(whole(1), least=1), about="shape of one example")
    n_classes: int = option(whole(2), about="number of classes")
    content: str = option(Text(), about="BLAKE2b hash of the arrays: dtype, shape, bytes")


@dataclass(frozen=True, kw_only=True)
class ModelFacts(Section):
    """Layers and size of a network of the user's own."""

    layers: tuple[str, ...] = option(ListOf(Text()), about="names of the layers below the softmax")
    widths: tuple[int, ...] = option(ListOf(whole(1)), about="their widths")
    n_parameters: int = option(whole(1), about="trained numbers")
    content: str = option(Text(), about="BLAKE2b hash of structure and source")


# In place of what is not known yet, while the rest of a study is checked.
UNSEEN_TASK = TaskFacts(n=2, n_own_test=0, input_shape=(1,), n_classes=2, content="unseen")
UNSEEN_MODEL = ModelFacts(layers=(), widths=(), n_parameters=1, content="unseen")


@dataclass(frozen=True, kw_only=True)
class OwnTaskSettings(TaskSettings):
    """A task of the user's own: a function without arguments that returns examples; see `infosweep.data.own`."""

    kind: str = option(OwnKind(), about="module:function that returns the examples")
    found: TaskFacts = option(Nested(TaskFacts), about=_ABOUT_FOUND)
    # Where the module is looked for first. Not part of what the task is: studies move.
    folder: str = dataclasses.field(default="", compare=False, repr=False)

    def model_dump(self, *, exclude_defaults: bool = False) -> dict[str, Any]:
        """Return the fields as plain data, without the folder."""
        return _without_folder(super().model_dump(exclude_defaults=exclude_defaults))

    # What other tasks state for all of their kind.
    n = property(lambda self: self.found.n)  # pyright: ignore[reportAssignmentType]
    n_own_test = property(lambda self: self.found.n_own_test)  # pyright: ignore[reportAssignmentType]
    input_shape = property(lambda self: self.found.input_shape)  # pyright: ignore[reportAssignmentType]
    n_classes = property(lambda self: self.found.n_classes)  # pyright: ignore[reportAssignmentType]


@dataclass(frozen=True, kw_only=True)
class OwnModelSettings(Section):
    """A network of the user's own: a function (input_shape, n_classes) -> torch.nn.Module; see `networks.own`."""

    kind: str = option(OwnKind(), about="module:function that returns a torch.nn.Module")
    found: ModelFacts = option(Nested(ModelFacts), about=_ABOUT_FOUND)
    folder: str = dataclasses.field(default="", compare=False, repr=False)

    def model_dump(self, *, exclude_defaults: bool = False) -> dict[str, Any]:
        """Return the fields as plain data, without the folder."""
        return _without_folder(super().model_dump(exclude_defaults=exclude_defaults))


def _without_folder(fields: dict[str, Any]) -> dict[str, Any]:
    fields.pop("folder", None)
    return fields


class Look(Protocol):
    """Looks at tasks and networks of the user's own, which takes numpy and torch that a study never loads.

    Attributes:
        folder: where modules are looked for first: the study file's.
    """

    folder: str

    def task(self, kind: str) -> TaskFacts:
        """Return what a task is; raise UsageError, with the user's file and line, if it is no task."""
        ...

    def model(self, kind: str, task: AnyTask) -> ModelFacts:
        """Return what a network is that learns `task`; raise UsageError if it is none."""
        ...
