"""One point of the axes: the sections that hold there, and the columns that `where` knows."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from infosweep.study.axes import axis_columns
from infosweep.study.settings import (
    FOUR_AXES,
    TASKS,
    AnyModel,
    AnyTask,
    MlpSettings,
    StudySettings,
    TrainingSettings,
)

Sections = tuple[AnyTask, AnyModel, TrainingSettings]


def cell_sections(study: StudySettings, values: Mapping[str, Any]) -> Sections:
    """Return task, model and training of a cell: the study's sections with its dotted axes applied.

    Args:
        study: the study.
        values: axis -> value, as `study.axes` names them; the four axes are passed over.
    """
    return apply_axes((study.task, study.model, study.training), values)


def apply_axes(sections: Sections, values: Mapping[str, Any]) -> Sections:
    """Return sections with the values of dotted axes in place of their fields."""
    updates: dict[str, dict[str, Any]] = {"task": {}, "model": {}, "training": {}}
    for name, value in values.items():
        if name not in FOUR_AXES:
            section, _, field = name.partition(".")
            updates[section][field] = value
    task, model, training = sections
    if updates["task"]:
        task = _task(task, updates["task"])
    if updates["model"] and isinstance(model, MlpSettings):  # others have no axes
        model = model.model_copy(update=updates["model"])
    if updates["training"]:
        training = _training(training, updates["training"])
    return task, model, training


def _task(task: AnyTask, update: dict[str, Any]) -> AnyTask:
    if "kind" not in update:
        return task.model_copy(update=update)
    cls = TASKS[update["kind"]]
    fields = {
        "holdout": task.holdout,
        "validation": task.validation,
        **update,
    }
    if cls.n_own_test:
        del fields["holdout"]  # a task with its own test part has no use for it
    made: Any = cls(**fields)
    return made


def _training(training: TrainingSettings, update: dict[str, Any]) -> TrainingSettings:
    if "steps" in update:
        update["epochs"] = TrainingSettings.model_fields["epochs"].default
    elif "epochs" in update:
        update["steps"] = None
    optimizer = update.get("optimizer", training.optimizer)
    if "optimizer" in update and optimizer == "adam" and "momentum" not in update:
        update["momentum"] = 0.0  # the section's momentum is meant for the other optimisers
    return training.model_copy(update=update)


def axis_column(study: StudySettings, name: str) -> str:
    """Return the column of an axis in tables and in `where`.

    The last word of its name; dots as `_` where two axes collide, or where a table has such a column already.
    """
    return axis_columns(study.axes)[name]


def n_train_of(task: AnyTask, train_size: float) -> int:
    """Return the number of training examples, validation part included, of a train_size as written."""
    return int(train_size) if train_size > 1 else math.floor(train_size * task.n + 1e-9)


def columns_of(
    task: AnyTask, values: Mapping[str, Any], columns: Mapping[str, str]
) -> dict[str, Any]:
    """Return the columns of a cell as the tables have them, those that `values` allow.

    Args:
        task: the cell's task.
        values: axis -> value, of some or all axes.
        columns: axis -> column.
    """
    row = {columns[name]: value for name, value in values.items()}
    size, batch = values.get("train_size"), values.get("batch_size")
    if batch is not None:
        row["full_batch"] = batch == "full"
    if size is not None:
        row["n_train"] = n_train = n_train_of(task, size)
        row["train_size"] = float(size)
        if batch is not None:
            row["batch_size"] = n_train if batch == "full" else batch
            n_fit = n_train - int(task.validation * n_train + 1e-9)
            row["batch_used"] = min(row["batch_size"], n_fit)
    return row
