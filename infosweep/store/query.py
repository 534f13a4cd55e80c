"""Guarded SQL over a store: one SELECT, read-only, within limits of time, memory and rows.

Each query has a DuckDB connection of its own in which external access is off, configuration is locked and the
tables are views over `readonly.ReadOnlyFiles`, all that it can reach. DuckDB reads the Parquet files itself,
columns and row groups as needed: five million rows are grouped in a third of a second, start included,
where registering an Arrow dataset costs two (`pyarrow.dataset` loads pandas).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import duckdb

from infosweep.errors import InfosweepError, NotFoundError, QueryError, StoreError
from infosweep.store.bounded import TimedOut, memory_bounded, within
from infosweep.store.guard import TOO_DEEP, check, nearest, shortened
from infosweep.store.readonly import PROTOCOL, ReadOnlyFiles
from infosweep.store.store import Store, StudyStore, study_of
from infosweep.store.views import define_views
from infosweep.tables import TABLES
from infosweep.units import format_duration

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class QueryLimits:
    """What a query may take.

    Attributes:
        seconds: time, after which it is interrupted.
        memory: memory, as DuckDB writes it.
        rows: rows of the result.
    """

    seconds: float = 30.0
    memory: str = "2GB"
    rows: int = 1_000_000


def query(
    store: Store, sql: str, study: str | None = None, limits: QueryLimits | None = None
) -> pa.Table:
    """Run one SELECT over the tables of a study, or of all studies of a store.

    Args:
        store: the store.
        sql: DuckDB's SQL; tables are trials, curves, information, gradients, failures.
        study: whose tables; None for the rows of all studies (column `study` tells them apart).
        limits: what the query may take.

    Returns:
        The result; sums of integers are int64 where they fit.

    Raises:
        QueryError: the SQL is wrong, not one SELECT, or takes more than the limits allow.
        NotFoundError: there is no such study, or no study at all.
        StoreError: a file is damaged.
    """
    limits = limits or QueryLimits()
    connection, stuck = connect(), False
    try:
        files = ReadOnlyFiles(store.objects)
        with explained(store, limits, files):
            wanted = within(
                limits.seconds, connection.interrupt, lambda: check(connection, sql, TABLES)
            )
            studies = [study_of(store, study)] if study else _all_studies(store)
            define_views(connection, files, studies, wanted)
            _lock(connection, limits)
            with memory_bounded(_bytes_of(limits.memory)):
                return within(
                    limits.seconds, connection.interrupt, lambda: _fetch(connection, sql, limits)
                )
    except TimedOut as error:
        stuck = error.stuck
        raise QueryError(
            f"the query took longer than {format_duration(limits.seconds)}",
            "filter or aggregate more, or raise --timeout",
        ) from None
    finally:
        if not stuck:  # closing would wait for it
            connection.close()


_UNITS = {"": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}


def _bytes_of(memory: str) -> int:
    """Return a size as DuckDB writes it in bytes."""
    found = re.fullmatch(r"\s*([0-9.]+)\s*([KMGT]?B?)\s*", memory.upper())
    return int(float(found[1]) * _UNITS.get(found[2], 10**9)) if found else 2 * 10**9


def connect() -> duckdb.DuckDBPyConnection:
    """Open a DuckDB of its own that loads nothing, writes no temporary files and sees no Python variables."""
    connection = duckdb.connect(
        ":memory:",
        config={
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "python_enable_replacements": "false",
            "temp_directory": "",
        },
    )
    connection.execute("set enable_progress_bar = false")
    return connection


def _all_studies(store: Store) -> list[StudyStore]:
    found = [store.study(name) for name in store.studies()]
    if not found:
        raise NotFoundError(
            f"there is no study in the store {store.url}", "run one first, or give --store"
        )
    return found


def _lock(connection: duckdb.DuckDBPyConnection, limits: QueryLimits) -> None:
    connection.execute(f"set memory_limit = '{limits.memory}'")
    connection.execute(f"set allowed_directories = ['{PROTOCOL}://']")
    connection.execute("set enable_external_access = false")
    connection.execute("set lock_configuration = true")


def _fetch(connection: duckdb.DuckDBPyConnection, sql: str, limits: QueryLimits) -> pa.Table:
    import pyarrow as pa

    result = connection.sql(sql)
    # DuckDB sums integers in 128 bits, which Arrow and pandas know as decimals only.
    wide = [str(kind) == "HUGEINT" for kind in result.types]
    if any(wide):
        positions = (f"#{i + 1}" for i in range(len(wide)))
        names = (name.replace('"', '""') for name in result.columns)
        result = result.project(
            ", ".join(
                f'CAST({p} AS BIGINT) AS "{name}"' if is_wide else p
                for p, name, is_wide in zip(positions, names, wide, strict=True)
            )
        )
    # What a batch holds DuckDB does not count: small ones, so that wide texts and lists stay within bounds.
    reader = result.to_arrow_reader(10_000)
    batches, n_rows, n_bytes, most = [], 0, 0, _bytes_of(limits.memory)
    for batch in reader:
        n_rows, n_bytes = n_rows + batch.num_rows, n_bytes + batch.nbytes
        if n_rows > limits.rows:
            raise QueryError(
                f"the result has more than {limits.rows:,} rows",
                "aggregate, add a LIMIT, or read the Parquet files themselves",
            )
        if n_bytes > most:
            raise _too_large(limits)
        batches.append(batch)
    return _with_writable_times(pa.Table.from_batches(batches, reader.schema))


def _with_writable_times(table: pa.Table) -> pa.Table:
    """Refuse times that DuckDB knows and nothing else does: infinity, and years past 9999."""
    import pyarrow as pa
    import pyarrow.compute as pc

    for i, field in enumerate(table.schema):
        if pa.types.is_timestamp(field.type) or pa.types.is_date(field.type):
            try:
                pc.min_max(table.column(i)).as_py()  # pyright: ignore[reportAttributeAccessIssue]
            except (OverflowError, ValueError):
                raise QueryError(
                    f"column '{shortened(field.name)}' holds a time that is infinite or past the year 9999",
                    "leave it out, or cast it to text: column::varchar",
                ) from None
    return table


def _too_large(limits: QueryLimits) -> QueryError:
    return QueryError(
        f"the query needs more than {limits.memory} of memory",
        "filter or aggregate more, or read the Parquet files themselves",
    )


# So DuckDB and Arrow tell that an allocation failed, or that a column of a batch is past what Arrow can hold.
_NO_MEMORY = re.compile(
    r"Out of Memory Error|[Ff]ailed to allocate|Allocation failure|maximum total string size|bad_alloc"
)


# What only the SQL can be to blame for.
_OF_THE_SQL = (
    duckdb.ParserException,
    duckdb.BinderException,
    duckdb.CatalogException,
    duckdb.ConversionException,
    duckdb.OutOfRangeException,
    duckdb.PermissionException,
)


@contextmanager
def explained(store: Store, limits: QueryLimits, files: ReadOnlyFiles) -> Iterator[None]:
    """Turn DuckDB's exceptions into one line that says what is wrong.

    Noise in a file makes DuckDB say anything, without the file's name: then the files are looked at.
    """
    try:
        yield
    except InfosweepError:
        raise
    except (duckdb.OutOfMemoryException, MemoryError):
        raise _too_large(limits) from None
    except (duckdb.Error, RuntimeError, ValueError, OSError) as error:
        if _NO_MEMORY.search(str(error)):
            raise _too_large(limits) from None
        # So DuckDB tells of Ctrl-C: in its own loop, or in ours while it reads a file.
        if "Query interrupted" in str(error) or "KeyboardInterrupt" in str(error):
            raise KeyboardInterrupt from None
        damaged = None if isinstance(error, _OF_THE_SQL) else files.first_damaged()
        if damaged is not None:
            raise damaged from None
        if not isinstance(error, duckdb.Error):
            raise
        raise _explain(str(error), store) from None


def _explain(text: str, store: Store) -> InfosweepError:
    kind, _, message = text.strip().partition("\n")[0].partition(": ")
    if PROTOCOL in text or kind == "IO Error" or "Traceback" in text:
        reason = text.strip().rpartition("\n")[2].replace(f"{PROTOCOL}://", f"{store.url}/")
        return StoreError(f"a file of the store cannot be read: {reason}")
    missing = re.match(r'Referenced column "([^"]+)"', message)
    if missing:
        candidates = text.partition("Candidate bindings")[2].partition("LINE")[0]
        known = [name.rpartition(".")[2] for name in re.findall(r'"([^"]+)"', candidates)]
        return QueryError(
            f"there is no column '{shortened(missing[1])}'{nearest(missing[1], known)}",
            "`infosweep query --tables` lists tables and columns",
        )
    if "max_expression_depth" in text:
        return QueryError(TOO_DEEP)
    hint = re.search(r'Did you mean "([^"]+)"', text)
    more = f"; did you mean '{hint[1]}'?" if hint else ""
    return QueryError(shortened(message or kind).rstrip("!") + more)
