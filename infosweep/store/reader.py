"""Tables of a study as pandas: the rows of published packs, under one schema, with later axes filled in."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from infosweep.errors import NotFoundError, StoreError
from infosweep.store.axes import extra_of, packs_lacking, values_lacking
from infosweep.store.commit import Commit
from infosweep.store.parquet import read_footer
from infosweep.store.schemas import arrow_schema, table_columns
from infosweep.store.store import StudyStore, check_schema_version
from infosweep.tables import TABLES, Table

if TYPE_CHECKING:
    import pandas as pd


def table_named(name: str) -> Table:
    """Return a table's definition.

    Raises:
        NotFoundError: there is none of this name.
    """
    if name not in TABLES:
        raise NotFoundError(f"there is no table '{name}'", f"tables: {', '.join(TABLES)}")
    return TABLES[name]


def describe_tables(extra: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
    """Return what every table holds, as plain data: one entry per column.

    Args:
        extra: further axes' columns and their types.

    >>> describe_tables()[0]["table"], describe_tables()[0]["column"]
    ('trials', 'trial_id')
    """
    return [
        {
            "table": table.name,
            "column": column.name,
            "type": column.type,
            "unit": column.unit,
            "nullable": column.nullable,
            "about": column.about,
        }
        for table in TABLES.values()
        for column in table_columns(table, extra or {})
    ]


def visible_packs(study: StudyStore) -> set[str]:
    """Return the packs whose `trials` file is published; it is the last, so all others are there too."""
    return {_pack_of(entry.name) for entry in study.objects.children(f"{study.name}/trials")[1]}


def visible_files(study: StudyStore, table: str, packs: Collection[str]) -> list[str]:
    """Return the paths of a table's files that readers may see, sorted."""
    entries = study.objects.children(f"{study.name}/{table}")[1]
    return sorted(
        entry.path
        for entry in entries
        if entry.name.endswith(".parquet")
        and (table == "failures" or _pack_of(entry.name) in packs)
    )


def _pack_of(file_name: str) -> str:
    return file_name.partition(".")[0]


def read_table(study: StudyStore, name: str, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Read a table of a study.

    Args:
        study: the study's part of a store.
        name: trials, curves, information, gradients or failures.
        columns: the columns to read; all of them if None.

    Returns:
        One row per row of the table, sorted as in tables.py; without rows where none are published yet.

    Raises:
        NotFoundError: no such study or table.
        StoreError: a file is damaged, or of a newer version.
    """
    return read_arrow(study, name, columns).to_pandas()


def read_arrow(study: StudyStore, name: str, columns: Sequence[str] | None = None) -> pa.Table:
    """Read a table of a study as Arrow; see `read_table`."""
    table = table_named(name)
    if not study.exists():
        raise no_study(study)
    commits = study.commits()
    extra = extra_of(commits)
    schema = arrow_schema(table, extra)
    wanted = schema.names if columns is None else list(columns)
    order = [column for column in table.sort_by if column not in wanted]
    read = schema.empty_table().select([*wanted, *order]).schema
    packs = visible_packs(study)
    parts = [read.empty_table()]
    for path in visible_files(study, name, packs):
        parts.append(conform(_read_file(study, path, read.names), read))
    rows = pa.concat_tables(parts)
    rows = fill_axes(study, rows, commits, extra, packs)
    return rows.sort_by([(column, "ascending") for column in table.sort_by]).select(wanted)


def no_study(study: StudyStore) -> NotFoundError:
    """Say that a store lacks a study, and which it has."""
    names = study.store.studies()
    return NotFoundError(
        f"there is no study '{study.name}' in the store {study.store.url}",
        f"studies there: {', '.join(names)}" if names else "run one first, or give --store",
    )


def _read_file(study: StudyStore, path: str, columns: Sequence[str]) -> pa.Table:
    data = study.objects.get(path)
    where = study.objects.locate(path)
    if data is None:
        raise StoreError(f"{where} was deleted while it was read", "run again")
    try:
        file = pq.ParquetFile(pa.BufferReader(data))
        version = read_footer(file.schema_arrow).get("schema_version", 1)
        check_schema_version(version, where)
        there = set(file.schema_arrow.names)
        return file.read([column for column in columns if column in there])
    except (pa.ArrowException, OSError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        raise StoreError(
            f"{where} is damaged ({reason})",
            "delete it together with its commit in _meta/commits, and run again",
        ) from error


def conform(rows: pa.Table, schema: pa.Schema) -> pa.Table:
    """Give rows of an older schema the columns and types of the present one; new columns are null."""
    arrays = [
        rows.column(field.name).cast(field.type)
        if field.name in rows.schema.names
        else pa.nulls(len(rows), field.type)
        for field in schema
    ]
    return pa.Table.from_arrays(arrays, schema=schema)


def fill_axes(
    study: StudyStore,
    rows: pa.Table,
    commits: Mapping[str, Commit],
    extra: Mapping[str, str],
    packs: Collection[str],
) -> pa.Table:
    """Put the values of axes that were added later into the rows of older packs."""
    values = older_values(study, commits, extra, packs)
    if not values or "trial_id" not in rows.schema.names:
        return rows
    trial_ids = rows.column("trial_id").to_pylist()
    for name in extra:
        if name not in rows.schema.names:
            continue
        index, field = rows.schema.get_field_index(name), rows.schema.field(name)
        older = [values.get(trial_id, {}).get(name) for trial_id in trial_ids]
        import pyarrow.compute as pc

        filled = pc.coalesce(rows.column(name), pa.array(older, field.type))
        rows = rows.set_column(index, field, filled)
    return rows


def older_values(
    study: StudyStore,
    commits: Mapping[str, Commit],
    extra: Mapping[str, str],
    packs: Collection[str],
) -> dict[str, dict[str, Any]]:
    """Return by trial id what packs without some axes' columns would have in them."""
    found: dict[str, dict[str, Any]] = {}
    for pack_id, columns in packs_lacking(commits, extra).items():
        if pack_id in packs:
            path = f"{study.name}/trials/{pack_id}.parquet"
            found.update(values_lacking(_read_file(study, path, ["trial_id", "settings"]), columns))
    return found
