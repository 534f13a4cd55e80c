"""Tables on stdout, in every format."""

from __future__ import annotations

import csv
import datetime
import io
import json
import math
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infosweep.cli import output
from infosweep.errors import UsageError

COLUMNS = ("name", "bits", "n", "ok")
ROWS = [("a|b", 0.5, 3, True), ("line\nbreak", float("nan"), None, False)]


def test_json_is_one_array_of_objects_without_nan(capsys):
    output.write_rows(COLUMNS, ROWS, "json")
    assert json.loads(capsys.readouterr().out) == [
        {"name": "a|b", "bits": 0.5, "n": 3, "ok": True},
        {"name": "line\nbreak", "bits": None, "n": None, "ok": False},
    ]


def test_json_without_rows_is_an_empty_array(capsys):
    output.write_rows(COLUMNS, [], "json")
    assert capsys.readouterr().out == "[]\n"


def test_json_refuses_two_columns_of_one_name(capsys):
    with pytest.raises(UsageError, match="two columns are named 'n'") as refused:
        output.write_table(pa.table([pa.array([1]), pa.array([2])], names=["n", "n"]), "json")
    assert refused.value.mend == "name them with AS"
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("interval", "text"),
    [
        ((14, 3, 3_723_500_000_000), "1 year 2 months 3 days 01:02:03.5"),
        ((0, 1, 0), "1 day"),
        ((0, 0, 0), "00:00:00"),
        ((-1, -2, -1_000_000_000), "-1 month -2 days -00:00:01"),
    ],
)
def test_intervals_are_text(interval, text, capsys):
    column = pa.array([pa.MonthDayNano(interval)], pa.month_day_nano_interval())
    for form in ("json", "csv", "md"):
        output.write_table(pa.table({"span": column}), form)
        assert text in capsys.readouterr().out, form


def test_csv_reads_back_and_leaves_null_empty(capsys):
    output.write_rows((*COLUMNS, "flips"), [(*row, ["auc", "x"]) for row in ROWS], "csv")
    read = list(csv.reader(io.StringIO(capsys.readouterr().out)))
    assert read == [
        ["name", "bits", "n", "ok", "flips"],
        ["a|b", "0.5", "3", "true", '["auc", "x"]'],
        ["line\nbreak", "", "", "false", '["auc", "x"]'],
    ]


def test_markdown_keeps_one_row_a_line(capsys):
    output.write_rows(COLUMNS, ROWS, "md")
    assert capsys.readouterr().out.splitlines() == [
        "| name | bits | n | ok |",
        "| --- | --- | --- | --- |",
        "| a\\|b | 0.5 | 3 | true |",
        "| line break | null | null | false |",
    ]


def test_text_aligns_numbers_to_the_right():
    text = output.aligned(("layer", "bits"), [("output", 1.5), ("h", 12.25), ("x", None)])
    assert text.splitlines() == [
        "layer    bits",
        "------  -----",
        "output    1.5",
        "h       12.25",
        "x        null",
    ]


def test_an_arrow_table_becomes_plain_rows(capsys):
    moment = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)
    table = pa.table(
        {
            "total": pa.array([Decimal(12)], pa.decimal128(38, 0)),
            "at": pa.array([moment], pa.timestamp("us", tz="UTC")),
            "list": [[1.0, math.inf]],
        }
    )
    output.write_table(table, "json")
    assert json.loads(capsys.readouterr().out) == [
        {"total": 12, "at": "2026-01-02T03:04:05+00:00", "list": [1.0, None]}
    ]


def test_parquet_goes_to_stdout_as_bytes(capfdbinary):
    table = pa.table({"a": [1, 2], "b": ["x", None]})
    output.write_table(table, "parquet")
    assert pq.read_table(pa.BufferReader(capfdbinary.readouterr().out)).equals(table)


def test_parquet_is_not_thrown_at_a_terminal(monkeypatch):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    with pytest.raises(UsageError, match="binary"):
        output.write_table(pa.table({"a": [1]}), "parquet")


json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=6,
)


@given(json_like)
def test_plain_values_always_fit_into_json(value):
    text = json.dumps(output.plain(value), allow_nan=False)
    assert output.plain(json.loads(text)) == json.loads(text)
