"""What is learned: tasks, splits and subsets, corruption of labels.

A task is one file with `make() -> (inputs (n, d) float32, labels (n,) int64)`, its own test split last;
its settings class in study/tasks.py, which states its shape; and a line in `_make` below. One of the user's
own is a function that a study names: see own.py.
"""

from __future__ import annotations

import difflib
import threading
from functools import cache

import numpy as np
from numpy.typing import NDArray

from infosweep.data.problem import Problem, Task, make_problem
from infosweep.errors import UsageError
from infosweep.study.settings import TASKS, AnyTask, OwnTaskSettings

__all__ = ["Problem", "Task", "load_task", "make_problem"]

_LOCK = threading.Lock()


def load_task(task: AnyTask | str) -> Task:
    """Return a task's examples: `.inputs` (n, d) float32, `.labels` (n,) int64, `.name`, `.n_classes`.

    Made once per process. From settings, the arrays are shared and must not be written to; by name they
    are a copy of one's own.

    Raises UsageError for an unknown name.

    >>> load_task("binary12").inputs.shape
    (4096, 12)
    """
    if isinstance(task, OwnTaskSettings):
        from infosweep.data import own

        return own.load(task)
    if not isinstance(task, str):
        with _LOCK:  # threads of one process would make it several times at once
            return _load(task.kind)
    if task not in TASKS:
        near = difflib.get_close_matches(task, TASKS, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise UsageError(f"unknown task {task!r}{hint}", f"available: {', '.join(TASKS)}")
    with _LOCK:
        shared = _load(task)
    return Task(
        task, shared.inputs.copy(), shared.labels.copy(), shared.n_classes, shared.n_own_test
    )


@cache
def _load(kind: str) -> Task:
    inputs, labels = _make(kind)
    settings = TASKS[kind]
    return Task(kind, inputs, labels, settings.n_classes, settings.n_own_test)


def _make(kind: str) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    match kind:
        case "binary12":
            from infosweep.data import binary12 as module
        case "digits":
            from infosweep.data import digits as module
        case "mnist1d":
            from infosweep.data import mnist1d as module
        case _:
            raise UsageError(f"task {kind!r} has no file in infosweep/data")
    return module.make()
