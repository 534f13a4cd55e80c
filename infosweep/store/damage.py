"""What is wrong with a study's files: damaged, missing or foreign ones, each with its reason.

A file is compared with the digest that its commit recorded, so that a single changed bit is found; where an
older version committed without one, every value is decoded.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from infosweep.errors import StoreError
from infosweep.store.commit import Commit, Committer, digest_of
from infosweep.store.objects import Entry, Objects
from infosweep.store.store import StudyStore, check_schema_version, is_failures_name
from infosweep.tables import TABLES

_MAGIC = b"PAR1"  # a Parquet file begins and ends with it
# Folders of `_meta` whose files are JSON objects.
_RECORDS = ("commits", "packs", "claims", "failures")


@dataclass(frozen=True, slots=True)
class Fault:
    """A file that is not as it should be.

    Attributes:
        study: the study.
        path: the file, within the store.
        kind: `damaged`; `missing`, though its pack is committed; `foreign`, put there by somebody else.
        reason: what is wrong with it.
        pack_id: the pack that has to be made again for it; None where nothing has to.
        n_trials: trials of that pack, where its commit still tells.
    """

    study: str
    path: str
    kind: Literal["damaged", "missing", "foreign"]
    reason: str
    pack_id: str | None = None
    n_trials: int = 0


@dataclass(frozen=True, slots=True)
class Inspection:
    """What looking at all files of a study gave: number and size of the tables' files, and what is wrong."""

    files: int
    size_bytes: int
    faults: tuple[Fault, ...]


def why_damaged(objects: Objects, path: str, digests: Collection[str]) -> str | None:
    """Say why a file of a table is damaged; None where it is not, or is gone.

    Args:
        objects: the store.
        path: `<study>/<table>/<file>`.
        digests: of the bytes that were committed, where they are known.
    """
    data = objects.get(path)
    if data is None:
        return None
    if not data:
        return "it is empty"
    found = digest_of(data)
    # Where a run has given the file a further column meanwhile, its record tells.
    if found in digests or (digests and found in _digests_now(objects, path)):
        return None
    if not digests:
        from infosweep.store.parquet import why_unreadable

        return why_unreadable(data, path.split("/")[1])
    if data.startswith(_MAGIC) and data.endswith(_MAGIC):
        return "its bytes are not those that were committed"
    return f"cut short or overwritten: its {len(data):,} bytes are no Parquet file"


def _digests_now(objects: Objects, path: str) -> tuple[str, ...]:
    """Read anew what digests a table's file may have."""
    study, table, name = path.split("/", 2)
    name = name.removesuffix(".parquet")
    if table == "failures":
        record = objects.get_json(f"{study}/_meta/failures/{name}.json") or {}
        return (record.get("digest") or "",)
    commit_path = f"{study}/_meta/commits/{name}.json"
    record = objects.get_json(commit_path)
    if record is None:
        return ()
    return Commit.from_record(name, record, objects, commit_path).digests_of(table)


def inspect(study: StudyStore) -> Inspection:
    """Look at every file of a study's tables, and at the records in `_meta`; a run may be at work meanwhile.

    Raises:
        StoreError: the study was written by a newer version, or cannot be read.
    """
    # Listed before the commits are read: a pack that is published in between is then merely not looked at.
    listed = {table: study.objects.entries(f"{study.name}/{table}") for table in TABLES}
    faults: list[Fault] = []
    provenance = _record(study, "provenance.json", faults)
    if provenance is not None:
        check_schema_version(provenance.get("schema_version", 0), study.objects.locate(study.name))
    records = {folder: _records(study, folder, faults) for folder in _RECORDS}
    commits = _commits(study, records["commits"], faults)
    for table, entries in listed.items():
        for entry in entries:
            fault = _look_at(study, table, entry, commits, records["failures"])
            if fault is not None:
                faults.append(fault)
    broken = {fault.pack_id for fault in faults if fault.pack_id}
    paths = {entry.path for entries in listed.values() for entry in entries}
    for commit in commits.values():
        if commit is not None and commit.pack_id not in broken:
            faults += _missing(study, commit, paths)
    entries = [entry for several in listed.values() for entry in several]
    return Inspection(len(entries), sum(entry.size for entry in entries), tuple(faults))


