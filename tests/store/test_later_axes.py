"""Axes that come and go: one schema per table at all times, for whoever opens its folder with one line."""

from __future__ import annotations

import json

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from infosweep.errors import StoreError
from infosweep.plan.trials import trials_of
from infosweep.store import open_store
from infosweep.store.damage import inspect
from infosweep.store.reader import read_table
from infosweep.store.store import Store
from infosweep.study import study_from_mapping
from infosweep.tables import TABLES, WRITTEN_BY_EVERY_RUN

FOUR = [table.name for table in WRITTEN_BY_EVERY_RUN]
RATE = {"learning_rate": "double"}


class Killed(BaseException):
    """Stands for SIGKILL."""


def settings(**training):
    data = {"name": "demo", "task": {"kind": "binary12"}, "training": training, "seeds": 1}
    (trial,) = trials_of(study_from_mapping({**data, "axes": {"train_size": [0.85]}}))
    return trial.content


def with_settings(tables, texts):
    rows = tables["trials"]
    index = rows.schema.get_field_index("settings")
    column = rows.set_column(index, rows.schema.field("settings"), pa.array(texts))
    return {**tables, "trials": column}


def fill(study, pack_tables, failures_table):
    """Two packs and a failure, before there was an axis of learning rates."""
    study.save_study("name: demo\n")
    texts = [settings(learning_rate=0.002), settings(learning_rate=0.004)]
    study.commit("p1", "a1", with_settings(pack_tables("p1", "a1", ["t1", "t2"]), texts))
    last = with_settings(pack_tables("p2", "a1", ["t3"]), [settings(learning_rate=1e-5)])
    study.commit("p2", "a1", last)
    study.fix_pack("p3", {"trials": [{"trial_id": "t9", "content": settings(learning_rate=0.1)}]})
    study.write_failures("p3", "a1", failures_table("p3", "a1", ["t9"]))
    return study


@pytest.fixture
def older(study, pack_tables, failures_table):
    return fill(study, pack_tables, failures_table)


@pytest.fixture
def in_folder(tmp_path, pack_tables, failures_table):
    store = open_store(tmp_path / "results", create=True)
    return fill(store.study("demo"), pack_tables, failures_table)


def by_three(study, table):
    """Open a table's folder with one line of pandas, polars and DuckDB."""
    folder = study.objects.folder / study.name / table
    found = [
        pd.read_parquet(folder),
        pl.read_parquet(folder).to_pandas(),
        duckdb.sql(f"select * from '{folder}/*.parquet'").df(),
    ]
    first, *others = [frame.sort_values("trial_id").reset_index(drop=True) for frame in found]
    for other in others:
        assert list(other.columns) == list(first.columns)
        assert len(other) == len(first)
        if "learning_rate" in first:
            assert list(other["learning_rate"]) == list(first["learning_rate"])
    return first


def rates(rows):
    return dict(zip(rows["trial_id"], rows["learning_rate"], strict=True))


BEFORE = {"t1": 0.002, "t2": 0.004, "t3": 1e-5}


def test_one_line_opens_all_tables_after_an_axis_is_added(in_folder, pack_tables):
    assert in_folder.keep_axes(RATE) == 2
    new = pack_tables("p4", "a1", ["t4"], RATE, learning_rate=0.3)
    in_folder.commit("p4", "a1", new)
    for table in ("curves", "information", "gradients"):
        assert rates(by_three(in_folder, table)) == {**BEFORE, "t4": 0.3}
        assert list(by_three(in_folder, table).columns) == new[table].schema.names
    assert len(by_three(in_folder, "trials")) == 4
    assert rates(by_three(in_folder, "failures")) == {"t9": 0.1}
    assert inspect(in_folder).faults == ()


def test_one_line_opens_all_tables_after_an_axis_is_removed(in_folder, pack_tables, failures_table):
    in_folder.keep_axes(RATE)
    assert in_folder.keep_axes({}) == 0
    text = settings(learning_rate=0.5)
    new = with_settings(pack_tables("p4", "a1", ["t4"]), [text])
    in_folder.commit("p4", "a1", new)
    in_folder.fix_pack("p5", {"trials": [{"trial_id": "t5", "content": text}]})
    in_folder.write_failures("p5", "a1", failures_table("p5", "a1", ["t5"]))
    for table in ("curves", "information", "gradients"):
        assert rates(by_three(in_folder, table)) == {**BEFORE, "t4": 0.5}
    assert len(by_three(in_folder, "trials")) == 4
    assert rates(by_three(in_folder, "failures")) == {"t9": 0.1, "t5": 0.5}
    assert in_folder.keep_axes({}) == 0


def test_other_values_keep_every_bit(older):
    before = {name: read_table(older, name) for name in TABLES}
    footers = footers_of(older)
    older.keep_axes(RATE)
    for name in TABLES:
        after = read_table(older, name)
        if name != "trials":  # which has the column anyway
            after = after.drop(columns="learning_rate")
        pd.testing.assert_frame_equal(after, before[name], check_exact=True)
    assert footers_of(older) == footers  # of the run that made the rows


def footers_of(study):
    paths = [f"demo/{name}/p1.parquet" for name in FOUR]
    files = [pq.ParquetFile(pa.BufferReader(study.objects.get(path))) for path in paths]
    return [json.loads(file.schema_arrow.metadata[b"infosweep"]) for file in files]


