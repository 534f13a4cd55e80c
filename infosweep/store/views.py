"""The tables of studies as DuckDB views: visible files, one schema, later axes filled in."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from infosweep.store.axes import merge_extra, older_value, table_columns
from infosweep.store.objects import Entry
from infosweep.store.readonly import ReadOnlyFiles
from infosweep.store.store import StudyStore, check_schema_version, is_failures_name
from infosweep.tables import TABLES, Table

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_SQL_TYPES = {
    "string": "VARCHAR",
    "int64": "BIGINT",
    "double": "DOUBLE",
    "bool": "BOOLEAN",
    "timestamp": "TIMESTAMP WITH TIME ZONE",
}
_OLDER = "infosweep_older_values"
Axes = tuple[tuple[str, str], ...]  # further axes' columns of a file and their types


def define_views(
    connection: DuckDBPyConnection,
    files: ReadOnlyFiles,
    studies: Sequence[StudyStore],
    tables: Collection[str],
) -> None:
    """Define views named as the tables, over the rows of all the studies.

    Rows of a pack of which some file is not published yet are left out of all tables. A table without files
    has no rows, but its columns.

    Raises:
        StoreError: a file is damaged, of a newer version, or nowhere though its pack is committed.
    """
    connection.register_filesystem(files)
    connection.execute("set TimeZone = 'UTC'")
    extra = merge_extra(c.extra for study in studies for c in study.commits().values())
    groups: dict[str, dict[Axes, list[Entry]]] = {name: {} for name in {*tables, "trials"}}
    for study in studies:
        _group_files(study, groups, files)
    older = _define_older_values(connection, files, groups["trials"], extra)
    for name in sorted(tables):
        table = TABLES[name]
        selects = []
        for axes, entries in sorted(groups[name].items()):
            urls = files.allow(entries)
            _check_version(connection, max(entries, key=lambda e: e.modified), files)
            selects.append(_select(table, extra, dict(axes), urls, older))
        body = " UNION ALL ".join(selects or [_select_none(table, extra)])
        connection.execute(f'CREATE VIEW "{name}" AS {body}')


def _group_files(
    study: StudyStore, groups: dict[str, dict[Axes, list[Entry]]], files: ReadOnlyFiles
) -> None:
    """Sort a study's visible files by the further axes that they have columns for.

    Files that infosweep did not put there are passed over.
    """
    published = study.published(groups)
    for name, by_axes in groups.items():
        there = published.files[name]
        if name == "failures":
            axes_of = study.axes_of_failures()
            for file in filter(is_failures_name, there):
                axes = tuple(sorted(axes_of.get(file.removesuffix(".parquet"), {}).items()))
                by_axes.setdefault(axes, []).append(there[file])
            continue
        for pack_id, commit in published.commits.items():
            entry = there.get(f"{pack_id}.parquet")
            if entry is not None:
                by_axes.setdefault(tuple(sorted(commit.extra.items())), []).append(entry)
                files.expect(entry.path, commit.digests_of(name))


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _read(urls: Sequence[str]) -> str:
    return f"read_parquet([{', '.join(map(_quoted, urls))}], hive_partitioning = false)"


def _select(
    table: Table,
    extra: Mapping[str, str],
    there: Mapping[str, str],
    urls: Sequence[str],
    older: bool,
) -> str:
    own = {column.name for column in table_columns(table)}
    parts = []
    for column in table_columns(table, extra):
        kind = _SQL_TYPES[column.type]
        if column.name in own or there.get(column.name) == column.type:
            parts.append(f'rows."{column.name}"')
        elif column.name in there:
            parts.append(f'CAST(rows."{column.name}" AS {kind}) AS "{column.name}"')
        elif older:
            parts.append(f'older."{column.name}"')
        else:
            parts.append(f'CAST(NULL AS {kind}) AS "{column.name}"')
    joined = any(part.startswith("older.") for part in parts)
    join = f" LEFT JOIN {_OLDER} AS older USING (trial_id)" if joined else ""
    return f"SELECT {', '.join(parts)} FROM {_read(urls)} AS rows{join}"


def _select_none(table: Table, extra: Mapping[str, str]) -> str:
    columns = (
        f'CAST(NULL AS {_SQL_TYPES[column.type]}) AS "{column.name}"'
        for column in table_columns(table, extra)
    )
    return f"SELECT {', '.join(columns)} WHERE false"


def _define_older_values(
    connection: DuckDBPyConnection,
    files: ReadOnlyFiles,
    trials: Mapping[Axes, Sequence[Entry]],
    extra: Mapping[str, str],
) -> bool:
    """Keep by trial id the values of axes in packs without a column for them; False if all have all."""
    lacking = {axes: entries for axes, entries in trials.items() if set(dict(axes)) < set(extra)}
    if not lacking:
        return False
    columns = "".join(f', "{name}" {_SQL_TYPES[kind]}' for name, kind in extra.items())
    connection.execute(f"CREATE TABLE {_OLDER} (trial_id VARCHAR PRIMARY KEY{columns})")
    rows = []
    for axes, entries in lacking.items():
        source = _read(files.allow(entries))
        found = connection.execute(f"SELECT trial_id, settings FROM {source}").fetchall()
        missing = [name for name in extra if name not in dict(axes)]
        for trial_id, settings in found:
            values = {name: _typed(older_value(settings, name), extra[name]) for name in missing}
            rows.append([trial_id, *(values.get(name) for name in extra)])
    marks = ", ".join("?" * (1 + len(extra)))
    connection.executemany(f"INSERT OR IGNORE INTO {_OLDER} VALUES ({marks})", rows)
    return True


def _typed(value: object, kind: str) -> object:
    """Give a setting the type of its column; None where it has none such."""
    if kind == "string" or value is None:
        return value if isinstance(value, str | None) else json.dumps(value)
    return value if isinstance(value, int | float) else None


def _check_version(connection: DuckDBPyConnection, entry: Entry, files: ReadOnlyFiles) -> None:
    """Look at the footer of a table's newest file."""
    (url,) = files.allow([entry])
    found = connection.execute(
        f"SELECT value FROM parquet_kv_metadata({_quoted(url)}) WHERE key = 'infosweep'::BLOB"
    ).fetchone()
    version = json.loads(bytes(found[0])).get("schema_version") if found else 1
    check_schema_version(version, files.locate(url))
