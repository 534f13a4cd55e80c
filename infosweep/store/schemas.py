"""tables.py as Arrow: schemas with units, and tables built from what measures return.

Types are plain: text is `string`, never Arrow's dictionary type (which pandas sorts by appearance), and every
nullable column is typed from the start (a null-typed column makes pandas raise and DuckDB's glob fail).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from infosweep.store.axes import table_columns
from infosweep.tables import SCHEMA_VERSION, TABLES, Table

ARROW_TYPES: dict[str, pa.DataType] = {
    "string": pa.string(),
    "int64": pa.int64(),
    "double": pa.float64(),
    "bool": pa.bool_(),
    "timestamp": pa.timestamp("us", tz="UTC"),
}
METADATA_KEY = b"infosweep"  # the footer's entry: JSON


def arrow_schema(table: Table, extra: Mapping[str, str] | None = None) -> pa.Schema:
    """Return a table's schema; fields carry `unit` and `about`, the schema its version and all units.

    Args:
        table: the table.
        extra: further axes' columns and their types (`string`, `int64`, `double`, `bool`).
    """
    columns = table_columns(table, extra)
    fields = [
        pa.field(
            column.name,
            ARROW_TYPES[column.type],
            nullable=column.nullable,
            metadata={"unit": column.unit, "about": column.about},
        )
        for column in columns
    ]
    footer = {
        "schema_version": SCHEMA_VERSION,
        "table": table.name,
        "units": {column.name: column.unit for column in columns if column.unit},
    }
    return pa.schema(fields, metadata={METADATA_KEY: json.dumps(footer)})


def empty_table(name: str, extra: Mapping[str, str] | None = None) -> pa.Table:
    """Return a table without rows, typed as one with rows."""
    return arrow_schema(TABLES[name], extra).empty_table()


def build_table(
    name: str,
    columns: Mapping[str, Any],
    trial_values: Mapping[str, Any],
    extra: Mapping[str, str] | None = None,
) -> pa.Table:
    """Build the rows of one trial.

    Args:
        name: the table.
        columns: the table's own columns: arrays or lists of one length, or scalars, which are repeated. A
            nullable column may be left out. Without any array it is one row.
        trial_values: scalars that every row repeats: the columns of every table, further axes; more is
            allowed, and not used.
        extra: further axes' columns and their types.

    Returns:
        The rows, sorted by the table's `sort_by`. Values that are not finite are null.

    Raises:
        ValueError: an unknown or a missing column, unequal lengths, a null where none may be.
    """
    table = TABLES[name]
    schema = arrow_schema(table, extra)
    unknown = set(columns) - set(schema.names)
    if unknown:
        raise ValueError(f"table {name} has no column {', '.join(sorted(unknown))}")
    lengths = {key: len(value) for key, value in columns.items() if not _is_scalar(value)}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"columns of table {name} differ in length: {lengths}")
    n_rows = next(iter(lengths.values()), 1)
    arrays = []
    for field in schema:
        value = columns[field.name] if field.name in columns else trial_values.get(field.name)
        arrays.append(_array(value, field, n_rows, name))
    return sort_table(pa.Table.from_arrays(arrays, schema=schema))


def sort_table(rows: pa.Table) -> pa.Table:
    """Sort rows as tables.py asks for the table that the schema names."""
    table = TABLES[json.loads(rows.schema.metadata[METADATA_KEY])["table"]]
    return rows.sort_by([(column, "ascending") for column in table.sort_by])


def concat_tables(tables: Sequence[pa.Table]) -> pa.Table:
    """Join the rows of several trials, each built by `build_table`, into sorted rows of a pack."""
    filled = [rows for rows in tables if len(rows)] or tables[:1]
    return pa.concat_tables(sorted(filled, key=_trial_of))


def _trial_of(rows: pa.Table) -> str:
    return rows.column("trial_id")[0].as_py() if len(rows) else ""


def _is_scalar(value: object) -> bool:
    return value is None or isinstance(value, str | bytes) or not hasattr(value, "__len__")


def _array(value: Any, field: pa.Field, n_rows: int, table: str) -> pa.Array:
    """Make one column; what is not finite becomes null."""
    try:
        if _is_scalar(value):
            one = pa.array([_plain(value, field.type)], field.type)
            array = pa.repeat(one[0], n_rows) if n_rows else one.slice(0, 0)
        elif pa.types.is_floating(field.type):
            numbers = np.asarray(
                [np.nan if v is None else v for v in value] if isinstance(value, list) else value,
                dtype=np.float64,
            )
            array = pa.array(numbers, field.type, mask=~np.isfinite(numbers))
        else:
            if pa.types.is_integer(field.type) and isinstance(value, list | tuple):
                value = [_plain(v, field.type) for v in value]
            array = pa.array(value, field.type)
    except (pa.ArrowInvalid, pa.ArrowTypeError, TypeError) as error:
        raise ValueError(f"column {field.name} of table {table}: {error}") from error
    if array.null_count and not field.nullable:
        raise ValueError(f"column {field.name} of table {table} has a null where none may be")
    return array


def _plain(value: Any, kind: pa.DataType) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not np.isfinite(value):
        return None
    if isinstance(value, float) and kind == pa.int64():
        raise TypeError("a count is a floating-point number")  # Arrow would cut it off
    if kind == pa.string() and value is not None and not isinstance(value, str):
        return json.dumps(value)  # an axis of numbers and words
    return value
