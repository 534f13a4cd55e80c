"""Content ids: a trial and a pack are named by a hash of what they are, never by when or where they ran.

What enters a trial's id is one canonical JSON text: sorted keys, no spaces, a field at its default left
out (so that a setting that comes later orphans no store), numbers in one form. What does not change rows
(name of the study, resources, findings, limits, retries) does not enter.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from infosweep.study.settings import AnyEstimator, RecordSettings, Section, TrainingSettings

# Raised whenever the same settings would give other rows.
NUMERICS = 1

_DIGEST_BYTES = 8  # 16 hex digits: a collision among a million trials has probability 3e-8


def canonical_json(value: Any) -> str:
    """Write plain data as JSON in the one form that is hashed.

    >>> canonical_json({"b": 1.0, "a": (1, "x")})
    '{"a":[1,"x"],"b":1.0}'
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest(text: str) -> str:
    """Return 16 hexadecimal digits of the BLAKE2b hash of a text."""
    return hashlib.blake2b(text.encode(), digest_size=_DIGEST_BYTES).hexdigest()


def section_content(section: Section) -> dict[str, Any]:
    """Return the fields of a section that are not at their default, and its kind."""
    content = section.model_dump(exclude_defaults=True)
    kind = getattr(section, "kind", None)
    return content if kind is None else {"kind": kind, **content}


def canonical_training(training: TrainingSettings) -> TrainingSettings:
    """Return the one form of a training that can be written in two ways.

    Optimizer `momentum` with the momentum that it takes anyway equals one without; beside `steps`, `epochs`
    is not in force.
    """
    update: dict[str, Any] = {}
    implied = training.model_copy(update={"momentum": 0.0})
    if training.used_momentum == implied.used_momentum:
        update["momentum"] = 0.0
    if training.steps is not None:
        update["epochs"] = TrainingSettings.model_fields["epochs"].default
    return training.model_copy(update=update)


def canonical_record(record: RecordSettings) -> RecordSettings:
    """Return the record section with samples, layers and measures in one order: rows do not depend on it."""
    layers = record.layers if record.layers == "all" else tuple(sorted(set(record.layers)))
    samples = tuple(name for name in RecordSettings.model_fields["samples"].default if name in record.samples)
    return record.model_copy(update={"layers": layers, "samples": samples, "measures": tuple(sorted(set(record.measures)))})


def canonical_estimators(estimators: Iterable[AnyEstimator]) -> tuple[AnyEstimator, ...]:
    """Return the estimators in one order: rows do not depend on it."""
    return tuple(sorted(estimators, key=lambda estimator: canonical_json(section_content(estimator))))


def pack_id_of(trial_ids: Iterable[str], generation: int = 0) -> str:
    """Return the id of the pack of these trials, whatever their order.

    `generation` tells packs of the same trials apart: a pack that was committed with failures only has used
    up its id, and the next one takes the next generation.
    """
    text = ",".join(sorted(trial_ids))
    return digest(text if generation == 0 else f"{text}#{generation}")


def cell_content(train_size: float, batch_size: int | str, depth: int | None, label_noise: float) -> Mapping[str, Any]:
    """Return the four axes as written, numbers in one form (`1` and `1.0` are one train_size)."""
    return {
        "train_size": float(train_size),
        "batch_size": batch_size,
        "depth": depth,
        "label_noise": float(label_noise),
    }
