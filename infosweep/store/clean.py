"""Deletes a study, or its failures only, and nothing outside the study's folder.

In a folder links are deleted and never followed. What goes first is what makes a study count (commits, then
`trials`), what goes last is what makes it known, so that a deletion that was broken off can be run again.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from infosweep.errors import LockedError, StoreError
from infosweep.store.store import StudyStore, is_failures_name

_LEASE = "_meta/lease.json"


@dataclass(frozen=True, slots=True)
class Contents:
    """What a deletion takes away: files, their size in bytes, trials that are done, trials that failed."""

    study: str
    where: str
    files: int
    size_bytes: int
    done: int
    failed: int


def contents(study: StudyStore, *, failures_only: bool = False) -> Contents:
    """Return what `clean` would delete."""
    files = [file for file in _files(study) if not failures_only or _is_failure(file[0])]
    try:
        done = 0 if failures_only else len(study.done_ids())
        failed = len(study.failed_ids())
    except StoreError:  # damaged: it may be deleted all the same
        done = failed = 0
    where = study.objects.locate(study.name)
    return Contents(study.name, where, len(files), sum(size for _, size in files), done, failed)


def clean(study: StudyStore, *, failures_only: bool = False) -> Contents:
    """Delete a study, or its failures only: then its failed trials are as if never begun.

    Raises:
        LockedError: a run is at work on the study, or a worker that one has left behind.
        StoreError: the study's folder is a link, or something cannot be deleted.
    """
    folder = _folder(study)
    if folder is not None and folder.is_symlink():
        raise StoreError(
            f"{folder} is a link to {folder.readlink()}", "delete it and what it points to yourself"
        )
    with study.lease(f"clean-{os.getpid()}-{time.time_ns():x}"):
        _refuse_workers(study)
        taken = contents(study, failures_only=failures_only)
        paths = [path for path, _ in _files(study)]
        if failures_only:
            _forget_failures(study)
            paths = [path for path in paths if _is_failure(path)]
        _delete(study, sorted(paths, key=_turn))
        if failures_only:
            # Afresh, as it remembers that the table has files: an empty one gets a typed file.
            study.store.study(study.name).finish_published()
    if folder is not None and not failures_only:
        _remove_folders(folder)
    return taken


def _folder(study: StudyStore) -> Path | None:
    folder = study.objects.folder
    return None if folder is None else folder / study.name


def _files(study: StudyStore) -> list[tuple[str, int]]:
    """Return the paths within the study and sizes of all its files, but that of its lease."""
    folder = _folder(study)
    if folder is None:
        entries = study.objects.entries(study.name)
        found = [(entry.path.removeprefix(f"{study.name}/"), entry.size) for entry in entries]
    else:
        found = list(_walk(folder))
    return [file for file in found if file[0] != _LEASE]


def _walk(folder: Path) -> Iterable[tuple[str, int]]:
    for root, folders, names in os.walk(folder):  # which does not follow links
        links = [name for name in folders if (Path(root) / name).is_symlink()]
        for name in [*names, *links]:
            path = Path(root) / name
            try:
                yield path.relative_to(folder).as_posix(), path.lstat().st_size
            except FileNotFoundError:
                continue  # a heartbeat's


def _is_failure(path: str) -> bool:
    table, _, name = path.rpartition("/")
    if table == "_meta/failures":
        return name.endswith(".json")
    return table == "failures" and is_failures_name(name) and name != "none.parquet"


def _turn(path: str) -> tuple[int, str]:
    """Say when a file is deleted."""
    first = ("_meta/commits/", "trials/")
    for turn, prefix in enumerate(first):
        if path.startswith(prefix):
            return turn, path
    return (len(first) + (path == "_meta/study.yaml"), path)


def _refuse_workers(study: StudyStore) -> None:
    try:
        at_work = [claim for claim in study.claims() if claim.state == "running"]
    except StoreError:  # a damaged claim is nobody's
        return
    if at_work:
        claim = at_work[0]
        raise LockedError(
            f"process {claim.pid} on {claim.host} still works on pack {claim.pack_id} of study "
            f"'{study.name}'",
            "wait until it has finished, or stop it; then clean again",
        )


def _forget_failures(study: StudyStore) -> None:
    """Take failed trials out of commits; the only change that is ever made to one."""
    for pack_id, commit in study.commits().items():
        if commit.failed_ids:
            path = f"{study.name}/_meta/commits/{pack_id}.json"
            study.objects.put(path, replace(commit, failed_ids=()).to_json())


def _delete(study: StudyStore, paths: list[str]) -> None:
    folder = _folder(study)
    if folder is None:
        study.objects.delete_many([f"{study.name}/{path}" for path in paths])
        return
    for path in paths:
        try:
            (folder / path).unlink(missing_ok=True)
        except OSError as error:
            raise StoreError(
                f"cannot delete {folder / path}: {error.strerror}",
                "check who owns the store; then clean again",
            ) from error


def _remove_folders(folder: Path) -> None:
    """Remove the folders that are empty now; where a run has begun anew meanwhile, its own are not."""
    for root, _folders, _names in os.walk(folder, topdown=False):
        try:
            Path(root).rmdir()
        except OSError:
            continue
