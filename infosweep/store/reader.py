"""Tables of a study as pandas: the rows of published packs, under one schema, sorted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from infosweep.errors import NotFoundError
from infosweep.store.axes import merge_extra, table_columns
from infosweep.store.query import QueryLimits, connect, explained, query
from infosweep.store.readonly import ReadOnlyFiles
from infosweep.store.store import StudyStore, study_of
from infosweep.store.views import define_views
from infosweep.tables import TABLES

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

__all__ = ["QueryLimits", "describe_tables", "query", "read_arrow", "read_table"]


def describe_tables(study: StudyStore | None = None) -> list[dict[str, Any]]:
    """Return what the tables hold, as plain data: one entry per column of each table.

    Args:
        study: a study whose further axes are to be among the columns.

    >>> describe_tables()[0]["table"], describe_tables()[0]["column"]
    ('trials', 'trial_id')
    """
    extra = merge_extra(c.extra for c in study.commits().values()) if study else {}
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
        for column in table_columns(table, extra)
    ]


def read_table(study: StudyStore, name: str, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Read a table of a study.

    Args:
        study: the study's part of a store.
        name: trials, curves, information, gradients or failures.
        columns: the columns to read; all of them if None.

    Returns:
        The table's rows, sorted as tables.py says; without rows where none are published yet.

    Raises:
        NotFoundError: no such study, table or column.
        StoreError: a file is damaged, or of a newer version.
    """
    return read_arrow(study, name, columns).to_pandas()


def read_arrow(study: StudyStore, name: str, columns: Sequence[str] | None = None) -> pa.Table:
    """Read a table of a study as Arrow; see `read_table`."""
    if name not in TABLES:
        raise NotFoundError(f"there is no table '{name}'", f"tables: {', '.join(TABLES)}")
    study_of(study.store, study.name)
    table = TABLES[name]
    extra = merge_extra(c.extra for c in study.commits().values())
    known = [column.name for column in table_columns(table, extra)]
    unknown = [column for column in columns or () if column not in known]
    if unknown:
        raise NotFoundError(
            f"table {name} has no column '{unknown[0]}'", f"it has {', '.join(known)}"
        )
    selected = ", ".join(f'"{column}"' for column in (known if columns is None else columns))
    order = ", ".join(f'"{column}"' for column in table.sort_by)
    connection = connect()
    try:
        files = ReadOnlyFiles(study.objects)
        with explained(study.store, QueryLimits(), files):
            define_views(connection, files, [study], [name])
            result = connection.sql(f'SELECT {selected} FROM "{name}" ORDER BY {order}')
            rows = result.to_arrow_table()
        files.check_digests()
        return rows
    finally:
        connection.close()
