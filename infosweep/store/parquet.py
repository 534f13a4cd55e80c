"""Arrow tables as Parquet bytes with a footer that says what they were made with."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from infosweep.store.schemas import METADATA_KEY, sort_table
from infosweep.tables import TABLES, TRIAL_COLUMNS

ROW_GROUP = 120_000  # rows

_NAMES = {pa.string(): "string", pa.int64(): "int64", pa.float64(): "double", pa.bool_(): "bool"}


def to_bytes(rows: pa.Table, metadata: Mapping[str, Any]) -> bytes:
    """Write a table, sorted, as one Parquet file.

    Args:
        rows: built by `schemas.build_table`, of one or more trials.
        metadata: what the footer says beside schema version, table and units: JSON values.
    """
    footer = {**read_footer(rows.schema), **metadata}
    rows = sort_table(rows).replace_schema_metadata({METADATA_KEY: json.dumps(footer)})
    # Measured doubles hardly repeat; a dictionary of them is built only to be thrown away.
    repeated = {column.name for column in TRIAL_COLUMNS}
    dictionary = [f.name for f in rows.schema if f.type != pa.float64() or f.name in repeated]
    sink = pa.BufferOutputStream()
    pq.write_table(
        rows,
        sink,
        row_group_size=ROW_GROUP,
        compression="zstd",
        use_dictionary=dictionary,  # pyright: ignore[reportArgumentType]
    )
    return sink.getvalue().to_pybytes()


def read_footer(schema: pa.Schema) -> dict[str, Any]:
    """Return what a file's footer says; empty where it is not one of ours."""
    return json.loads((schema.metadata or {}).get(METADATA_KEY, b"{}"))


def why_unreadable(data: bytes, table: str) -> str | None:
    """Say why bytes are not a readable file of a table; None where they are, every value of them."""
    if not data:
        return "it is empty"
    try:
        file = pq.ParquetFile(pa.BufferReader(data))
        if read_footer(file.schema_arrow).get("table") != table:
            return f"it is not a file of the table {table}"
        file.read().validate(full=True)
    except Exception as error:  # noise can raise anything
        return str(error).partition("\n")[0].rstrip(".") or type(error).__name__
    return None


def extra_columns(tables: Iterable[pa.Table]) -> dict[str, str]:
    """Return the further axes' columns of a pack's tables and their types."""
    found = {}
    for rows in tables:
        table = TABLES[read_footer(rows.schema)["table"]]
        known = {column.name for column in (*TRIAL_COLUMNS, *table.columns)}
        found.update({f.name: _NAMES[f.type] for f in rows.schema if f.name not in known})
    return found


def trials_of(trials: pa.Table) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the ids of all trials of a table `trials`, and of the diverged ones.

    Raises:
        ValueError: a trial stands there twice.
    """
    ids = trials.column("trial_id").to_pylist()
    if len(set(ids)) < len(ids):
        raise ValueError("a trial stands in the table trials twice")
    status = trials.column("status").to_pylist()
    diverged = (t for t, s in zip(ids, status, strict=True) if s == "diverged")
    return tuple(sorted(ids)), tuple(sorted(diverged))


def without_trials(tables: Mapping[str, pa.Table], ids: Collection[str]) -> dict[str, pa.Table]:
    """Return tables without the rows of some trials."""
    mine = tables["trials"].column("trial_id").to_pylist()
    drop = {trial_id for trial_id in mine if trial_id in ids}
    if not drop:
        return dict(tables)
    return {
        name: rows.filter(pa.array([t not in drop for t in rows.column("trial_id").to_pylist()]))
        for name, rows in tables.items()
    }
