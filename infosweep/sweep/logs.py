"""Why trials failed: the rows of the table failures, grouped by cause, the newest cause first."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from infosweep.errors import NotFoundError
from infosweep.store import open_store
from infosweep.store.store import StudyStore, study_of

_ADDRESS = re.compile(r"0x[0-9a-f]+")
_NUMBER = re.compile(r"[-+]?\d+(\.\d+)?(e[-+]?\d+)?", re.IGNORECASE)


def study_logs(store: str | Path, name: str, which: str | None = None) -> list[dict[str, Any]]:
    """Return the causes of a study's failures, the one that was met last first.

    Failures have one cause where kind of error, place in the code and message agree, numbers in it apart.

    Args:
        store: folder or URL.
        name: the study.
        which: a trial or a pack, by its id or the beginning of it; all if None.

    Returns:
        Per cause: error_kind, error and log (the traceback) of its newest failure; failures (attempts that
        failed), trials, open (ids of trials that have not been done since), packs, hosts, first_at, last_at.

    Raises:
        NotFoundError: no such store or study, or nothing in it that is named so.
        StoreError: a file is damaged.
    """
    from infosweep.store.reader import read_arrow

    held = study_of(open_store(store, create=False), name)
    rows = read_arrow(held, "failures").to_pylist()
    if which is not None:
        rows = _named(rows, which, held)
    groups: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for row in sorted(rows, key=lambda row: row["failed_at"], reverse=True):
        groups.setdefault(_cause(row), []).append(row)
    failed = held.failed_ids()
    return [_summary(group, failed) for group in groups.values()]


def _named(rows: list[dict[str, Any]], which: str, held: StudyStore) -> list[dict[str, Any]]:
    found = [r for r in rows if r["trial_id"].startswith(which) or r["pack_id"].startswith(which)]
    if found or not which:
        return found
    packs = held.fixed_packs()
    ids = {*packs, *held.done_ids()}
    ids.update(t["trial_id"] for pack in packs.values() for t in pack.get("trials", ()))
    if any(each.startswith(which) for each in ids):
        return []
    failed = sorted({row["pack_id"] for row in rows})
    mend = f"packs in which trials failed: {', '.join(failed[:10])}" if failed else None
    raise NotFoundError(f"study '{held.name}' has no trial and no pack '{which}'", mend)


def _cause(row: Mapping[str, Any]) -> tuple[str, ...]:
    places = re.findall(r'^ *File "([^"]+)", line (\d+)', row["log"], re.MULTILINE)
    message = _NUMBER.sub("N", _ADDRESS.sub("N", row["error"]))
    return (row["error_kind"], message, *(places[-1] if places else ()))


def _summary(rows: list[dict[str, Any]], failed: set[str]) -> dict[str, Any]:
    newest = rows[0]
    trials = sorted({row["trial_id"] for row in rows})
    return {
        "error_kind": newest["error_kind"],
        "error": newest["error"],
        "log": newest["log"],
        "failures": len(rows),
        "trials": trials,
        "open": [trial_id for trial_id in trials if trial_id in failed],
        "packs": sorted({row["pack_id"] for row in rows}),
        "hosts": sorted({row["host"] for row in rows}),
        "first_at": rows[-1]["failed_at"],
        "last_at": newest["failed_at"],
    }