def test_nothing_is_written_where_nothing_lacks(older):
    older.keep_axes(RATE)
    written = {entry.path: entry.modified for entry in older.objects.entries("demo")}
    assert older.keep_axes(RATE) == 0
    assert older.store.study("demo").keep_axes({}) == 0
    assert {e.path: e.modified for e in older.objects.entries("demo")} == written


def test_what_the_study_says_now_comes_before_the_settings(older):
    older.keep_axes({"pace": "string"}, {"t1": {"pace": "slow"}, "t2": {"pace": 2}})
    rows = read_table(older, "curves").drop_duplicates("trial_id")
    assert list(rows["pace"][:2]) == ["slow", "2"]
    assert rows["pace"].isna().tolist() == [False, False, True]  # `pace` is no setting


def test_an_axis_whose_type_widens_is_one_type_everywhere(in_folder, pack_tables):
    in_folder.keep_axes({"epochs_asked": "int64"}, {"t1": {"epochs_asked": 10}})
    in_folder.keep_axes({"epochs_asked": "string"})
    in_folder.commit(
        "p4", "a1", pack_tables("p4", "a1", ["t4"], {"epochs_asked": "int64"}, epochs_asked=5)
    )
    for table in ("curves", "failures"):
        by_three(in_folder, table)
    rows = (
        pl.read_parquet(in_folder.objects.folder / "demo/curves")
        .unique("trial_id")
        .sort("trial_id")
    )
    assert rows["epochs_asked"].to_list() == ["10", None, None, "5"]


def test_a_pack_fixed_before_the_axis_gets_its_value(study, pack_tables):
    # Its trials were planned without the axis, so that its rows have a null where the value belongs.
    tables = with_settings(pack_tables("p1", "a1", ["t1"], RATE), [settings(learning_rate=0.02)])
    study.commit("p1", "a1", tables)
    assert set(read_table(study, "curves")["learning_rate"]) == {0.02}


class Counting:
    """Lets a store change `n` times, and then is killed."""

    def __init__(self, n):
        self.left = n

    def __call__(self, change):
        def counted(*arguments):
            if self.left == 0:
                raise Killed
            self.left -= 1
            return change(*arguments)

        return counted


def killed_after(study, n):
    """Give columns with a process that dies after its n-th change; say whether it died."""
    objects = type(study.objects)(study.objects.url, study.objects.store)
    counting = Counting(n)
    for name in ("put", "create", "rename", "delete"):
        setattr(objects, name, counting(getattr(objects, name)))
    objects.put_json = lambda path, value: objects.put(path, json.dumps(value).encode())
    try:
        Store(objects).study("demo").keep_axes(RATE)
    except Killed:
        return True
    return False


def test_killed_between_any_two_steps(tmp_path, pack_tables, failures_table):
    n, died = 0, True
    while died:
        study = open_store(f"memory://{tmp_path}/{n}", create=True).study("demo")
        fill(study, pack_tables, failures_table)
        died = killed_after(study, n)
        fresh = study.store.study("demo")
        # Whatever the moment, every file is whole, and readers see every row.
        assert inspect(fresh).faults == (), n
        for table in ("curves", "information", "gradients"):
            rows = read_table(fresh, table)
            assert len(rows) == 6
            if "learning_rate" in rows:
                assert rates(rows) == BEFORE
        # The next run finishes.
        fresh.finish_published()
        fresh.keep_axes(RATE)
        assert study.store.study("demo").keep_axes(RATE) == 0
        assert fresh.objects.entries("demo/_meta/tmp") == []
        for table in ("curves", "information", "gradients"):
            for pack in ("p1", "p2"):
                data = fresh.objects.get(f"demo/{table}/{pack}.parquet")
                names = pq.ParquetFile(pa.BufferReader(data)).schema_arrow.names
                assert "learning_rate" in names, (n, table, pack)
            assert rates(read_table(fresh, table)) == BEFORE
        failed = fresh.objects.get("demo/failures/p3.a1.parquet")
        assert pq.read_table(pa.BufferReader(failed))["learning_rate"].to_pylist() == [0.1]
        assert inspect(fresh).faults == ()
        n += 1
    assert n > 15  # for each pack three files staged, a note, three files moved, a note


@pytest.mark.parametrize("table", FOUR)
def test_a_damaged_file_is_named_and_not_taken_over(older, table):
    data = bytearray(older.objects.get(f"demo/{table}/p1.parquet"))
    data[len(data) // 3] ^= 1
    older.objects.put(f"demo/{table}/p1.parquet", bytes(data))
    with pytest.raises(StoreError, match=rf"{table}/p1.parquet is damaged .*\n  mend: `infosweep"):
        older.keep_axes(RATE)
    assert [fault.path for fault in inspect(older).faults] == [f"demo/{table}/p1.parquet"]


def test_a_reader_from_before_takes_newer_files_for_whole(older):
    reader = older.store.study("demo")
    reader.commits()
    older.keep_axes(RATE)
    assert len(read_table(reader, "curves")) == 6


def test_staging_leaves_no_folders(in_folder):
    in_folder.keep_axes(RATE)
    tmp = in_folder.objects.folder / "demo/_meta/tmp"
    assert list(tmp.iterdir()) == []
    (tmp / "p9.killed").mkdir()
    in_folder.finish_published()
    assert list(tmp.iterdir()) == []


def test_many_packs_at_once_in_a_bucket(older, monkeypatch):
    monkeypatch.setattr(type(older.objects), "is_near", False)
    assert older.keep_axes(RATE) == 2
    assert rates(read_table(older, "curves")) == BEFORE
    assert inspect(older).faults == ()
    assert older.objects.entries("demo/_meta/tmp") == []
