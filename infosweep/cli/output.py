"""Tables on stdout: as text, CSV, JSON, Markdown or Parquet. NaN and infinity never appear in JSON."""

from __future__ import annotations

import csv
import json
import math
import sys
from collections.abc import Iterable, Iterator, Sequence
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
        case tuple() if hasattr(value, "nanoseconds"):
            return _interval(value)
        case dict():
            return {str(key): plain(item) for key, item in value.items()}
        case list() | tuple():
            return [plain(item) for item in value]
        case None | bool() | int() | str():
            return value
        case _:
            return str(value)


def _interval(value: Any) -> str:
    """Arrow's interval (months, days, nanoseconds) as DuckDB writes it."""
    years, months = divmod(abs(value.months), 12)
    sign = "-" if value.months < 0 else ""
    parts = [
        f"{sign}{number} {word}{'' if number == 1 else 's'}"
        for number, word in ((years, "year"), (months, "month"))
        if number
    ]
    if value.days:
        parts.append(f"{value.days} day{'' if abs(value.days) == 1 else 's'}")
    if value.nanoseconds or not parts:
        seconds, rest = divmod(abs(value.nanoseconds), 10**9)
        clock = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
        fraction = f".{rest:09d}".rstrip("0") if rest else ""
        parts.append(f"{'-' if value.nanoseconds < 0 else ''}{clock}{fraction}")
    return " ".join(parts)


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
            write_objects(_named_rows(columns, rows))
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


def _named_rows(columns: Sequence[str], rows: Iterable[Row]) -> Iterator[dict[str, Any]]:
    """Rows as objects.

    Raises UsageError where two columns have one name: an object would lose one of them.
    """
    twice = [name for place, name in enumerate(columns) if name in columns[:place]]
    if twice:
        raise UsageError(f"two columns are named {twice[0]!r}", "name them with AS")
    return (dict(zip(columns, row, strict=True)) for row in rows)


def write_objects(rows: Iterable[dict[str, Any]]) -> None:
    """Write one JSON array of objects, an object a line."""
    separator = "["
    for row in rows:
        sys.stdout.write(f"{separator}{json.dumps(plain(row), allow_nan=False)}")
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
        case list() | tuple() if not hasattr(value, "nanoseconds"):
            return ", ".join(cell(item) for item in value)
        case dict():
            return json.dumps(plain(value))
        case _:
            return str(plain(value))


def _csv_cell(value: Any) -> Any:
    if isinstance(value, (list, tuple, dict)) and not hasattr(value, "nanoseconds"):
        return json.dumps(plain(value))
    if isinstance(value, bool):
        return cell(value)
    return plain(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, Decimal)) and not isinstance(value, bool)


def _markdown_line(cells: Sequence[str]) -> str:
    escaped = (text.replace("|", "\\|").replace("\n", " ") for text in cells)
    return "| " + " | ".join(escaped) + " |\n"
