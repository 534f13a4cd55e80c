"""A study as YAML that reads back as the same study."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from infosweep.study.axes import allowed_findings, default_axes
from infosweep.study.nodes import resolve
from infosweep.study.settings import StudySettings, in_force


def study_to_mapping(study: StudySettings) -> dict[str, Any]:
    """Return a study as plain data, laid out as a study file, without what is at its default.

    So that what is changed in it (`task`, `hidden`, an axis) draws its defaults after it.

    >>> from infosweep.study.load import study_from_mapping
    >>> study_to_mapping(study_from_mapping({"name": "a", "task": {"kind": "digits"}, "axes": {"depth": [1, 2]}}))
    {'name': 'a', 'task': {'kind': 'digits'}, 'axes': {'depth': [1, 2]}}
    """
    whole = _everything(study)
    task = study.task.model_dump(exclude_defaults=True)
    axes = default_axes(study.task, study.model, study.axes)
    kept: dict[str, Any] = {
        "name": study.name,
        "task": {"kind": study.task.kind, **task},
        "axes": {
            name: values for name, values in whole["axes"].items() if [axes.get(name)] != values
        },
    }
    kept["axes"] = kept["axes"] or {"label_noise": whole["axes"]["label_noise"]}
    for name in ("model", "training", "record", "resources", "limits"):
        if fields := getattr(study, name).model_dump(exclude_defaults=True):
            kept[name] = {key: value for key, value in whole[name].items() if key in fields}
    for name in ("zip", "where", "seeds", "estimators", "retries"):
        if getattr(study, name) != StudySettings.model_fields[name].default:
            kept[name] = whole[name]
    if study.findings != allowed_findings(study.axes):
        kept["findings"] = whole["findings"]
    return kept


def _everything(study: StudySettings) -> dict[str, Any]:
    """Return every setting of a study that is in force."""
    task = study.task.model_dump()
    if study.task.n_own_test:
        del task["holdout"]
    training = study.training.model_dump()
    del training["epochs" if study.training.steps is not None else "steps"]
    counted = study.seeds == tuple(range(len(study.seeds)))
    return {
        "infosweep": study.infosweep,
        "name": study.name,
        "task": task,
        "model": study.model.model_dump(),
        "training": training,
        # A network without the notion of depth has it nowhere: an axis never holds null.
        "axes": {name: list(each) for name, each in study.axes.items() if each != (None,)},
        "zip": [list(group) for group in study.zip],
        "where": list(study.where),
        "tuned": list(study.tuned),
        "seeds": len(study.seeds) if counted else list(study.seeds),
        "record": study.record.model_dump(),
        "estimators": [in_force(estimator) for estimator in study.estimators],
        "findings": list(study.findings),
        "resources": study.resources.model_dump(),
        "limits": study.limits.model_dump(),
        "retries": study.retries,
    }


def dump_yaml(study: StudySettings) -> str:
    """Return a study as the text of a study file, every setting written out; `load_study` reads it back equal."""
    lines = []
    for key, value in _everything(study).items():
        if key in ("axes", "where", "estimators", "zip") and value:
            lines.append(f"{key}:")
            items = value.items() if isinstance(value, dict) else [(None, item) for item in value]
            lines += [
                f"  {name}: {_flow(item)}" if name is not None else f"  - {_flow(item)}"
                for name, item in items
            ]
        else:
            lines.append(f"{key}: {_flow(value)}")
    return "\n".join(lines) + "\n"


def _flow(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, str):
        plain = re.fullmatch(r"[A-Za-z][A-Za-z0-9_.-]*", value) and resolve(value) == (value, None)
        return value if plain else json.dumps(value, ensure_ascii=False)
    if isinstance(value, Sequence):
        return "[" + ", ".join(map(_flow, value)) + "]"
    # To readers of YAML 1.1, 1e-05 is a text and 1.0e-05 a number; YAML 1.2 reads both as a number.
    return re.sub(r"^(-?[0-9]+)e", r"\1.0e", json.dumps(value))
