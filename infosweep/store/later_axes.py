"""Keeps one schema per table: files that lack the column of an axis that was added later are written anew.

The column's values are among each trial's settings, so nothing is trained again, and no other value changes. A
column stays when its axis is removed, and new files carry it too. A pack's files are replaced as it was
published: staged, then noted in the commit (`next_digests`), then moved over the older ones, `trials` last, then
the commit says what they are now. A kill between any two steps leaves older and newer files, both whole and
both known to the commit; the next run finishes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from infosweep.store.axes import extra_types, merge_extra, older_value
from infosweep.store.commit import Commit, digest_of
from infosweep.store.parquet import extra_columns, read_footer, to_bytes
from infosweep.store.schemas import arrow_schema
from infosweep.tables import TABLES, TRIAL_COLUMNS

if TYPE_CHECKING:
    from infosweep.store.store import StudyStore

_AT_ONCE = 16  # packs, in a bucket, where requests are what takes the time

Values = Mapping[
    str, Mapping[str, Any]
]  # column -> trial id -> value; None where it cannot be told


def complete(tables: Mapping[str, pa.Table], commits: Iterable[Commit]) -> dict[str, pa.Table]:
    """Return a pack's tables with the columns that files of the study have: axes that it had before, too."""
    trials = tables["trials"].select(["trial_id", "settings"]).to_pydict()
    settings = dict(zip(trials["trial_id"], trials["settings"], strict=True))
    return _complete(tables, commits, settings)


def complete_failures(
    rows: pa.Table, commits: Iterable[Commit], settings: Mapping[str, str]
) -> pa.Table:
    """Return rows of `failures` likewise; `settings` are those of the failed trials, by id."""
    return _complete({"failures": rows}, commits, settings)["failures"]


