"""Tables on stdout: as text, CSV, JSON, Markdown or Parquet. NaN and infinity never appear in JSON."""

from __future__ import annotations

import csv
import json
import math
import sys
from collections.abc import Iterable, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from infosweep.errors import UsageError

if TYPE_CHECKING:
    import pyarrow as pa

Row = Sequence[Any]


def write_json(value: Any) -> None:
    """Write one JSON document."""
    sys.stdout.write(json.dumps(plain(value), indent=2, allow_nan=False) + "\n")


def plain(value: Any) -> Any:
    """The same value in JSON's types; what is not a finite number becomes null.

    >>> plain({"effect": float("nan"), "n": Decimal("3"), "at": date(2026, 1, 2)})
    {'effect': None, 'n': 3, 'at': '2026-01-02'}
    """
    match value:
        case float():
            return value if math.isfinite(value) else None
        case Decimal():
            if not value.is_finite():
                return None
            return int(value) if value == value.to_integral_value() else float(value)
        case datetime() | date() | time():
            return value.isoformat()
        case bytes():
            return value.hex()
        case dict():
            return {str(key): plain(item) for key, item in value.items()}
        case list() | tuple():
            return [plain(item) for item in value]
        case None | bool() | int() | str():
            return value
        case _:
            return str(value)


def write_table(table: pa.Table, output_format: str) -> None:
    """Write an Arrow table to stdout in the named format."""
    if output_format == "parquet":
        _write_parquet(table)
        return
    rows = (
        tuple(row)
        for batch in table.to_batches(max_chunksize=65_536)
        for row in zip(*(column.to_pylist() for column in batch.columns), strict=True)
    )
    write_rows(table.column_names, rows, output_format)


def write_rows(columns: Sequence[str], rows: Iterable[Row], output_format: str) -> None:
    """Write rows to stdout as `table`, `csv`, `json` (one array of objects) or `md`."""
    match output_format:
        case "json":
            _write_objects(columns, rows)
        case "csv":
            writer = csv.writer(sys.stdout, lineterminator="\n")
            writer.writerow(columns)
            writer.writerows([_csv_cell(value) for value in row] for row in rows)
        case "md":
            sys.stdout.write(_markdown_line(columns))
            sys.stdout.write(_markdown_line(["---"] * len(columns)))
            for row in rows:
                sys.stdout.write(_markdown_line([cell(value) for value in row]))
        case _:
            sys.stdout.write(aligned(columns, rows))


def _write_objects(columns: Sequence[str], rows: Iterable[Row]) -> None:
    separator = "["
    for row in rows:
        record = {name: plain(value) for name, value in zip(columns, row, strict=True)}
        sys.stdout.write(f"{separator}{json.dumps(record, allow_nan=False)}")
        separator = ",\n "
    sys.stdout.write("[]\n" if separator == "[" else "]\n")


def _write_parquet(table: pa.Table) -> None:
    if sys.stdout.isatty():
        raise UsageError("Parquet is binary", "send it into a file: … -o parquet > table.parquet")
    import pyarrow.parquet as pq  # slow to load, rarely asked for

    pq.write_table(table, sys.stdout.buffer, compression="zstd")


def aligned(columns: Sequence[str], rows: Iterable[Row]) -> str:
    """Rows as text in aligned columns, numbers to the right.

    >>> print(aligned(["layer", "bits"], [("out", 0.25), ("h1", None)]), end="")
    layer  bits
    -----  ----
    out    0.25
    h1     null
    """
    body = [list(row) for row in rows]
    texts = [[cell(value) for value in row] for row in body]
    widths = [
        max([len(name), *(len(row[place]) for row in texts)]) for place, name in enumerate(columns)
    ]
    right = [
        any(_is_number(row[place]) for row in body)
        and all(row[place] is None or _is_number(row[place]) for row in body)
        for place in range(len(columns))
    ]

    def line(cells: Sequence[str]) -> str:
        padded = [
            text.rjust(width) if to_right else text.ljust(width)
            for text, width, to_right in zip(cells, widths, right, strict=True)
        ]
        return "  ".join(padded).rstrip() + "\n"

    head = line(columns) + line(["-" * width for width in widths])
    return head + "".join(line(row) for row in texts)


def cell(value: Any) -> str:
    """A value as a person reads it in a table.

    >>> [cell(value) for value in (0.123456789, None, True, ["a", "b"], float("nan"))]
    ['0.123457', 'null', 'true', 'a, b', 'null']
    """
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case float():
            return f"{value:.6g}" if math.isfinite(value) else "null"
        case list() | tuple():
            return ", ".join(cell(item) for item in value)
        case dict():
            return json.dumps(plain(value))
        case _:
            return str(plain(value))


def _csv_cell(value: Any) -> Any:
    if isinstance(value, (list, tuple, dict)):
        return json.dumps(plain(value))
    if isinstance(value, bool):
        return cell(value)
    return plain(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, Decimal)) and not isinstance(value, bool)


def _markdown_line(cells: Sequence[str]) -> str:
    escaped = (text.replace("|", "\\|").replace("\n", " ") for text in cells)
    return "| " + " | ".join(escaped) + " |\n"
