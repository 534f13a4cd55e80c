"""A store and the `_meta` side of a study in it; what it loads starts within milliseconds."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infosweep.errors import NotFoundError, StoreError, UsageError
from infosweep.store.axes import merge_extra
from infosweep.store.commit import Commit, Committer, Published, digest_of
from infosweep.store.lease import Claim, HeldClaim, Lease, now
from infosweep.store.objects import Objects, open_objects, to_json
from infosweep.tables import SCHEMA_VERSION, TABLES, WRITTEN_BY_EVERY_RUN

if TYPE_CHECKING:
    import pyarrow as pa


class Store:
    """A folder or a bucket's prefix that holds results of many studies."""

    def __init__(self, objects: Objects) -> None:
        self.objects = objects

    @classmethod
    def open(cls, url: str | Path, *, create: bool) -> Store:
        """See `infosweep.store.open_store`."""
        return cls(open_objects(url, create=create))

    @property
    def url(self) -> str:
        """Where the store is; absolute, so that other processes find it."""
        return self.objects.url

    def __reduce__(self) -> tuple[object, ...]:
        return (_reopen, (self.url,))

    def studies(self) -> list[str]:
        """Return the names of the studies in the store, sorted."""
        folders, _ = self.objects.children()
        return [name for name in folders if self.objects.exists(f"{name}/_meta/study.yaml")]

    def study(self, name: str) -> StudyStore:
        """Return the part of one study, which need not exist yet.

        Raises:
            UsageError: a name that no study can have.
        """
        if not re.fullmatch(r"[a-z0-9-]+", name):
            raise UsageError(
                f"'{name}' is not a study's name", "a name has lower-case letters, digits and -"
            )
        return StudyStore(self, name)


def _reopen(url: str) -> Store:
    return Store.open(url, create=False)


@dataclass(frozen=True, slots=True)
class TrialCounts:
    """How far a study is, from commits, failures and claims; trials it no longer asks for included.

    Attributes:
        done: trials with rows, diverged ones among them.
        diverged: trials whose loss or weights stopped being finite.
        failed: trials that failed and are not done.
        running: trials in packs that a live attempt works on.
        lost: trials in packs whose attempt has not been heard of for 60 s.
    """

    done: int
    diverged: int
    failed: int
    running: int
    lost: int


