"""What is damaged is set aside, whole packs at a time, so that the next run makes it again.

Nothing is deleted: files and commit of a pack are moved to `_meta/damaged/<moment>/`, and foreign files
likewise. A kill between any two moves leaves something that the next repair finds and finishes.
"""

from __future__ import annotations

import os
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from infosweep.store.damage import Fault, Inspection, inspect
from infosweep.store.store import StudyStore
from infosweep.tables import TABLES


@dataclass(frozen=True, slots=True)
class Repair:
    """What was set aside.

    Attributes:
        before: what was found.
        folder: where things are now, within the store; None where nothing was wrong.
        packs: packs that the next run makes again.
        n_trials: their trials, as far as their commits told.
    """

    before: Inspection
    folder: str | None = None
    packs: tuple[str, ...] = ()
    n_trials: int = 0


def repair(study: StudyStore) -> Repair:
    """Set aside what is damaged, missing a part, or foreign in a study.

    Raises:
        LockedError: a run is at work on the study.
        StoreError: the study was written by a newer version, or the store cannot be written.
    """
    found = inspect(study)
    if not found.faults:
        return Repair(found)
    with study.lease(f"doctor-{os.getpid()}-{time.time_ns():x}"):
        found = inspect(study)  # a run may have ended meanwhile
        if not found.faults:
            return Repair(found)
        folder = f"{study.name}/_meta/damaged/{datetime.now(UTC):%Y%m%dT%H%M%S.%f}"
        told = {"faults": [asdict(fault) for fault in found.faults]}
        study.objects.put_json(f"{folder}/faults.json", told)
        packs: dict[str, Fault] = {}
        for fault in found.faults:
            if fault.pack_id is None:
                _move(study, fault.path, folder)
            elif fault.pack_id not in packs:
                packs[fault.pack_id] = fault
        for pack_id in packs:
            _set_pack_aside(study, pack_id, folder)
        study.finish_published()  # a table that is left without any file gets a typed one
    n_trials = sum(fault.n_trials for fault in packs.values())
    return Repair(found, folder, tuple(sorted(packs)), n_trials)


def _set_pack_aside(study: StudyStore, pack_id: str, folder: str) -> None:
    # `trials` first: from then on no reader sees the pack. Then the commit: it is to be run again.
    paths = [f"{study.name}/trials/{pack_id}.parquet", f"{study.name}/_meta/commits/{pack_id}.json"]
    others = [name for name in TABLES if name not in {"trials", "failures"}]
    for path in [*paths, *(f"{study.name}/{table}/{pack_id}.parquet" for table in others)]:
        _move(study, path, folder)


def _move(study: StudyStore, path: str, folder: str) -> None:
    """Move a file, if it is there; it keeps its name, and that of its folder."""
    within = path.removeprefix(f"{study.name}/").removeprefix("_meta/")
    study.objects.rename(path, f"{folder}/{within}")