def _record(study: StudyStore, name: str, faults: list[Fault]) -> dict[str, Any] | None:
    """Read a JSON file of `_meta`; note where it is damaged."""
    path = f"{study.name}/_meta/{name}"
    try:
        return study.objects.get_json(path)
    except StoreError as error:
        if "is damaged" not in error.message:
            raise
        pack_id = name.split("/")[1].removesuffix(".json") if name.startswith("commits/") else None
        reason = error.message.partition(" is damaged (")[2].rstrip(")")
        faults.append(Fault(study.name, path, "damaged", reason, pack_id))
        return None


def _records(
    study: StudyStore, folder: str, faults: list[Fault]
) -> dict[str, dict[str, Any] | None]:
    """Read the JSON files of a folder of `_meta`, by name; None for those that are damaged."""
    found = {}
    for entry in study.objects.children(f"{study.name}/_meta/{folder}")[1]:
        if entry.name.endswith(".json"):
            name = entry.name.removesuffix(".json")
            found[name] = _record(study, f"{folder}/{entry.name}", faults)
    return found


def _commits(
    study: StudyStore, records: Mapping[str, dict[str, Any] | None], faults: list[Fault]
) -> dict[str, Commit | None]:
    """Read commits, by pack; None for those that are damaged."""
    found: dict[str, Commit | None] = {}
    for pack_id, record in records.items():
        path = f"{study.name}/_meta/commits/{pack_id}.json"
        found[pack_id] = None
        if record is None:
            continue
        try:
            found[pack_id] = Commit.from_record(pack_id, record, study.objects, path)
        except StoreError:
            faults.append(
                Fault(study.name, path, "damaged", "it lacks what a commit needs", pack_id)
            )
    return found


def _look_at(
    study: StudyStore,
    table: str,
    entry: Entry,
    commits: Mapping[str, Commit | None],
    failures: Mapping[str, dict[str, Any] | None],
) -> Fault | None:
    name = entry.path.removeprefix(f"{study.name}/{table}/")
    if table == "failures":
        if not is_failures_name(name):
            return _foreign(study, entry, "no attempt's file has such a name")
        digest = (failures.get(name.removesuffix(".parquet")) or {}).get("digest")
        reason = why_damaged(study.objects, entry.path, (digest,) if digest else ())
        return Fault(study.name, entry.path, "damaged", reason) if reason else None
    pack_id = name.removesuffix(".parquet")
    if not re.fullmatch(r"[^./]+\.parquet", name) or pack_id not in commits:
        return _foreign(study, entry, "no pack that is committed has such a file")
    commit = commits[pack_id]
    if commit is None:  # told already, by its commit
        return None
    if table not in commit.tables:
        return _foreign(study, entry, "its pack has no file of this table")
    reason = why_damaged(study.objects, entry.path, commit.digests_of(table))
    if reason is None:
        return None
    return Fault(study.name, entry.path, "damaged", reason, pack_id, len(commit.trial_ids))


def _foreign(study: StudyStore, entry: Entry, reason: str) -> Fault:
    return Fault(study.name, entry.path, "foreign", reason)


def _missing(study: StudyStore, commit: Commit, paths: set[str]) -> list[Fault]:
    """Return the files of a commit that are neither published nor staged."""
    committer = Committer(study.objects, study.name)
    faults = []
    for table in commit.tables:
        path = committer.table_path(table, commit.pack_id)
        staged = committer.staged_path(commit.pack_id, commit.attempt, table)
        # In this order: a run may publish it while we look.
        if path in paths or study.objects.exists(staged) or study.objects.exists(path):
            continue
        n_trials = len(commit.trial_ids)
        reason = "it is not there, though its pack is committed"
        faults.append(Fault(study.name, path, "missing", reason, commit.pack_id, n_trials))
    return faults