class StudyStore:
    """What a store holds of one study. Safe to use from several threads and processes at once."""

    def __init__(self, store: Store, name: str) -> None:
        self.store = store
        self.name = name
        self.objects = store.objects
        self._committer = Committer(store.objects, name)
        self._lock = threading.Lock()
        self._commits: dict[str, Commit] = {}  # commits never change, so each is read once
        self._version_checked = False
        self._failures_table_stands = False

    def __reduce__(self) -> tuple[object, ...]:
        return (_reopen_study, (self.store.url, self.name))

    def _meta(self, path: str) -> str:
        return f"{self.name}/_meta/{path}"

    # --- study and provenance --------------------------------------------------------------------------

    def exists(self) -> bool:
        """Say whether a run of this study ever started."""
        return self.objects.exists(self._meta("study.yaml"))

    def save_study(self, text: str) -> None:
        """Keep the study's YAML.

        Raises:
            StoreError: the store was written by a newer version, or cannot be written.
        """
        self.check_version()
        self.objects.put(self._meta("study.yaml"), text.encode())

    def save_provenance(self, text: str) -> None:
        """Keep what a run is made with that adds results to the study of this YAML.

        Raises:
            StoreError: the store cannot be written.
        """
        from infosweep.store import provenance

        self.objects.put_json(
            self._meta("provenance.json"),
            {**provenance.collect(), "study_hash": _hash(text), "started": now()},
        )

    def load_study_text(self) -> str | None:
        """Return the study's YAML as the last run kept it, or None."""
        data = self.objects.get(self._meta("study.yaml"))
        return None if data is None else data.decode(errors="replace")

    @property
    def provenance(self) -> dict[str, Any] | None:
        """What the last run was made with: versions, git commit, Python, hardware, start; or None."""
        return self.objects.get_json(self._meta("provenance.json"))

    def check_version(self) -> None:
        """Refuse a study whose files have a newer schema than this version knows.

        Raises:
            StoreError: it has.
        """
        if self._version_checked:
            return
        version = (self.provenance or {}).get("schema_version", SCHEMA_VERSION)
        check_schema_version(version, self.objects.locate(self.name))
        self._version_checked = True

    # --- lease and claims ------------------------------------------------------------------------------

    def lease(self, run_id: str, *, every: float | None = None) -> Lease:
        """Return the study's lease, a context manager that keeps a second run out.

        Args:
            run_id: names the run.
            every: seconds between heartbeats.

        Raises:
            LockedError: on entering, where a live run holds it.
        """
        return Lease(self.objects, self.name, run_id, every)

    def _claim_path(self, pack_id: str, attempt: str) -> str:
        return self._meta(f"claims/{pack_id}.{attempt}.json")

    def claim(
        self,
        pack_id: str,
        attempt: str,
        info: Mapping[str, Any] | None = None,
        *,
        every: float | None = None,
    ) -> HeldClaim:
        """Say that an attempt works on a pack.

        Args:
            pack_id: the pack.
            attempt: names the attempt.
            info: JSON values that tell more; `n_trials` is what `status` counts.
            every: seconds between heartbeats.

        Returns:
            The claim. As a context manager it beats in the background and is released at the end;
            otherwise call its `heartbeat` at least every 60 s and `release` at the end.
        """
        record = {"pack_id": pack_id, "attempt": attempt, "info": dict(info or {})}
        return HeldClaim(self.objects, self._claim_path(pack_id, attempt), record, every)

    def claims(self) -> list[Claim]:
        """Return the claims of attempts that have not ended, whether they are running or lost."""
        return [Claim.from_record(record) for record in self._read_all("claims").values()]

    # --- packs -----------------------------------------------------------------------------------------

    def fix_pack(self, pack_id: str, payload: Mapping[str, Any]) -> dict[str, Any]:
        """Fix what a pack is, once; return what stands: `payload`, or what was fixed before."""
        path = self._meta(f"packs/{pack_id}.json")
        if self.objects.create(path, to_json(dict(payload))):
            return dict(payload)
        standing = self.objects.get_json(path)
        if standing is None:
            raise StoreError(f"{self.objects.locate(path)} was deleted while it was read")
        return standing

    def fixed_packs(self, *, uncommitted: bool = False) -> dict[str, dict[str, Any]]:
        """Return the packs that are fixed; with `uncommitted` those only that are still to be run."""
        if not uncommitted:
            return self._read_all("packs")
        commits = self.commits()
        return self._read_all("packs", [p for p in self._names("packs") if p not in commits])

    def _names(self, folder: str) -> list[str]:
        """Return the names of the JSON files in a `_meta` folder, sorted."""
        entries = self.objects.children(self._meta(folder))[1]
        return sorted(e.name.removesuffix(".json") for e in entries if e.name.endswith(".json"))

    def _read_all(
        self, folder: str, names: Sequence[str] | None = None
    ) -> dict[str, dict[str, Any]]:
        """Read the JSON files of a `_meta` folder, by name, but those gone since they were listed."""
        names = self._names(folder) if names is None else names
        paths = [self._meta(f"{folder}/{name}.json") for name in names]
        records = zip(names, self.objects.get_many_json(paths), strict=True)
        return {name: record for name, record in records if record is not None}

    # --- commits ---------------------------------------------------------------------------------------

    def commits(self) -> dict[str, Commit]:
        """Return all commits, by pack id."""
        self.check_version()
        with self._lock:
            standing, known = self._names("commits"), self._commits
            fresh = self._read_all("commits", [p for p in standing if p not in known])
            for pack_id, record in fresh.items():
                path = self._committer.commit_path(pack_id)
                known[pack_id] = Commit.from_record(pack_id, record, self.objects, path)
            for pack_id in set(known) - set(standing):
                del known[pack_id]
            return dict(sorted(known.items()))

    def published(self, tables: Iterable[str]) -> Published:
        """Return what readers may see: packs of which every file is in place, and the tables' files.

        Args:
            tables: tables whose files are wanted beside those that packs have.

        Raises:
            StoreError: a committed file is nowhere.
        """
        commits = self.commits()
        names = {table for commit in commits.values() for table in commit.tables}
        files = self._committer.list_tables({*names, *tables})
        incomplete, lost = self._committer.find_lost(commits, files)
        for pack_id, path in lost.items():
            raise self._committer.missing(pack_id, path)
        return Published({p: c for p, c in commits.items() if p not in incomplete}, files)

    def damaged_ids(self) -> set[str]:
        """Return the ids of trials that are committed and of which a file is nowhere."""
        commits = self.commits()
        names = {table for commit in commits.values() for table in commit.tables}
        _, lost = self._committer.find_lost(commits, self._committer.list_tables(names))
        return {trial_id for pack_id in lost for trial_id in commits[pack_id].trial_ids}

    def missing(self, pack_id: str, path: str) -> StoreError:
        """Return the error that names a committed file that is nowhere."""
        return self._committer.missing(pack_id, path)

    def table_path(self, table: str, name: str) -> str:
        """Return where a table's file is, of a pack or an attempt."""
        return self._committer.table_path(table, name)

    def replace_commit(self, commit: Commit) -> None:
        """Say anew what a pack's files are; its attempt and trials stay. For the holder of the lease."""
        self.objects.put(self._committer.commit_path(commit.pack_id), commit.to_json())
        with self._lock:
            self._commits[commit.pack_id] = commit

    def failures_files(self) -> list[str]:
        """Return the names of the files of the table failures, without their ending."""
        entries = self.objects.children(f"{self.name}/failures")[1]
        names = sorted(entry.name for entry in entries if is_failures_name(entry.name))
        return [name.removesuffix(".parquet") for name in names]

    def note_failures(self, name: str, **changes: Any) -> None:
        """Change what is noted of a file of failures; of the file without rows nothing is."""
        path = self._meta(f"failures/{name}.json")
        record = self.objects.get_json(path)
        if record is not None:
            self.objects.put_json(path, {**record, **changes})

    def _pack(self, pack_id: str) -> dict[str, Any]:
        return self.objects.get_json(self._meta(f"packs/{pack_id}.json")) or {}

    def keep_axes(
        self, extra: Mapping[str, str], known: Mapping[str, Mapping[str, Any]] | None = None
    ) -> int:
        """Give all files of the tables the columns of all axes that the study has or had.

        For the holder of the lease; nothing is read or written where no file lacks a column.

        Args:
            extra: columns of the further axes that the study has now, and their types.
            known: trial id -> column -> value, of the trials that it asks for now.

        Returns:
            How many packs lacked some.

        Raises:
            StoreError: a file is damaged or nowhere, or the store cannot be written.
        """
        commits, noted = self.commits().values(), self.axes_of_failures()
        union = merge_extra([extra, *(c.extra for c in commits), *noted.values()])
        lacking = (
            any(c.extra != union or c.next_digests for c in commits)
            or any(axes != union for axes in noted.values())
            or (union and set(self.failures_files()) - {"none", *noted})
        )
        if not lacking:
            return 0
        from infosweep.store.later_axes import give_columns

        return give_columns(self, extra, known or {})

    def axes_of_failures(self) -> dict[str, dict[str, str]]:
        """Return the further axes' columns of the files of failures, by name, where that is noted."""
        return {
            name: dict(record["extra"])
            for name, record in self._read_all("failures").items()
            if "extra" in record
        }

    def done_ids(self) -> set[str]:
        """Return the ids of all committed trials, diverged ones among them."""
        return {trial_id for commit in self.commits().values() for trial_id in commit.trial_ids}

    def failed_ids(self) -> set[str]:
        """Return the ids of trials that failed and have not been done since."""
        failed = {t for commit in self.commits().values() for t in commit.failed_ids}
        for record in self._read_all("failures").values():
            failed.update(record.get("trial_ids", ()))
        return failed - self.done_ids()

    def trial_counts(self) -> TrialCounts:
        """Return how far the study is."""
        commits = self.commits()
        claims = [claim for claim in self.claims() if claim.pack_id not in commits]
        return TrialCounts(
            done=len(self.done_ids()),
            diverged=len({t for commit in commits.values() for t in commit.diverged_ids}),
            failed=len(self.failed_ids()),
            running=sum(c.n_trials for c in claims if c.state == "running"),
            lost=sum(c.n_trials for c in claims if c.state == "lost"),
        )

    def commit(
        self,
        pack_id: str,
        attempt: str,
        tables: Mapping[str, pa.Table],
        failed_ids: Collection[str] = (),
    ) -> bool:
        """Commit an attempt's rows of a pack and publish them; the first attempt wins.

        Trials that another pack has committed meanwhile are left out. A pack without a finished trial is
        not committed: it stays open, and its failures are told by `write_failures`.

        Args:
            pack_id: the pack.
            attempt: names this attempt, uniquely.
            tables: every table that each run writes, by name (`schemas.build_table`).
            failed_ids: trials of the pack that this attempt could not finish.

        Returns:
            Whether this attempt's rows are the pack's.

        Raises:
            StoreError: they cannot be written; a commit that was made is finished by the next run.
        """
        from infosweep.store import later_axes, parquet

        missing = [t.name for t in WRITTEN_BY_EVERY_RUN if t.name not in tables]
        if missing:
            raise ValueError(f"a commit needs the tables {', '.join(missing)} too")
        others = {t for c in self.commits().values() if c.pack_id != pack_id for t in c.trial_ids}
        tables = parquet.without_trials(tables, others)
        tables = later_axes.complete(tables, self.commits().values())
        trial_ids, diverged_ids = parquet.trials_of(tables["trials"])
        if not trial_ids:
            return False
        order = sorted(tables, key=lambda name: (name == "trials", name))
        metadata = self._footer()
        files = {name: parquet.to_bytes(tables[name], metadata) for name in order}
        self._committer.stage(pack_id, attempt, files)
        extra = parquet.extra_columns(tables.values())
        digests = {name: digest_of(data) for name, data in files.items()}
        standing = self._committer.commit(
            Commit(
                pack_id,
                attempt,
                trial_ids,
                tuple(sorted(set(failed_ids))),
                diverged_ids,
                tuple(order),
                extra,
                digests,
            )
        )
        if standing.attempt != attempt:
            self._committer.unstage(pack_id, attempt, order)
            return False
        self._committer.publish(standing)
        self._keep_failures_table(extra)
        return True

    def finish_published(self) -> int:
        """Finish half-published commits and clear what dead attempts left; return how many were finished.

        Raises:
            StoreError: a committed file is neither staged nor published.
        """
        commits, claims = self.commits(), self.claims()
        finished = self._committer.finish(commits, claims)
        over = [c for c in claims if c.is_gone or (c.state == "lost" and c.pack_id in commits)]
        self.objects.delete([self._claim_path(c.pack_id, c.attempt) for c in over])
        if commits:
            self._keep_failures_table(merge_extra(c.extra for c in commits.values()))
        return finished

    def foreign_files(self) -> list[str]:
        """Return the files in the tables' folders that no run put there; readers pass over them."""
        commits, found = self.commits(), []
        for table in TABLES:
            for entry in self.objects.children(f"{self.name}/{table}")[1]:
                pack_id, _, ending = entry.name.rpartition(".")
                ours = ending == "parquet" and pack_id in commits
                if not (is_failures_name(entry.name) if table == "failures" else ours):
                    found.append(entry.path)
        return sorted(found)

    def is_half_published(self) -> bool:
        """Say whether a committed file still waits to be published."""
        return self._committer.is_half_published(self.commits())

    def write_failures(self, pack_id: str, attempt: str, table: pa.Table) -> None:
        """Keep one row per trial that failed in an attempt (`schemas.build_table("failures", …)`)."""
        from infosweep.store import later_axes, parquet

        name = f"{pack_id}.{attempt}"
        settings = later_axes.settings_of_packs([self._pack(pack_id)])
        table = later_axes.complete_failures(table, self.commits().values(), settings)
        staged = self._meta(f"tmp/{name}/failures.parquet")
        data = parquet.to_bytes(table, self._footer())
        self.objects.put(staged, data)
        self.objects.rename(staged, f"{self.name}/failures/{name}.parquet")
        self._committer.remove_staging(pack_id, attempt)
        record = {
            "trial_ids": sorted(set(table.column("trial_id").to_pylist())),
            "failed_at": now(),
            "digest": digest_of(data),
            "extra": parquet.extra_columns([table]),
        }
        self.objects.put_json(self._meta(f"failures/{name}.json"), record)
        self._failures_table_stands = True

    def _keep_failures_table(self, extra: Mapping[str, str]) -> None:
        """Write a typed file without rows where nothing has failed: an empty folder cannot be opened."""
        if self._failures_table_stands:
            return
        if not self.objects.children(f"{self.name}/failures")[1]:
            from infosweep.store import parquet, schemas

            staged = self._meta("tmp/none.0/failures.parquet")
            self.objects.put(
                staged, parquet.to_bytes(schemas.empty_table("failures", extra), self._footer())
            )
            self.objects.rename(staged, f"{self.name}/failures/none.parquet")
            self._committer.remove_staging("none", "0")
        self._failures_table_stands = True

    def _footer(self) -> dict[str, Any]:
        from infosweep.store import provenance

        found = provenance.collect()
        keys = ("git_commit", "versions", "python", "hardware")
        return {
            "study_hash": _hash(self.load_study_text() or ""),
            **{key: found[key] for key in keys},
        }


