"""How a pack's results become visible: staged, committed by one exclusive create, then moved into the tables.

1. All files of an attempt are staged below `_meta/tmp/<pack_id>.<attempt>/`.
2. `_meta/commits/<pack_id>.json` is created exclusively and names the attempt: that is the commit; first wins.
3. The winner's files are moved into the tables, `trials` last. A kill between any two steps loses nothing:
   before 2 the attempt never happened, after it whoever comes next finishes step 3, which is idempotent.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from infosweep.errors import StoreError
from infosweep.store.lease import Claim, now
from infosweep.store.objects import Entry, Objects, to_json

# Staging that no claim speaks for is left alone this long: its writer may be suspended.
_ABANDONED_AFTER = 7 * 24 * 3600.0  # seconds


@dataclass(frozen=True, slots=True)
class Commit:
    """What `_meta/commits/<pack_id>.json` holds.

    Attributes:
        attempt: whose files are the pack's.
        trial_ids: trials with rows, diverged ones among them.
        failed_ids: trials of the pack that this attempt could not finish.
        diverged_ids: trials whose status is `diverged`.
        tables: tables in the order in which they are published; `trials` is the last.
        extra: further axes' columns of these files and their types.
        digests: table -> digest of its file (`digest_of`); without it where an older version committed.
    """

    pack_id: str
    attempt: str
    trial_ids: tuple[str, ...]
    failed_ids: tuple[str, ...] = ()
    diverged_ids: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    extra: dict[str, str] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)
    committed_at: str = field(default_factory=now)

    def to_json(self) -> bytes:
        """Write the record."""
        return to_json(asdict(self))

    @classmethod
    def from_record(
        cls, pack_id: str, record: Mapping[str, Any], objects: Objects, path: str
    ) -> Commit:
        """Read a record.

        Raises:
            StoreError: something that a commit needs is missing.
        """
        try:
            return cls(
                pack_id=pack_id,
                attempt=record["attempt"],
                trial_ids=tuple(record["trial_ids"]),
                failed_ids=tuple(record["failed_ids"]),
                diverged_ids=tuple(record.get("diverged_ids", ())),
                tables=tuple(record["tables"]),
                extra=dict(record.get("extra", {})),
                digests=dict(record.get("digests", {})),
                committed_at=record.get("committed_at", ""),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise objects.damaged(path, repr(error)) from error


def digest_of(data: bytes) -> str:
    """Return what tells a file from every other, whatever became of it."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


class Committer:
    """Stages, commits and publishes packs of one study."""

    def __init__(self, objects: Objects, study: str) -> None:
        self._objects = objects
        self._study = study

    def commit_path(self, pack_id: str) -> str:
        """Return where a pack's commit is."""
        return f"{self._study}/_meta/commits/{pack_id}.json"

    def table_path(self, table: str, pack_id: str) -> str:
        """Return where a pack's file of a table is."""
        return f"{self._study}/{table}/{pack_id}.parquet"

    def staged_path(self, pack_id: str, attempt: str, table: str) -> str:
        """Return where an attempt's file of a table waits until it is published."""
        return f"{self._study}/_meta/tmp/{pack_id}.{attempt}/{table}.parquet"

    def stage(self, pack_id: str, attempt: str, files: Mapping[str, bytes]) -> None:
        """Write an attempt's files where no reader looks (step 1)."""
        for table, data in files.items():
            self._objects.put(self.staged_path(pack_id, attempt, table), data)

    def commit(self, commit: Commit) -> Commit:
        """Create the commit, or return the one that stands (step 2)."""
        path = self.commit_path(commit.pack_id)
        if self._objects.create(path, commit.to_json()):
            return commit
        record = self._objects.get_json(path)
        if record is None:
            raise StoreError(f"{self._objects.locate(path)} was deleted while it was committed to")
        return Commit.from_record(commit.pack_id, record, self._objects, path)

    def unstage(self, pack_id: str, attempt: str, tables: Iterable[str]) -> None:
        """Delete what an attempt staged."""
        self._objects.delete([self.staged_path(pack_id, attempt, t) for t in tables])

    def publish(self, commit: Commit) -> None:
        """Move a commit's files into the tables (step 3); what is there already is left.

        Raises:
            StoreError: a file is neither staged nor published.
        """
        for table in commit.tables:
            staged = self.staged_path(commit.pack_id, commit.attempt, table)
            target = self.table_path(table, commit.pack_id)
            if not self._objects.rename(staged, target) and not self._objects.exists(target):
                raise self._missing(commit, target)

    def _missing(self, commit: Commit, target: str) -> StoreError:
        return StoreError(
            f"{self._objects.locate(target)} is missing, though pack {commit.pack_id} is committed",
            self._objects.repair_hint(target),
        )

    def finish(self, commits: Mapping[str, Commit], claims: Iterable[Claim]) -> int:
        """Publish half-published commits, clear what losing and dead attempts staged; return how many.

        Raises:
            StoreError: a committed file is nowhere to be found.
        """
        present = {
            table: {entry.name for entry in self._objects.children(f"{self._study}/{table}")[1]}
            for table in {t for commit in commits.values() for t in commit.tables}
        }
        finished = 0
        for commit in commits.values():
            name = f"{commit.pack_id}.parquet"
            if all(name in present[table] for table in commit.tables):
                continue
            self.publish(commit)
            finished += 1
        self._clear_staging(commits, claims)
        return finished

    def _clear_staging(self, commits: Mapping[str, Commit], claims: Iterable[Claim]) -> None:
        claimed = {f"{c.pack_id}.{c.attempt}": c for c in claims}
        for entry in self._objects.entries(f"{self._study}/_meta/tmp"):
            parts = entry.path.split("/")
            if len(parts) != 5:  # <study>/_meta/tmp/<pack_id>.<attempt>/<file>
                continue
            pack_id = parts[3].partition(".")[0]
            if pack_id in commits or _is_abandoned(entry, claimed.get(parts[3])):
                self._objects.delete([entry.path])


def _is_abandoned(entry: Entry, claim: Claim | None) -> bool:
    """Say whether the writer of an uncommitted file is known to be gone, or silent for a week."""
    if claim is not None and claim.is_gone:
        return True
    return (datetime.now(UTC) - entry.modified).total_seconds() > _ABANDONED_AFTER
