"""Reading: what is visible, later axes, typed emptiness, and other programs on the same folders."""

from __future__ import annotations

import duckdb
import pandas as pd
import polars as pl
import pyarrow.parquet as pq
import pytest

from infosweep.errors import NotFoundError, StoreError
from infosweep.plan.trials import trials_of
from infosweep.store import open_store
from infosweep.store.reader import describe_tables, query, read_table
from infosweep.study import study_from_mapping
from infosweep.tables import TABLES, TRIAL_COLUMNS, WRITTEN_BY_EVERY_RUN


def test_tables_come_back(study, pack_tables, failures_table):
    tables = pack_tables("p1", "a1", ["t2", "t1"])
    study.commit("p1", "a1", tables)
    study.commit("p2", "a1", pack_tables("p2", "a1", ["t3"]))
    study.write_failures("p3", "a1", failures_table("p3", "a1", ["t9"]))
    rows = read_table(study, "information")
    assert list(rows.columns) == tables["information"].schema.names
    assert list(rows["trial_id"]) == ["t1", "t1", "t2", "t2", "t3", "t3"]
    assert list(rows["step"]) == [0, 140] * 3
    assert list(rows["i_xt"]) == [3.0, 4.0] * 3
    assert rows["i_ty"].isna().all()
    assert list(read_table(study, "failures")["trial_id"]) == ["t9"]
    trials = read_table(study, "trials", ["seed", "started_at"])
    assert list(trials.columns) == ["seed", "started_at"]
    assert str(trials["started_at"].dtype) == "datetime64[us, UTC]"


@pytest.fixture
def two_packs(study, pack_tables):
    study.commit("p1", "a1", pack_tables("p1", "a1", ["t1"]))
    study.commit("p2", "a1", pack_tables("p2", "a1", ["t2"]))
    return study


@pytest.mark.parametrize("late", WRITTEN_BY_EVERY_RUN, ids=lambda table: table.name)
def test_a_half_published_pack_is_in_no_table(two_packs, late):
    staged = f"demo/_meta/tmp/p2.a1/{late.name}.parquet"
    two_packs.objects.rename(f"demo/{late.name}/p2.parquet", staged)
    for table in WRITTEN_BY_EVERY_RUN:
        assert set(read_table(two_packs, table.name)["trial_id"]) == {"t1"}
    assert two_packs.damaged_ids() == set()


@pytest.mark.parametrize("gone", WRITTEN_BY_EVERY_RUN, ids=lambda table: table.name)
def test_a_committed_file_that_is_nowhere_is_named_whatever_is_read(two_packs, gone):
    two_packs.objects.delete([f"demo/{gone.name}/p2.parquet"])
    told = rf"demo/{gone.name}/p2.parquet is missing, .*\n  mend: `infosweep doctor --repair demo"
    for table in WRITTEN_BY_EVERY_RUN:
        with pytest.raises(StoreError, match=told):
            read_table(two_packs, table.name)
        with pytest.raises(StoreError, match=told):
            query(two_packs.store, f"select count(*) from {table.name}")
    assert two_packs.damaged_ids() == {"t2"}


def test_a_pack_that_is_set_aside_meanwhile_is_not_seen(two_packs):
    two_packs.commits()  # a reader that has read them, before both are moved away
    two_packs.objects.delete([f"demo/{t.name}/p2.parquet" for t in WRITTEN_BY_EVERY_RUN])
    two_packs.objects.delete(["demo/_meta/commits/p2.json"])
    two_packs.commits = lambda commits=dict(two_packs._commits): dict(commits)
    assert set(read_table(two_packs, "curves")["trial_id"]) == {"t1"}


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)
def test_a_table_without_files_is_typed(study, table):
    rows = read_table(study, table.name)
    assert len(rows) == 0
    assert list(rows.columns) == [c.name for c in (*TRIAL_COLUMNS, *table.columns)]
    numbers = [c.name for c in table.columns if c.type in ("double", "int64")]
    assert all(pd.api.types.is_numeric_dtype(rows[name]) for name in numbers)


def settings(**training):
    """Return the canonical JSON of a trial with these settings of training."""
    data = {"name": "demo", "task": {"kind": "binary12"}, "training": training, "seeds": 1}
    (trial,) = trials_of(study_from_mapping({**data, "axes": {"train_size": [0.85]}}))
    return trial.content


def with_settings(tables, texts):
    import pyarrow as pa

    rows = tables["trials"]
    index = rows.schema.get_field_index("settings")
    column = rows.set_column(index, rows.schema.field("settings"), pa.array(texts))
    return {**tables, "trials": column}