def settings_of_packs(packs: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Return the settings of the trials of packs as `_meta/packs` holds them, by trial id."""
    return {
        trial["trial_id"]: trial["content"]
        for pack in packs
        for trial in pack.get("trials", ())
        if isinstance(trial, Mapping)
    }


def _complete(
    tables: Mapping[str, pa.Table], commits: Iterable[Commit], settings: Mapping[str, str]
) -> dict[str, pa.Table]:
    extra = merge_extra([extra_columns(tables.values()), *(commit.extra for commit in commits)])
    values = _values_of(extra, settings, {})
    extra = _wide_enough(extra, values, tables.values())
    return {name: with_axes(rows, extra, values) for name, rows in tables.items()}


def _values_of(
    columns: Iterable[str], settings: Mapping[str, str], known: Mapping[str, Mapping[str, Any]]
) -> Values:
    """Look up what trials have in columns: as the study writes it where it has the trial, else as it was run."""
    return {
        column: {
            trial_id: known[trial_id][column]
            if column in known.get(trial_id, {})
            else older_value(text, column)
            for trial_id, text in settings.items()
        }
        for column in columns
    }


def _wide_enough(
    extra: Mapping[str, str], values: Values, tables: Iterable[pa.Table]
) -> dict[str, str]:
    """Return columns of types that hold the values that some of the tables are to be given."""
    lacking = {c for rows in tables for c in extra if _lacks(rows, c)}
    told = {c: [v for v in values[c].values() if v is not None] for c in lacking}
    return merge_extra([extra, extra_types({c: found for c, found in told.items() if found})])


def _lacks(rows: pa.Table, column: str) -> bool:
    return column not in rows.schema.names or rows.column(column).null_count > 0


def with_axes(rows: pa.Table, extra: Mapping[str, str], values: Values) -> pa.Table:
    """Return a table with columns for further axes, in their places; the table itself if it has them all.

    Args:
        rows: of a table that `schemas.build_table` built.
        extra: the columns and their types, those that the table has among them.
        values: what goes into a column that the table lacks, or where it has a null.
    """
    table = TABLES[read_footer(rows.schema)["table"]]
    own = {column.name for column in (*TRIAL_COLUMNS, *table.columns)}
    further = {f.name: f for f in arrow_schema(table, extra) if f.name not in own}
    columns = {name: _column(rows, field, values.get(name, {})) for name, field in further.items()}
    kept = [field for field in rows.schema if field.name not in further]
    n_repeated = sum(field.name in {c.name for c in TRIAL_COLUMNS} for field in kept)
    fields = [*kept[:n_repeated], *further.values(), *kept[n_repeated:]]
    if [f.name for f in fields] == rows.schema.names and all(
        column is None for column in columns.values()
    ):
        return rows
    arrays = [
        rows.column(f.name) if columns.get(f.name) is None else columns[f.name] for f in fields
    ]
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields, metadata=rows.schema.metadata))


def _column(
    rows: pa.Table, field: pa.Field, values: Mapping[str, Any]
) -> pa.ChunkedArray | pa.Array | None:
    """Return a column's values; None where the table has it as it should be."""
    there = rows.column(field.name) if field.name in rows.schema.names else None
    if there is not None and there.null_count == 0:
        return None if there.type == field.type else _cast(there, field.type)
    ids = rows.column("trial_id").combine_chunks().dictionary_encode()
    by_trial = [_plain(values.get(trial_id), field.type) for trial_id in ids.dictionary.to_pylist()]
    filled = pa.array(by_trial, field.type).take(ids.indices)
    if there is None:
        return filled
    if there.type == field.type and filled.null_count == len(filled):
        return None  # nothing better is known
    merged = pc.coalesce  # pyright: ignore[reportAttributeAccessIssue]
    return merged(_cast(there, field.type), filled)


def _cast(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    if kind == pa.string() and column.type != kind:
        return pa.chunked_array([pa.array([_plain(v, kind) for v in column.to_pylist()], kind)])
    return column.cast(kind)


def _plain(value: Any, kind: pa.DataType) -> Any:
    """Write a number among words as `schemas.build_table` does."""
    if kind == pa.string() and value is not None and not isinstance(value, str):
        return json.dumps(value)
    return value


# --- files that are there already ---------------------------------------------------------------------


def give_columns(
    study: StudyStore, extra: Mapping[str, str], known: Mapping[str, Mapping[str, Any]]
) -> int:
    """Write the files anew that lack columns; see `StudyStore.keep_axes`."""
    commits = study.commits()
    noted = study.axes_of_failures()
    union = merge_extra([extra, *(c.extra for c in commits.values()), *noted.values()])
    failures = _failures_files(study, noted)
    union = merge_extra([union, *failures.values()])
    stale = [c for c in commits.values() if c.extra != union or c.next_digests]
    failed = [name for name, each in failures.items() if each != union]
    settings: dict[str, str] = {}
    for found in _each(study, lambda commit: _settings(study, commit), stale):
        settings.update(found)
    if failed and failed != ["none"]:
        settings.update(settings_of_packs(study.fixed_packs().values()))
    values = _values_of(union, settings, known)
    told = {c: [v for v in each.values() if v is not None] for c, each in values.items()}
    wider = merge_extra([union, extra_types({c: found for c, found in told.items() if found})])
    if wider != union:  # of files that seemed to have their columns, too
        union, stale, failed = wider, list(commits.values()), list(failures)
    # Packs last, as `StudyStore.keep_axes` asks them whether anything is left to be done.
    _each(study, lambda name: _rewrite_failures(study, name, union, values), failed)
    _each(study, lambda commit: _rewrite(study, commit, union, values), stale)
    return len(stale)


def _each(study: StudyStore, work: Callable[[Any], Any], items: Sequence[Any]) -> list[Any]:
    if study.objects.is_near or len(items) < 2:
        return [work(item) for item in items]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(work, items))


def _read(study: StudyStore, path: str, commit: Commit | None = None, table: str = "") -> bytes:
    data = study.objects.get(path)
    if data is None:
        raise study.missing(commit.pack_id if commit else "", path)
    known = commit.digests_of(table) if commit else ()
    if known and digest_of(data) not in known:
        raise study.objects.damaged(path, "its bytes are not those that were committed")
    return data


def _open(study: StudyStore, path: str, data: bytes, columns: list[str] | None = None) -> pa.Table:
    try:
        return pq.read_table(pa.BufferReader(data), columns=columns, use_threads=False)
    except (pa.ArrowException, OSError) as error:
        raise study.objects.damaged(path, str(error).partition("\n")[0]) from error


def _settings(study: StudyStore, commit: Commit) -> dict[str, str]:
    path = study.table_path("trials", commit.pack_id)
    data = _read(study, path, commit, "trials")
    found = _open(study, path, data, ["trial_id", "settings"]).to_pydict()
    return dict(zip(found["trial_id"], found["settings"], strict=True))


def _rewrite(study: StudyStore, commit: Commit, extra: Mapping[str, str], values: Values) -> None:
    before, after, staged = {}, {}, {}
    for table in commit.tables:
        path = study.table_path(table, commit.pack_id)
        data = _read(study, path, commit, table)
        before[table] = after[table] = digest_of(data)
        rows = _open(study, path, data)
        whole = with_axes(rows, extra, values)
        if whole is not rows:
            data = to_bytes(whole, {})
            after[table] = digest_of(data)
            staged[table] = f"{study.name}/_meta/tmp/{commit.pack_id}.axes/{table}.parquet"
            study.objects.put(staged[table], data)
    if staged:
        study.replace_commit(replace(commit, digests=before, next_digests=after))
        for table, source in staged.items():  # in the commit's order: `trials` last
            study.objects.rename(source, study.table_path(table, commit.pack_id))
        study.objects.remove_empty_folder(f"{study.name}/_meta/tmp/{commit.pack_id}.axes")
    study.replace_commit(replace(commit, extra=dict(extra), digests=after, next_digests={}))


def _failures_files(
    study: StudyStore, noted: Mapping[str, dict[str, str]]
) -> dict[str, dict[str, str]]:
    """Return the files of failures, by name, with the further axes' columns that they have.

    Nothing is noted of the file without rows, nor of files of an older version: these are opened.
    """
    found = {}
    for name in study.failures_files():
        path = study.table_path("failures", name)
        found[name] = noted.get(name) or extra_columns([_open(study, path, _read(study, path))])
    return found


def _rewrite_failures(
    study: StudyStore, name: str, extra: Mapping[str, str], values: Values
) -> None:
    path = study.table_path("failures", name)
    data = _read(study, path)
    rows = _open(study, path, data)
    whole = with_axes(rows, extra, values)
    if whole is not rows:
        data = to_bytes(whole, {})
        staged = f"{study.name}/_meta/tmp/{name}.axes/failures.parquet"
        study.objects.put(staged, data)
        study.note_failures(name, digest=None)
        study.objects.rename(staged, path)
        study.objects.remove_empty_folder(f"{study.name}/_meta/tmp/{name}.axes")
    study.note_failures(name, digest=digest_of(data), extra=dict(extra))
