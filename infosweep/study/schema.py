"""The JSON Schema of the study file, for editors: keys, words, bounds, defaults, what each setting means."""

from __future__ import annotations

from dataclasses import MISSING
from typing import Any

from infosweep.study.axes import ABOUT_FOUR, FOUR_KINDS, further_axes
from infosweep.study.kinds import Kind, Number, Schema, WordOr
from infosweep.study.reader import FINDINGS, NAME, RETRIES, SEEDS
from infosweep.study.section import Section, own_fields
from infosweep.study.settings import (
    ESTIMATORS,
    MODELS,
    TASKS,
    LimitSettings,
    OwnModelSettings,
    OwnTaskSettings,
    RecordSettings,
    ResourceSettings,
    StudySettings,
    TaskSettings,
    TrainingSettings,
)

_RULES = ("bins", "edges", "width", "quantiles")


def json_schema() -> Schema:
    """Return the JSON Schema (draft 2020-12) of a study file.

    It says what single values may be; what they say about each other is checked by `infosweep plan`.

    >>> json_schema()["required"]
    ['name', 'task', 'axes']
    """
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "infosweep study",
        "description": "A study: what is varied, trained and measured.",
        "type": "object",
        "additionalProperties": False,
        "required": ["name", "task", "axes"],
        "properties": _top(),
    }


def _top() -> Schema:
    training = _section(TrainingSettings) | {"not": {"required": ["epochs", "steps"]}}
    estimator = {"oneOf": [_estimator(cls) for cls in ESTIMATORS.values()]}
    return {
        "infosweep": {"const": 1, "default": 1, "description": "format version"},
        "name": {**NAME.schema(), "description": "the study's name and its folder in the store"},
        "task": {
            "oneOf": [_task(cls) for cls in (*TASKS.values(), OwnTaskSettings)],
            "description": "what is learned",
        },
        "model": {
            "oneOf": [
                *(_section(cls) for cls in MODELS.values()),
                {**_section(OwnModelSettings), "required": ["kind"]},
            ],
            "description": "what learns",
        },
        "training": {**training, "description": "how it learns"},
        "axes": _axes(),
        "zip": {
            "type": "array",
            "items": {
                "type": "array",
                "items": {"type": "string"},
                "minItems": 2,
                "uniqueItems": True,
            },
            "default": [],
            "description": "groups of axes that advance together, as [[train_size, batch_size]]",
        },
        "where": {
            "type": "array",
            "items": {"type": "string", "minLength": 1, "maxLength": 2000},
            "default": [],
            "description": "keeps the cells for which all conditions hold, as label_noise == 0 or depth == 5: "
            "comparisons, and, or, not, in, + - * / on numbers and column names",
        },
        "tuned": {
            "type": "array",
            "maxItems": 0,
            "default": [],
            "description": "not available in this version",
        },
        "seeds": {
            "anyOf": [{"type": "integer", "minimum": 1}, SEEDS.schema()],
            "default": len(_default("seeds")),
            "description": "how many seeds, or which",
        },
        "record": {**_section(RecordSettings), "description": "what is measured, and when"},
        "estimators": {
            "type": "array",
            "minItems": 1,
            "items": estimator,
            "default": [{"kind": "bins", "bins": 30, "range": [-1, 1]}],
            "description": "how information is measured",
        },
        "findings": {
            **FINDINGS.schema(),
            "description": "what is concluded; by default all that the axes allow",
        },
        "resources": {
            **_section(ResourceSettings),
            "description": "what one pack of networks gets",
        },
        "limits": {
            **_section(LimitSettings),
            "description": "what is refused before anything runs",
        },
        "retries": {
            **RETRIES.schema(),
            "default": _default("retries"),
            "description": "further attempts of a failed trial",
        },
    }


def _default(name: str) -> Any:
    return StudySettings.model_fields[name].default


def _section(cls: type[Section]) -> Schema:
    properties: Schema = {}
    for name, field in own_fields(cls).items():
        shown = field.metadata["kind"].schema() | {"description": field.metadata["about"]}
        if field.default is not MISSING and field.default is not None:
            default = field.default
            shown["default"] = list(default) if isinstance(default, tuple) else default
        properties[name] = shown
    for name, neutral in cls.later.items():
        if neutral is not None:
            properties[name] = {"const": neutral, "description": "not available in this version"}
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _task(cls: type[TaskSettings]) -> Schema:
    schema: Schema = {**_section(cls), "required": ["kind"]}
    if isinstance(cls.n_own_test, int) and cls.n_own_test:
        del schema["properties"]["holdout"]
    return schema


def _estimator(cls: type[Section]) -> Schema:
    schema = _section(cls)
    pairs = [[a, b] for i, a in enumerate(_RULES) for b in _RULES[i + 1 :]]
    beside_range = [["range", rule] for rule in _RULES if rule != "bins"]
    return schema | {"not": {"anyOf": [{"required": pair} for pair in [*pairs, *beside_range]]}}


def _axes() -> Schema:
    about = {
        **ABOUT_FOUR,
        "task.kind": "what is learned",
        **{
            f"{section}.{name}": field.metadata["about"]
            for section, cls in (
                ("task", TaskSettings),
                ("model", MODELS["mlp"]),
                ("training", TrainingSettings),
            )
            for name, field in own_fields(cls).items()
        },
    }
    kinds = {**FOUR_KINDS, **further_axes()}
    return {
        "type": "object",
        "minProperties": 1,
        "additionalProperties": False,
        "properties": {
            name: _axis(kind) | {"description": about.get(name, "")} for name, kind in kinds.items()
        },
        "description": "the study's cells are the product of its axes",
    }


def _axis(kind: Kind) -> Schema:
    values = {"type": "array", "minItems": 1, "items": kind.schema()}
    words_only = not isinstance(kind, (Number, WordOr)) and "anyOf" not in kind.schema()
    if words_only:
        return values
    bounds = {"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 2}
    span = {
        "type": "object",
        "properties": {"range": bounds | {"description": "first and last, both included"}},
        "required": ["range"],
        "additionalProperties": False,
    }
    return {"anyOf": [values, span]}