def test_an_axis_added_later_is_filled_from_the_settings(study, pack_tables):
    study.commit(
        "p1",
        "a1",
        with_settings(
            pack_tables("p1", "a1", ["t1", "t2"]),
            [settings(epochs=10), settings(epochs=10, learning_rate=0.01)],
        ),
    )
    later = {"learning_rate": "double", "activation": "string"}
    values = {"learning_rate": 0.1, "activation": "relu"}
    study.commit("p2", "a1", pack_tables("p2", "a1", ["t3"], later, **values))
    for name in ("information", "curves", "gradients"):
        rows = read_table(study, name).drop_duplicates("trial_id").set_index("trial_id")
        assert list(rows["learning_rate"]) == [0.0004, 0.01, 0.1]
        assert list(rows["activation"]) == ["tanh", "tanh", "relu"]
    assert list(read_table(study, "trials")["learning_rate"]) == [0.0004] * 3  # its own column


def test_an_axis_whose_type_widens(study, pack_tables):
    study.commit("p1", "a1", pack_tables("p1", "a1", ["t1"], {"x": "int64"}, x=1))
    study.commit("p2", "a1", pack_tables("p2", "a1", ["t2"], {"x": "double"}, x=0.5))
    study.commit("p3", "a1", pack_tables("p3", "a1", ["t3"]))
    rows = read_table(study, "curves").drop_duplicates("trial_id")
    assert rows["x"].dtype == "float64"
    assert list(rows["x"][:2]) == [1.0, 0.5]
    assert rows["x"].isna().tolist() == [False, False, True]  # `x` is no setting of any trial


def test_unknown_studies_tables_and_columns_are_named(study):
    with pytest.raises(NotFoundError, match=r"no study 'nope' .*\n  mend: studies there: demo"):
        read_table(study.store.study("nope"), "trials")
    with pytest.raises(NotFoundError, match=r"no table 'trial'\n  mend: tables: trials, curves"):
        read_table(study, "trial")
    with pytest.raises(NotFoundError, match="table trials has no column 'sead'"):
        read_table(study, "trials", ["sead"])


def test_a_damaged_file_is_named(study, pack_tables):
    study.commit("p1", "a1", pack_tables("p1", "a1", ["t1"]))
    study.objects.put("demo/curves/p1.parquet", b"not parquet, not at all")
    with pytest.raises(StoreError, match=r"demo/curves/p1.parquet is damaged \(") as caught:
        read_table(study, "curves")
    assert "infosweep-store" not in str(caught.value)
    assert len(read_table(study, "gradients")) == 2


def test_a_newer_footer_is_refused(study, pack_tables):
    import pyarrow as pa

    from infosweep.store.parquet import to_bytes

    tables = pack_tables("p1", "a1", ["t1"])
    study.commit("p1", "a1", tables)
    newer = to_bytes(tables["curves"], {"schema_version": 7})
    assert pq.ParquetFile(pa.BufferReader(newer)).metadata.num_rows == 2
    study.objects.put("demo/curves/p1.parquet", newer)
    with pytest.raises(StoreError, match=r"curves/p1.parquet was written by a newer .*schema 7"):
        read_table(study, "curves")


@pytest.fixture
def folder(tmp_path, pack_tables):
    study = open_store(tmp_path / "results", create=True).study("demo")
    study.save_study("name: demo\n")
    extra = {"activation": "string"}
    empty = pack_tables("p1", "a1", ["t1"], extra, activation="tanh")
    for name in ("curves", "information", "gradients"):
        empty[name] = empty[name].slice(0, 0)
    study.commit("p1", "a1", empty)
    study.commit("p2", "a1", pack_tables("p2", "a1", ["t2"], extra, activation="relu"))
    return tmp_path / "results" / "demo"


@pytest.mark.parametrize(
    ("table", "n_rows"),
    [("trials", 2), ("curves", 2), ("information", 2), ("gradients", 2), ("failures", 0)],
)
def test_one_line_opens_a_table_elsewhere(folder, table, n_rows):
    by_pandas = pd.read_parquet(folder / table)
    by_polars = pl.read_parquet(folder / table)
    by_duckdb = duckdb.sql(f"select * from '{folder}/{table}/*.parquet'")
    assert len(by_pandas) == len(by_polars) == len(by_duckdb) == n_rows
    assert list(by_pandas.columns) == by_polars.columns == by_duckdb.columns
    assert "activation" in by_polars.columns
    assert by_polars.schema["trial_id"] == pl.String
    assert pl.Null not in by_polars.schema.values()


def test_tables_are_described(study, pack_tables):
    told = {(row["table"], row["column"]): row for row in describe_tables()}
    assert told["information", "i_xt"]["unit"] == "bits"
    assert told["curves", "loss"]["unit"] == "nats"
    assert told["trials", "started_at"]["type"] == "timestamp"
    assert {table for table, _ in told} == set(TABLES)
    assert ("curves", "activation") not in told
    study.commit(
        "p1", "a1", pack_tables("p1", "a1", ["t1"], {"activation": "string"}, activation="relu")
    )
    told = {(row["table"], row["column"]) for row in describe_tables(study)}
    assert ("curves", "activation") in told
