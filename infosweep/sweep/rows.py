"""A trial's rows: what its network and its measures give, with the columns that every table repeats."""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from infosweep.data import make_problem
from infosweep.measures import Measurer
from infosweep.store.schemas import build_table
from infosweep.study.settings import MlpSettings

if TYPE_CHECKING:
    import pyarrow as pa

    from infosweep.plan.trial import Trial
    from infosweep.snapshot import Snapshot


class TrialRun:
    """A trial while its network learns: takes snapshots, and gives rows at the end.

    Attributes:
        problem: the examples that it learns from.
        train_seconds: time spent outside of measuring; to be set where trials are trained together.
        measure_seconds: time spent in measuring.
    """

    def __init__(self, trial: Trial) -> None:
        self.trial = trial
        self.problem = make_problem(trial)
        self.train_seconds: float | None = None
        self.measure_seconds = 0.0
        self._measurer = Measurer(trial, self.problem)
        self._diverged = False
        self._step = 0
        self._started_at = datetime.now(UTC)
        self._started = time.monotonic()

    def take(self, snapshot: Snapshot) -> None:
        """Measure the network; one that has diverged leaves no rows of this moment."""
        self._step, self._diverged = snapshot.step, snapshot.diverged
        before = time.monotonic()
        self._measurer.take(snapshot)
        self.measure_seconds += time.monotonic() - before

    def tables(
        self, study: str, of_the_run: Mapping[str, Any], extra: Mapping[str, str]
    ) -> dict[str, pa.Table]:
        """Return the trial's rows of all tables.

        Args:
            study: name of the study.
            of_the_run: engine, device, pack_id and attempt.
            extra: columns of further axes and their types.
        """
        if self.train_seconds is None:
            self.train_seconds = time.monotonic() - self._started - self.measure_seconds
        repeated = trial_values(self.trial, study)
        tables = {
            name: build_table(name, columns, repeated, extra)
            for name, columns in self._measurer.columns().items()
        }
        tables["trials"] = build_table(
            "trials",
            {**self._outcome(), **of_the_run},
            {**settings_values(self.trial), **repeated},
            extra,
        )
        return tables

    def _outcome(self) -> dict[str, Any]:
        return {
            "status": "diverged" if self._diverged else "done",
            "steps": self._step,
            **self._measurer.final(),
            "host": platform.node(),
            "train_seconds": self.train_seconds,
            "measure_seconds": self.measure_seconds,
            "started_at": self._started_at,
            "finished_at": datetime.now(UTC),
        }


def trial_values(trial: Trial, study: str) -> dict[str, Any]:
    """Return the columns that every table repeats, further axes included."""
    return {
        **trial.extra,
        "trial_id": trial.trial_id,
        "study": study,
        "seed": trial.seed,
        "train_size": trial.train_size,
        "n_train": trial.n_train,
        "batch_size": trial.batch_size,
        "batch_used": trial.batch_used,
        "full_batch": trial.full_batch,
        "depth": trial.depth,
        "label_noise": trial.label_noise,
    }


def settings_values(trial: Trial) -> dict[str, Any]:
    """Return a trial's settings under the columns of `trials`."""
    task, model, training = trial.task, trial.model, trial.training
    mlp = model if isinstance(model, MlpSettings) else None
    return {
        "task": task.kind,
        "holdout": task.holdout,
        "validation": task.validation,
        "model": model.kind,
        "hidden": json.dumps(trial.hidden),
        "widths": mlp and mlp.widths,
        "activation": mlp and mlp.activation,
        "init": mlp and mlp.init,
        "optimizer": training.optimizer,
        "learning_rate": training.learning_rate,
        "momentum": training.used_momentum,
        "weight_decay": training.weight_decay,
        "epochs": training.n_epochs,
        "settings": trial.content,
        "n_parameters": trial.n_parameters,
    }


def failure_rows(
    trial: Trial, study: str, attempt: Mapping[str, str], extra: Mapping[str, str]
) -> pa.Table:
    """Return the row of `failures` of one trial; `attempt` says which, and what went wrong."""
    columns = {**attempt, "host": platform.node(), "failed_at": datetime.now(UTC)}
    return build_table("failures", columns, trial_values(trial, study), extra)
