"""From cells to trials: a cell and a seed, with its content id, and back again from the stored content."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from pydantic import TypeAdapter

from infosweep.plan.cells import Cell, cells_of
from infosweep.plan.ids import (
    NUMERICS,
    canonical_estimators,
    canonical_json,
    canonical_record,
    canonical_training,
    cell_content,
    digest,
    section_content,
)
from infosweep.plan.trial import Scalar, Trial
from infosweep.study.settings import AnyEstimator, AnyTask, MlpSettings, RecordSettings, TrainingSettings

if TYPE_CHECKING:
    from infosweep.study.settings import StudySettings

_TASKS: TypeAdapter[AnyTask] = TypeAdapter(AnyTask)
_ESTIMATORS: TypeAdapter[tuple[AnyEstimator, ...]] = TypeAdapter(tuple[AnyEstimator, ...])


def trials_of(study: StudySettings) -> list[Trial]:
    """Return a study's trials: every cell with every seed, seeds fastest.

    Raises LimitError if there are more than `limits.trials`.
    """
    return [trial for cell in cells_of(study) for trial in trials_of_cell(cell, study.seeds, study.record, study.estimators)]


def trials_of_cell(
    cell: Cell, seeds: Sequence[int], record: RecordSettings, estimators: Sequence[AnyEstimator]
) -> list[Trial]:
    """Return one trial per seed of a cell."""
    training, record, estimators = canonical_training(cell.training), canonical_record(record), canonical_estimators(estimators)
    content = {
        "numerics": NUMERICS,
        "task": section_content(cell.task),
        "model": section_content(cell.model),
        "training": section_content(training),
        "cell": cell_content(cell.train_size, cell.batch_size, cell.depth, cell.label_noise),
        "record": section_content(record),
        "estimators": [section_content(estimator) for estimator in estimators],
    }
    hidden = () if cell.depth is None else cell.model.hidden_at(cell.depth, cell.task.n_inputs, cell.task.n_classes)
    columns = cell.columns
    trials = []
    for seed in seeds:
        text = canonical_json({**content, "seed": seed})
        trial = Trial(
            trial_id=digest(text),
            content=text,
            seed=seed,
            task=cell.task,
            model=cell.model,
            training=training,
            record=record,
            estimators=estimators,
            train_size=float(cell.train_size),
            n_train=cell.n_train,
            batch_size=cell.batch_as_written,
            batch_used=columns["batch_used"],
            full_batch=cell.batch_size == "full",
            depth=cell.depth,
            label_noise=float(cell.label_noise),
            hidden=hidden,
            extra=cell.extra,
        )
        trials.append(trial)
    return trials


def trial_from_content(content: str, extra: Mapping[str, Scalar] | None = None) -> Trial:
    """Rebuild a trial from its content, as a stored pack holds it, whatever the study says by now.

    Args:
        content: `Trial.content`.
        extra: `Trial.extra`, which the content does not name: further axes under their column names.
    """
    data = json.loads(content)
    cell = Cell(
        task=_TASKS.validate_python(data["task"]),
        model=MlpSettings.model_validate(data["model"]),
        training=TrainingSettings.model_validate(data["training"]),
        **data["cell"],
        extra=dict(extra or {}),
    )
    (trial,) = trials_of_cell(
        cell,
        [data["seed"]],
        RecordSettings.model_validate(data["record"]),
        _ESTIMATORS.validate_python(data["estimators"]),
    )
    return trial
