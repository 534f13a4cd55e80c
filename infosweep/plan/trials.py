"""From cells to trials: a cell and a seed with its content id, and back from the stored content."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from infosweep.plan.cells import Cell, cells_of
from infosweep.plan.ids import (
    NUMERICS,
    canonical_estimators,
    canonical_json,
    canonical_record,
    canonical_training,
    digest,
    section_content,
)
from infosweep.plan.trial import Scalar, Trial
from infosweep.study.settings import (
    OwnModelSettings,
    RecordSettings,
    TrainingSettings,
    estimator_settings,
    model_settings,
    task_settings,
)

if TYPE_CHECKING:
    from infosweep.study.settings import AnyEstimator, StudySettings


def trials_of(study: StudySettings) -> list[Trial]:
    """Return a study's trials: every cell with every seed, seeds fastest.

    Raises LimitError if there are more than `limits.trials`.
    """
    return trials_of_cells(cells_of(study), study.seeds, study.record, study.estimators)


def trials_of_cells(
    cells: Sequence[Cell],
    seeds: Sequence[int],
    record: RecordSettings,
    estimators: Sequence[AnyEstimator],
) -> list[Trial]:
    """Return every cell with every seed, seeds fastest."""
    record, estimators = canonical_record(record), canonical_estimators(estimators)
    shared = {
        "numerics": NUMERICS,
        "record": section_content(record),
        "estimators": [section_content(estimator) for estimator in estimators],
    }
    trials = []
    for cell in cells:
        task, model, training = cell.task, cell.model, canonical_training(cell.training)
        content = {
            **shared,
            "task": section_content(task),
            "model": section_content(model),
            "training": section_content(training),
            "cell": {
                "train_size": float(cell.train_size),
                "batch_size": cell.batch_size,
                "depth": cell.depth,
                "label_noise": float(cell.label_noise),
            },
        }
        hidden = _hidden(cell)
        for seed in seeds:
            text = canonical_json({**content, "seed": seed})
            trial = Trial(
                trial_id=digest(text),
                content=text,
                seed=seed,
                task=task,
                model=model,
                training=training,
                record=record,
                estimators=estimators,
                train_size=float(cell.train_size),
                n_train=cell.n_train,
                batch_size=cell.batch_as_written,
                batch_used=cell.batch_used,
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
        content: `Trial.content`; the rebuilt trial keeps it, and so its id, to the letter.
        extra: `Trial.extra`: further axes under their column names, which the content does not name.
    """
    data = json.loads(content)
    cell = Cell(
        task=task_settings(data["task"]),
        model=model_settings(data["model"]),
        training=TrainingSettings.model_validate(data["training"]),
        **data["cell"],
        extra=dict(extra or {}),
    )
    record = RecordSettings.model_validate(data["record"])
    estimators = [estimator_settings(each) for each in data["estimators"]]
    (trial,) = trials_of_cells([cell], [data["seed"]], record, estimators)
    return replace(trial, content=content, trial_id=digest(content))


def _hidden(cell: Cell) -> tuple[int, ...]:
    if isinstance(cell.model, OwnModelSettings):
        return cell.model.found.widths
    if cell.depth is None:
        return ()
    return cell.model.hidden_at(cell.depth, cell.task.n_inputs, cell.task.n_classes)
