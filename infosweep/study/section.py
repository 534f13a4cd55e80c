"""What every settings class of a study shares: frozen, keyword-only, checked when made, unknown keys refused."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import MISSING, dataclass
from typing import Any, ClassVar, Self

from infosweep.study.faults import Place, Report, Source, did_you_mean, listed
from infosweep.study.kinds import BAD, Kind, unavailable
from infosweep.study.nodes import Node, describe, from_python


def option(kind: Kind, default: Any = MISSING, *, about: str, example: str = "") -> Any:
    """Declare a field: what it may hold, its default, what it means (shown by editors)."""
    return dataclasses.field(
        default=default, metadata={"kind": kind, "about": about, "example": example}
    )


class _Fields:
    """The fields of a settings class by name, `.default` among what each tells."""

    def __get__(
        self, instance: Section | None, owner: type[Section]
    ) -> dict[str, dataclasses.Field[Any]]:
        return owner.__dataclass_fields__


@dataclass(frozen=True, kw_only=True)
class Section:
    """A frozen section of a study; unknown keys are refused.

    Made in Python, it checks its values as a study file's are checked and raises StudyError. Its methods
    bear pydantic's names.

    Attributes:
        later: key -> the value at which a setting of a later version means what this version does anyway,
            None where there is none.
    """

    later: ClassVar[Mapping[str, Any]] = {}
    model_fields: ClassVar[_Fields] = _Fields()

    def __post_init__(self) -> None:
        """Check every value and bring it to its canonical form."""
        report, source = Report(), Source(type(self).__name__)
        for name, field in own_fields(type(self)).items():
            value = getattr(self, name)
            if value is field.default:
                continue
            found = field.metadata["kind"].read(
                from_python(value, source, name), report, name, example_of(field)
            )
            object.__setattr__(self, name, found)
        report.done()

    @classmethod
    def model_validate(cls, data: Mapping[str, Any]) -> Self:
        """Return the settings of a mapping; StudyError names every wrong key and value."""
        report = Report()
        values = read_fields(cls, from_python(data, Source(cls.__name__)), report, "")
        report.done()
        return cls(**values)

    def model_copy(self, *, update: Mapping[str, Any] | None = None) -> Self:
        """Return a copy with some fields changed and checked."""
        return dataclasses.replace(self, **(update or {}))

    def model_dump(self, *, exclude_defaults: bool = False) -> dict[str, Any]:
        """Return the fields as plain data, nested sections as dicts; without those at their default if asked."""
        dumped = {}
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if not (exclude_defaults and value == field.default):
                dumped[field.name] = _plain(value, exclude_defaults)
        return dumped


def _plain(value: Any, exclude_defaults: bool) -> Any:
    if isinstance(value, Section):
        return value.model_dump(exclude_defaults=exclude_defaults)
    if isinstance(value, tuple):
        return tuple(_plain(item, exclude_defaults) for item in value)
    return dict(value) if isinstance(value, dict) else value


def own_fields(cls: type[Section]) -> dict[str, dataclasses.Field[Any]]:
    """Return the fields of a settings class that are declared by `option`."""
    return {field.name: field for field in dataclasses.fields(cls) if "kind" in field.metadata}


def example_of(field: dataclasses.Field[Any]) -> str:
    """Return an example of a field's values as it is written in a study."""
    if field.metadata["example"]:
        return field.metadata["example"]
    default = field.default
    if default is MISSING or default is None:
        return ""
    return f"[{', '.join(map(str, default))}]" if isinstance(default, tuple) else str(default)


def read_fields(cls: type[Section], node: Node, report: Report, path: str) -> dict[str, Any]:
    """Return the values that a mapping gives to fields of `cls`, the wrong ones left out and noted.

    Args:
        cls: the settings class.
        node: the section as written.
        report: takes the faults.
        path: dotted path of the section, for messages; empty for none.
    """
    if node.kind != "map":
        name = path or cls.__name__
        report.add(
            node.place, f"{name} must be a mapping, not {describe(node)}", section_mend(cls, path)
        )
        return {}
    values: dict[str, Any] = {}
    fields = own_fields(cls)
    for key, (key_node, value_node) in node.entries.items():
        what = f"{path}.{key}" if path else key
        if key in fields:
            value = (
                fields[key].metadata["kind"].read(value_node, report, what, example_of(fields[key]))
            )
            if value is not BAD:
                values[key] = value
        elif key in cls.later:
            refuse_later(cls, key, value_node, key_node.place, report, what)
        else:
            unknown_key(key, key_node.place, tuple(fields), report, path)
    return values


def refuse_later(
    cls: type[Section], key: str, node: Node, place: Place, report: Report, what: str
) -> None:
    """Note a setting that a later version brings, unless it asks for what this version does anyway."""
    neutral = cls.later[key]
    if neutral is not None and (
        _value_of(node) == neutral or (neutral == {} and _value_of(node) is None)
    ):
        return
    report.add(place, unavailable(what, tuple(own_fields(cls))), "drop the key")


def _value_of(node: Node) -> Any:
    """Return the plain value of a node, for comparisons."""
    if node.kind == "list":
        return [_value_of(item) for item in node.items]
    if node.kind == "map":
        return {key: _value_of(value) for key, (_, value) in node.entries.items()}
    return ("boolean", node.value) if isinstance(node.value, bool) else node.value


def unknown_key(key: str, place: Place, valid: tuple[str, ...], report: Report, path: str) -> None:
    """Note a key that nothing knows."""
    inside = f" in {path}" if path else ""
    home = _home_of(key, path)
    guess = "" if home else did_you_mean(key, valid)
    if home:
        mend = f"write it {home}"
    elif guess:
        mend = "rename the key; `infosweep schema` lists all keys"
    elif key == "<<":
        mend = "write the fields out; merge keys are not read"
    else:
        mend = f"drop the key; valid keys: {listed(valid)}"
    shown = key if len(key) <= 60 else f"{key[:57]}..."
    report.add(place, f"unknown key {shown!r}{inside}{guess}", mend)


# Names that other tools give to a setting.
_ELSEWHERE = {
    "lr": "learning_rate", "n_epochs": "epochs", "batch": "batch_size", "batchsize": "batch_size",
    "noise": "label_noise", "n_train": "train_size", "layers": "hidden", "n_seeds": "seeds",
}  # fmt: skip


def _home_of(key: str, path: str) -> str:
    """Return where a key belongs that stands in the wrong section, and what it is called there; "" if nowhere."""
    from infosweep.study.axes import FOUR_KINDS, SECTIONS
    from infosweep.study.settings import RecordSettings

    homes = {"axes": dict.fromkeys(FOUR_KINDS), "record": own_fields(RecordSettings)}
    homes |= {name: own_fields(cls) for name, cls in SECTIONS.items()}
    section, _, last = key.rpartition(".")
    name = _ELSEWHERE.get(last.lower(), last)
    called = f"`{name}:`" if name != key else ""
    if name == "seeds" and path:
        return f"at the left edge of the file{f', as {called}' if called else ''}"
    for home, fields in homes.items():
        if name in fields and name != "kind" and section in ("", home) and (home != path or called):
            example = ", a list of values" if home == "axes" else ""
            return f"below `{home}:`{f', as {called}' if called else ''}{example}"
    return ""


def section_mend(cls: type[Section], path: str) -> str:
    """Return how to write a section that is no mapping."""
    keys = listed(own_fields(cls), 4)
    name = path.rsplit(".", 1)[-1]
    return (
        f"write `{name}:` and below it, indented, its fields ({keys})"
        if name
        else f"write fields ({keys})"
    )
