"""Further axes that some packs have a column for and others have not.

An axis that was added after a study had run has no column in the older files, though its value is among the
settings of each older trial. It is read from there, so that a table looks as if the axis had always been.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from infosweep.plan.trial import Trial
from infosweep.store.commit import Commit
from infosweep.store.schemas import merge_extra

if TYPE_CHECKING:
    import pyarrow as pa


def extra_of(commits: Mapping[str, Commit]) -> dict[str, str]:
    """Return all further axes' columns of a study and their types."""
    return merge_extra(commit.extra for commit in commits.values())


def packs_lacking(commits: Mapping[str, Commit], extra: Mapping[str, str]) -> dict[str, list[str]]:
    """Return the packs that lack some of the columns, and which."""
    lacking = {
        pack_id: [column for column in extra if column not in commit.extra]
        for pack_id, commit in commits.items()
    }
    return {pack_id: columns for pack_id, columns in lacking.items() if columns}


def setting_of(trial: Trial, column: str) -> Any:
    """Return the setting of a trial that an axis' column holds; None where it cannot be told.

    The column is a field's name, or section and field joined by `_`.
    """
    found = []
    for section in ("task", "model", "training", "record"):
        settings = getattr(trial, section)
        for name in type(settings).model_fields:
            if column in (name, f"{section}_{name}"):
                found.append(getattr(settings, name))
    if len(found) != 1 or isinstance(found[0], BaseModel):
        return None
    value = found[0]
    return list(value) if isinstance(value, tuple) else value


def values_lacking(trials: pa.Table, columns: list[str]) -> dict[str, dict[str, Any]]:
    """Return by trial id the values of columns, from `trials` with columns trial_id and settings."""
    from infosweep.plan.trials import trial_from_content

    values = {}
    for trial_id, content in zip(
        trials.column("trial_id").to_pylist(), trials.column("settings").to_pylist(), strict=True
    ):
        try:
            trial = trial_from_content(content)
        except Exception:  # settings of a version that this one cannot read: the column stays null
            continue
        values[trial_id] = {column: setting_of(trial, column) for column in columns}
    return values
