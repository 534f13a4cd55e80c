"""Looks at tasks and networks of the user's own before anything runs, and again before a run starts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from infosweep.study.settings import OwnModelSettings, OwnTaskSettings

if TYPE_CHECKING:
    from infosweep.study.own import ModelFacts, TaskFacts
    from infosweep.study.settings import AnyTask, StudySettings

_EXAMPLES = 3


class LookHere:
    """Looks at what is the user's own, in a folder first: `infosweep.study.own.Look`.

    numpy, and torch for a network, are loaded only when there is something to look at.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = str(Path(folder).absolute())

    def task(self, kind: str) -> TaskFacts:
        """Return what a task is; raise UsageError, with the user's file and line, if it is no task."""
        from infosweep.data.own import look_at

        return look_at(kind, self.folder)

    def model(self, kind: str, task: AnyTask) -> ModelFacts:
        """Return what a network is that learns `task`; raise UsageError if it is none."""
        from infosweep.data import load_task
        from infosweep.networks.own import look_at

        examples = load_task(task).inputs[:_EXAMPLES].reshape(-1, *task.input_shape)
        return look_at(kind, self.folder, examples, task.n_classes)


def look_again(study: StudySettings) -> None:
    """Check that what is the user's own is still what the study says it is.

    Raises:
        UsageError: it is not, or is not there.
    """
    if isinstance(study.task, OwnTaskSettings):
        from infosweep.data import load_task

        load_task(study.task)
    if isinstance(study.model, OwnModelSettings):
        import torch

        from infosweep.data import load_task
        from infosweep.networks.own import build

        examples = load_task(study.task).inputs[:_EXAMPLES].reshape(-1, *study.task.input_shape)
        build(study.model, torch.as_tensor(examples), study.task.n_classes, study.seeds[0])
