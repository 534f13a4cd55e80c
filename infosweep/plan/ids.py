"""Content ids: a trial and a pack are named by a hash of what they are, not of when or where they ran.

What enters a trial's id is one canonical JSON text: sorted keys, no spaces, numbers in one form, and a
field at its default left out, so that a setting that comes later orphans no store. What does not change
rows (the study's name, resources, findings, limits, retries) does not enter.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any

from infosweep.study.settings import AnyEstimator, RecordSettings, Section, TrainingSettings

# Raised whenever the same settings would give other rows.
NUMERICS = 1

# Every sample, in the order of the default.
SAMPLES = RecordSettings().samples

_DIGEST_BYTES = 8  # 16 hex digits: two of a million trials share an id with probability 3e-8


def canonical_json(value: Any) -> str:
    """Write plain data as JSON in the one form that is hashed.

    >>> canonical_json({"b": 1.0, "a": (1, "x")})
    '{"a":[1,"x"],"b":1.0}'
    """
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )


def digest(text: str) -> str:
    """Return 16 hexadecimal digits of the BLAKE2b hash of a text.

    >>> len(digest("text"))
    16
    """
    return hashlib.blake2b(text.encode(), digest_size=_DIGEST_BYTES).hexdigest()


def section_content(section: Section) -> dict[str, Any]:
    """Return the fields of a section that are not at their default, and its kind."""
    content = section.model_dump(exclude_defaults=True)
    kind = getattr(section, "kind", None)
    return content if kind is None else {"kind": kind, **content}


def canonical_training(training: TrainingSettings) -> TrainingSettings:
    """Return the one form of a training that can be written in two ways.

    Optimizer `momentum` with the momentum that it takes anyway equals one without; beside `steps`,
    `epochs` is not in force.
    """
    update: dict[str, Any] = {}
    implied = training.model_copy(update={"momentum": 0.0})
    if training.used_momentum == implied.used_momentum:
        update["momentum"] = 0.0
    if training.steps is not None:
        update["epochs"] = TrainingSettings().epochs
    return training.model_copy(update=update)


def canonical_record(record: RecordSettings) -> RecordSettings:
    """Return the record section with its sets (samples, layers) in one order."""
    layers = record.layers if record.layers == "all" else tuple(sorted(set(record.layers)))
    samples = tuple(name for name in SAMPLES if name in record.samples)
    return record.model_copy(update={"samples": samples, "layers": layers})


def canonical_estimators(estimators: Iterable[AnyEstimator]) -> tuple[AnyEstimator, ...]:
    """Return the estimators in one order: rows do not depend on it."""
    return tuple(sorted(estimators, key=lambda each: canonical_json(section_content(each))))


def pack_id_of(trial_ids: Iterable[str], generation: int = 0) -> str:
    """Return the id of the pack of these trials, whatever their order.

    `generation` tells packs of the same trials apart: where the pack of that id has been committed with
    these very trials failed, the next one takes the next generation.

    >>> pack_id_of(["a", "b"]) == pack_id_of(["b", "a"]) != pack_id_of(["a", "b"], generation=1)
    True
    """
    text = ",".join(sorted(trial_ids))
    return digest(text if generation == 0 else f"{text}#{generation}")
