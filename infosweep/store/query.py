"""Guarded SQL over a store: one SELECT, read-only, within limits of time, memory and rows.

Each query has a DuckDB connection of its own in which external access is off, configuration is locked and the
tables are views over `readonly.ReadOnlyFiles`, all that it can reach. DuckDB reads the Parquet files itself,
columns and row groups as needed: five million rows are grouped in a third of a second, start included,
where registering an Arrow dataset costs two (`pyarrow.dataset` loads pandas).
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import duckdb

from infosweep.errors import InfosweepError, NotFoundError, QueryError, StoreError
from infosweep.store.guard import check, nearest
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
    connection = connect()
    try:
        files = ReadOnlyFiles(store.objects)
        with explained(store, limits, files):
            wanted = check(connection, sql, TABLES)
            studies = [study_of(store, study)] if study else _all_studies(store)
            define_views(connection, files, studies, wanted)
            _lock(connection, limits)
            with _timed(connection, limits.seconds):
                return _fetch(connection, sql, limits.rows)
    finally:
        connection.close()


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


@contextmanager
def _timed(connection: duckdb.DuckDBPyConnection, seconds: float) -> Iterator[None]:
    """Interrupt the query when its time is over; DuckDB never ends an endless recursion by itself."""
    timer = threading.Timer(seconds, connection.interrupt)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _fetch(connection: duckdb.DuckDBPyConnection, sql: str, limit: int) -> pa.Table:
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
    reader = result.to_arrow_reader(100_000)
    batches, n_rows = [], 0
    for batch in reader:
        n_rows += batch.num_rows
        if n_rows > limit:
            raise QueryError(
                f"the result has more than {limit:,} rows",
                "aggregate, add a LIMIT, or read the Parquet files themselves",
            )
        batches.append(batch)
    return pa.Table.from_batches(batches, reader.schema)


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
    except duckdb.InterruptException:
        raise QueryError(
            f"the query took longer than {format_duration(limits.seconds)}",
            "filter or aggregate more, or raise --timeout",
        ) from None
    except duckdb.OutOfMemoryException:
        raise QueryError(
            f"the query needs more than {limits.memory} of memory",
            "filter or aggregate more, or read the Parquet files themselves",
        ) from None
    except (duckdb.Error, RuntimeError, ValueError) as error:
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
            f"there is no column '{missing[1]}'{nearest(missing[1], known)}",
            "`infosweep query --tables` lists tables and columns",
        )
    hint = re.search(r'Did you mean "([^"]+)"', text)
    more = f"; did you mean '{hint[1]}'?" if hint else ""
    return QueryError((message or kind).rstrip("!") + more)