def study_of(store: Store, name: str) -> StudyStore:
    """Return a study of a store.

    Raises:
        NotFoundError: the store has none of this name.
    """
    study = store.study(name)
    if study.exists():
        return study
    names = store.studies()
    raise NotFoundError(
        f"there is no study '{name}' in the store {store.url}",
        f"studies there: {', '.join(names)}" if names else "run one first, or give --store",
    )


def is_failures_name(name: str) -> bool:
    """Say whether a file of the table failures may have this name: of an attempt, or without rows.

    >>> [is_failures_name(name) for name in ("none.parquet", "1f0c.20261124T0500.parquet", "notes.txt")]
    [True, True, False]
    """
    return name == "none.parquet" or bool(re.fullmatch(r"[^.]+\.[^.]+\.parquet", name))


def check_schema_version(version: object, where: str) -> None:
    """Refuse files of a newer version.

    Raises:
        StoreError: `version` is above the one that this version writes.
    """
    if not isinstance(version, int) or version > SCHEMA_VERSION:
        raise StoreError(
            f"{where} was written by a newer infosweep "
            f"(schema {version}; this version reads up to {SCHEMA_VERSION})",
            "upgrade infosweep, or choose another store",
        )


def _hash(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _reopen_study(url: str, name: str) -> StudyStore:
    return _reopen(url).study(name)
