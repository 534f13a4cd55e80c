"""How a pack's results become visible: staged, committed by one exclusive create, then moved into the tables.

1. All files of an attempt are staged below `_meta/tmp/<pack_id>.<attempt>/`.
2. `_meta/commits/<pack_id>.json` is created exclusively and names the attempt: that is the commit; first wins.
3. The winner's files are moved into the tables, `trials` last. A kill between any two steps loses nothing:
   before 2 the attempt never happened, after it whoever comes next finishes step 3, which is idempotent.

Until all of a pack's files are in place readers see none of them. One that is neither there nor staged is lost,
and whoever reads the study is told.
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
        next_digests: table -> digest of the file that is about to take its place (later_axes.py).
    """

    pack_id: str
    attempt: str
    trial_ids: tuple[str, ...]
    failed_ids: tuple[str, ...] = ()
    diverged_ids: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    extra: dict[str, str] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)
    next_digests: dict[str, str] = field(default_factory=dict)
    committed_at: str = field(default_factory=now)

    def digests_of(self, table: str) -> tuple[str, ...]:
        """Return the digests that a table's file may have; none where that is not known."""
        known = (self.digests.get(table), self.next_digests.get(table))
        return tuple(digest for digest in known if digest)

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
                next_digests=dict(record.get("next_digests", {})),
                committed_at=record.get("committed_at", ""),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise objects.damaged(path, repr(error)) from error


@dataclass(frozen=True, slots=True)
class Published:
    """What readers may see of a study.

    Attributes:
        commits: packs of which every file is in place, by pack id.
        files: table -> file name -> the file, whoever put it there.
    """

    commits: dict[str, Commit]
    files: dict[str, dict[str, Entry]]


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
        self.remove_staging(pack_id, attempt)

    def remove_staging(self, pack_id: str, attempt: str) -> None:
        """Remove the folder in which an attempt staged, if it is empty; the name is that attempt's alone."""
        self._objects.remove_empty_folder(f"{self._study}/_meta/tmp/{pack_id}.{attempt}")

    def publish(self, commit: Commit) -> None:
        """Move a commit's files into the tables (step 3); what is there already is left.

        Raises:
            StoreError: a file is neither staged nor published.
        """
        for table in commit.tables:
            staged = self.staged_path(commit.pack_id, commit.attempt, table)
            target = self.table_path(table, commit.pack_id)
            if not self._objects.rename(staged, target) and not self._objects.exists(target):
                raise self.missing(commit.pack_id, target)
        self.remove_staging(commit.pack_id, commit.attempt)

    def missing(self, pack_id: str, path: str) -> StoreError:
        """Return the error that names a committed file that is nowhere."""
        return StoreError(
            f"{self._objects.locate(path)} is missing, though pack {pack_id} is committed",
            self._objects.repair_hint(path),
        )

    def list_tables(self, tables: Iterable[str]) -> dict[str, dict[str, Entry]]:
        """Return table -> file name -> file; each folder is listed once."""
        return {
            table: {e.name: e for e in self._objects.children(f"{self._study}/{table}")[1]}
            for table in tables
        }

    def find_lost(
        self, commits: Mapping[str, Commit], files: Mapping[str, Mapping[str, Entry]]
    ) -> tuple[set[str], dict[str, str]]:
        """Return the packs of which a file is not in place, and, of those, pack -> a file that is nowhere.

        Args:
            commits: all commits, read before `files` was listed.
            files: what `list_tables` gave.
        """
        incomplete: set[str] = set()
        lost: dict[str, str] = {}
        for pack_id, commit in commits.items():
            name = f"{pack_id}.parquet"
            absent = [table for table in commit.tables if name not in files[table]]
            if not absent:
                continue
            incomplete.add(pack_id)
            for table in absent:
                path = self.table_path(table, pack_id)
                staged = self.staged_path(pack_id, commit.attempt, table)
                # In this order: it may be published, or be set aside with its commit, while we look.
                if not (
                    self._objects.exists(staged)
                    or self._objects.exists(path)
                    or not self._objects.exists(self.commit_path(pack_id))
                ):
                    lost[pack_id] = path
                    break
        return incomplete, lost

    def finish(self, commits: Mapping[str, Commit], claims: Iterable[Claim]) -> int:
        """Publish half-published commits, clear what losing and dead attempts staged; return how many.

        Raises:
            StoreError: a committed file is nowhere to be found.
        """
        waiting = self._waiting(commits)
        for commit in waiting:
            self.publish(commit)
        self._clear_staging(commits, claims)
        return len(waiting)

    def is_half_published(self, commits: Mapping[str, Commit]) -> bool:
        """Say whether a committed file is not where readers look."""
        return bool(self._waiting(commits))

    def _waiting(self, commits: Mapping[str, Commit]) -> list[Commit]:
        """Return the commits that are not wholly published."""
        files = self.list_tables({t for commit in commits.values() for t in commit.tables})
        return [
            commit
            for commit in commits.values()
            if any(f"{commit.pack_id}.parquet" not in files[table] for table in commit.tables)
        ]

    def _clear_staging(self, commits: Mapping[str, Commit], claims: Iterable[Claim]) -> None:
        claimed = {f"{c.pack_id}.{c.attempt}": c for c in claims}
        for entry in self._objects.entries(f"{self._study}/_meta/tmp"):
            parts = entry.path.split("/")
            if len(parts) != 5:  # <study>/_meta/tmp/<pack_id>.<attempt>/<file>
                continue
            pack_id = parts[3].partition(".")[0]
            if pack_id in commits or _is_abandoned(entry, claimed.get(parts[3])):
                self._objects.delete([entry.path])
        # Where a killed run left them. A live attempt that stages next makes its folder anew.
        self._objects.remove_empty_folders(f"{self._study}/_meta/tmp")


def _is_abandoned(entry: Entry, claim: Claim | None) -> bool:
    """Say whether the writer of an uncommitted file is known to be gone, or silent for a week."""
    if claim is not None and claim.is_gone:
        return True
    return (datetime.now(UTC) - entry.modified).total_seconds() > _ABANDONED_AFTER
