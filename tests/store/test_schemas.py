"""tables.py as Arrow: types, units, nulls, and the order of rows."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from infosweep.store.axes import extra_types, merge_extra, table_columns
from infosweep.store.parquet import extra_columns, read_footer, to_bytes
from infosweep.store.schemas import (
    METADATA_KEY,
    arrow_schema,
    build_table,
    concat_tables,
    empty_table,
)
from infosweep.tables import CURVES, FAILURES, INFORMATION, TABLES, TRIAL_COLUMNS, TRIALS

TRIAL = {
    "trial_id": "t1",
    "study": "demo",
    "seed": 0,
    "train_size": 0.85,
    "n_train": 3481,
    "batch_size": 256,
    "batch_used": 256,
    "full_batch": False,
    "depth": 5,
    "label_noise": 0.0,
}
GRADIENTS = {"step": [5, 0], "epoch": [1, 0], "layer": 1, "n_batches": 3}


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)
def test_schema_follows_the_tables(table):
    schema = arrow_schema(table, {"learning_rate": "double", "activation": "string"})
    plain = {pa.string(), pa.int64(), pa.float64(), pa.bool_(), pa.timestamp("us", tz="UTC")}
    assert {field.type for field in schema} <= plain
    assert schema.names[: len(TRIAL_COLUMNS)] == [c.name for c in TRIAL_COLUMNS]
    assert len(set(schema.names)) == len(schema.names)
    assert {"learning_rate", "activation"} <= set(schema.names)
    for column in table.columns:
        field = schema.field(column.name)
        assert field.nullable == column.nullable
        assert field.metadata[b"unit"] == column.unit.encode()
    units = json.loads(schema.metadata[METADATA_KEY])["units"]
    assert units == {c.name: c.unit for c in (*TRIAL_COLUMNS, *table.columns) if c.unit}


def test_an_axis_that_the_table_has_is_there_once():
    names = [c.name for c in table_columns(TRIALS, {"learning_rate": "double"})]
    assert names.count("learning_rate") == 1
    assert [c.name for c in table_columns(CURVES, {"learning_rate": "double"})][10:12] == [
        "learning_rate",
        "step",
    ]


def test_rows_repeat_the_trial_and_are_sorted():
    rows = build_table("gradients", {**GRADIENTS, "snr": [0.5, np.nan]}, TRIAL)
    assert rows.schema.equals(arrow_schema(TABLES["gradients"]), check_metadata=True)
    assert rows.column("step").to_pylist() == [0, 5]
    assert rows.column("snr").to_pylist() == [None, 0.5]
    assert rows.column("seed").to_pylist() == [0, 0]
    assert rows.column("weight_norm").to_pylist() == [None, None]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, None])
@pytest.mark.parametrize("kind", [list, np.array, lambda v: np.array(v, np.float32), "scalar"])
def test_what_is_not_finite_is_null(value, kind):
    if kind == "scalar":
        rows = build_table("gradients", {**GRADIENTS, "snr": value}, TRIAL)
        assert rows.column("snr").to_pylist() == [None, None]
        return
    values = kind([1.5, np.nan if value is None and kind is not list else value])
    rows = build_table("gradients", {**GRADIENTS, "snr": values}, TRIAL)
    assert rows.column("snr").to_pylist() == [None, 1.5]


def test_rows_of_a_pack_are_sorted_over_its_trials():
    late = build_table("gradients", GRADIENTS, {**TRIAL, "trial_id": "b"})
    early = build_table("gradients", GRADIENTS, {**TRIAL, "trial_id": "a"})
    rows = concat_tables([late, early])
    keys = [(r["trial_id"], r["step"]) for r in rows.to_pylist()]
    assert keys == [("a", 0), ("a", 5), ("b", 0), ("b", 5)]


@pytest.mark.parametrize(
    ("columns", "trial", "told"),
    [
        ({"snr_raww": [1.0, 2.0]}, {}, "table gradients has no column snr_raww"),
        ({"snr": [1.0]}, {}, "differ in length"),
        ({"step": [None, 1]}, {}, "column step of table gradients has a null"),
        ({}, {"train_size": float("nan")}, "column train_size of table gradients has a null"),
        ({}, {"seed": None}, "column seed of table gradients has a null"),
        ({"layer": ["one", "two"]}, {}, "column layer of table gradients"),
        ({"layer": 1.5}, {}, "column layer of table gradients"),
    ],
)
def test_wrong_rows_are_refused(columns, trial, told):
    with pytest.raises(ValueError, match=told):
        build_table("gradients", {**GRADIENTS, **columns}, {**TRIAL, **trial})


def test_a_missing_column_is_named():
    with pytest.raises(ValueError, match="column n_batches of table gradients has a null"):
        build_table("gradients", {"step": [0], "epoch": [0], "layer": [1]}, TRIAL)


def test_a_table_without_rows_is_typed():
    rows = build_table(
        "gradients", {k: [] for k in ("step", "epoch", "layer", "n_batches", "snr")}, TRIAL
    )
    assert len(rows) == 0
    assert rows.schema == empty_table("gradients").schema
    again = pq.read_table(pa.BufferReader(to_bytes(rows, {})))
    assert again.schema == rows.schema
    assert not any(pa.types.is_null(field.type) for field in again.schema)


def test_depth_may_be_null_and_stays_a_count():
    rows = build_table("gradients", GRADIENTS, {**TRIAL, "depth": None})
    assert rows.schema.field("depth").type == pa.int64()
    assert rows.column("depth").null_count == 2


def test_further_axes_have_the_type_of_their_values():
    values = {"a": [1, 2], "b": [1, 0.5], "c": [True, False], "d": ["x"], "e": [1, "x"]}
    types = extra_types(values)
    assert types == {"a": "int64", "b": "double", "c": "bool", "d": "string", "e": "string"}
    rows = build_table(
        "gradients", GRADIENTS, {**TRIAL, "a": 1, "b": 1, "c": True, "d": "x", "e": 1}, types
    )
    assert {n: rows.column(n).to_pylist()[0] for n in types} == {
        "a": 1, "b": 1.0, "c": True, "d": "x", "e": "1",
    }  # fmt: skip
    assert extra_columns([rows]) == types
    assert merge_extra([{"a": "int64"}, {"a": "double", "z": "bool"}]) == {
        "a": "double",
        "z": "bool",
    }


def test_the_footer_tells_what_made_it():
    rows = build_table("gradients", GRADIENTS, TRIAL)
    data = to_bytes(rows, {"git_commit": "abc", "versions": {"numba": "1"}, "study_hash": "h"})
    file = pq.ParquetFile(pa.BufferReader(data))
    footer = read_footer(file.schema_arrow)
    assert footer["schema_version"] == 1
    assert footer["table"] == "gradients"
    assert footer["units"]["step"] == "steps"
    assert (footer["git_commit"], footer["versions"], footer["study_hash"]) == (
        "abc",
        {"numba": "1"},
        "h",
    )
    assert file.schema_arrow.field("step").metadata[b"unit"] == b"steps"
    column = file.metadata.row_group(0).column(0)
    assert column.compression == "ZSTD"
    assert column.has_dictionary_page


def test_committed_files_carry_provenance(study, pack_tables):
    study.commit("p1", "a1", pack_tables("p1", "a1", ["t1"]))
    data = study.objects.get("demo/information/p1.parquet")
    footer = read_footer(pq.read_schema(pa.BufferReader(data)))
    assert footer["study_hash"] == study.provenance["study_hash"]
    assert footer["versions"] == study.provenance["versions"]
    assert footer["hardware"] == study.provenance["hardware"]
    assert {"git_commit", "python", "schema_version", "units"} <= set(footer)


def test_row_groups_are_of_120_000_rows():
    n = 250_000
    rows = build_table("gradients", {**GRADIENTS, "step": np.arange(n), "epoch": 0}, TRIAL)
    metadata = pq.read_metadata(pa.BufferReader(to_bytes(rows, {})))
    sizes = [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)]
    assert sizes == [120_000, 120_000, 10_000]


def test_timestamps_are_utc():
    from datetime import UTC, datetime

    own = {
        "pack_id": "p", "attempt": "a", "error_kind": "E", "error": "e", "log": "", "host": "h",
        "failed_at": datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC),
    }  # fmt: skip
    rows = build_table("failures", own, TRIAL)
    assert len(rows) == 1
    assert rows.schema.field("failed_at").type == pa.timestamp("us", tz="UTC")
    assert rows.column("failed_at").cast(pa.int64()).to_pylist() == [1767323045000006]


def test_every_table_is_sorted_by_columns_it_has():
    for table in (TRIALS, CURVES, INFORMATION, FAILURES):
        assert set(table.sort_by) <= {c.name for c in table_columns(table)}
