"""The query box: what it answers, what it refuses, and that it never writes."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from infosweep.errors import NotFoundError, QueryError, StoreError
from infosweep.store import open_store
from infosweep.store.query import QueryLimits, query
from infosweep.store.reader import read_table
from infosweep.store.schemas import build_table


@pytest.fixture
def filled(study, pack_tables):
    study.commit("p1", "a1", pack_tables("p1", "a1", ["t1", "t2"], batch_size=16))
    study.commit("p2", "a1", pack_tables("p2", "a1", ["t3"]))
    return study


def rows(store, sql, **options):
    return query(store, sql, **options).to_pylist()


def test_it_answers(filled):
    sql = (
        "select batch_size, avg(i_xt) as i, count(*) as n from information group by all order by 1"
    )
    assert rows(filled.store, sql) == [
        {"batch_size": 16, "i": 3.5, "n": 4},
        {"batch_size": 256, "i": 3.5, "n": 2},
    ]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT count(*) AS n FROM trials;",
        "from trials select count(*) as n",
        "with a as (select * from trials) select count(*) as n from a",
        "with recursive r as (select 1 i union all select i + 1 from r where i < 3) select max(i) as n from r",
        "select count(*) as n from (select trial_id from curves union select trial_id from trials)",
        "select count(distinct trial_id) as n from information a join gradients b using (trial_id, step)",
        "select n from (select row_number() over (order by trial_id) as n from trials) order by n desc limit 1",
        "select max(x) as n from (values (1), (3)) t(x)",
        "select count(*) as n from range(3)",
        "select count(*) as n from trials where trial_id in (select trial_id from Curves) and depth between 1 and 5",
        "select cast(sum(case when not full_batch then 1 else 0 end) as int) as n from trials",
        "select len(list_transform([1, 2, 3], lambda x: x + 1)) as n",
        "select * exclude (m) from (select count(*) as n, 0 as m from trials)",
        "select quantile_cont(depth, 0.5)::int - 2 as n from trials",
    ],
)
def test_what_a_select_may_be(filled, sql):
    assert rows(filled.store, sql) == [{"n": 3}]


REFUSED = [
    "copy trials to 'written'",
    "copy (select 1) to 'written'",
    "with x as (copy trials to 'written') select * from x",
    "with x as (insert into trials select * from trials) select 1",
    "with x as (delete from trials) select 1",
    "with x as (update trials set seed = 1) select 1",
    "select * from trials where seed = (with x as (copy trials to 'written') select 1)",
    "select 1 union all (with x as (copy trials to 'written') select 1)",
    "insert into trials select * from trials",
    "delete from trials",
    "update trials set seed = 1",
    "create table written as select 1",
    "create view v as select 1",
    "drop view trials",
    "alter table trials add column x int",
    "attach 'written' as w",
    "detach memory",
    "export database 'written'",
    "import database 'written'",
    "install httpfs",
    "load httpfs",
    "pragma version",
    "pragma database_list",
    "call pragma_version()",
    "set memory_limit = '1TB'",
    "set enable_external_access = true",
    "reset all",
    "begin",
    "checkpoint",
    "vacuum",
    "prepare p as select 1",
    "execute p",
    "explain select 1",
    "explain analyze select 1",
    "describe trials",
    "summarize trials",
    "show tables",
    "use main",
    "select * from (describe trials)",
    "select * from (show tables)",
    "select 1; select 2",
    "select 1; copy trials to 'written'",
    "",
    " -- nothing",
    "select $1",
    "select ?",
    "select * from read_csv('/etc/passwd')",
    "select * from read_text('/etc/passwd')",
    "select * from read_blob('/etc/passwd')",
    "select * from read_parquet('*.parquet')",
    "select * from parquet_metadata('infosweep-store://demo/trials/p1.parquet')",
    "select * from read_parquet('infosweep-store://demo/trials/p1.parquet')",
    "select * from 'infosweep-store://demo/trials/p1.parquet'",
    "select * from '/etc/passwd'",
    "select * from glob('*')",
    "select * from sniff_csv('/etc/passwd')",
    "select * from duckdb_settings()",
    "select * from duckdb_secrets()",
    "select * from pragma_version()",
    "select * from information_schema.tables",
    "select * from pg_catalog.pg_tables",
    "select * from query('select 1')",
    "select * from query_table('trials')",
    "select getenv('HOME')",
    "select current_setting('memory_limit')",
    "select GetVariable('x')",
    "select sleep_ms(1)",
    "select write_log('x')",
    "select nextval('s')",
    "select * from lateral (select * from read_text('/etc/passwd'))",
    "select (select content from read_text('/etc/passwd'))",
    "selec 1",
    "select ((((",
    "select " + "(" * 3000 + "1" + ")" * 3000,
    "select " + "-" * 1 + "1+" * 60_000 + "1",
]


@pytest.mark.parametrize("sql", REFUSED, ids=range(len(REFUSED)))
def test_what_is_refused(filled, tmp_path, monkeypatch, sql):
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*")), filled.objects.entries("demo")
    with pytest.raises(QueryError) as caught:
        query(filled.store, sql)
    assert caught.value.exit_code == 2
    assert "\n" not in caught.value.message
    assert (sorted(tmp_path.rglob("*")), filled.objects.entries("demo")) == before


def test_the_connection_alone_holds_what_the_guard_might_miss(filled, tmp_path, monkeypatch):
    """The second barrier: with the whitelist out of the way nothing is written or read either."""
    from infosweep.store import query as module

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(module, "check", lambda *_: {"trials"})
    (tmp_path / "secret").write_text("x")
    before = sorted(tmp_path.rglob("*")), filled.objects.entries("demo")
    for sql in (
        "copy trials to 'written'",
        f"copy trials to '{tmp_path}/written'",
        "copy trials to 'infosweep-store://demo/trials/p1.parquet'",
        "with x as (copy trials to 'infosweep-store://demo/x.parquet') select * from x",
        "export database 'infosweep-store://demo'",
        "attach 'written.db'",
        "attach 'infosweep-store://demo/x.db'",
        f"select * from read_text('{tmp_path}/secret')",
        "set enable_external_access = true",
        "install httpfs",
    ):
        with pytest.raises((QueryError, StoreError)):
            query(filled.store, sql)
    for path in ("_meta/study.yaml", "trials/*", "**"):
        assert rows(filled.store, f"from read_text('infosweep-store://demo/{path}')") == []
    assert (sorted(tmp_path.rglob("*")), filled.objects.entries("demo")) == before


def test_python_variables_are_out_of_reach(filled):
    frame = read_table(filled, "trials")
    assert len(frame) == 3
    with pytest.raises(QueryError, match="there is no table 'frame'"):
        query(filled.store, "select * from frame")


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("select i_tyy from information", "there is no column 'i_tyy'; did you mean 'i_ty'?"),
        ("select a.sed from trials a", "sed"),
        ("select * from infomation", "there is no table 'infomation'; did you mean 'information'?"),
        ("select medan(seed) from trials", "medan"),
        ("selec 1", 'syntax error at or near "selec" (at character 1)'),
        ("copy trials to 'x'", "query takes one SELECT and nothing else; this is COPY"),
        ("/* x */ drop view trials", "this is DROP"),
        ("with x as (copy trials to 'y') select 1", "it has COPY in it"),
        ("select 1; select 2", "there are 2 statements"),
        ("", "there is none"),
        ("select ?", "has a parameter"),
        ("select sum(9223372036854775807) from range(3)", "out of range"),
    ],
)
def test_refusals_tell_why(filled, sql, told):
    with pytest.raises(QueryError) as caught:
        query(filled.store, sql)
    assert told in caught.value.message


def test_a_missing_table_lists_those_there_are(filled):
    with pytest.raises(QueryError) as caught:
        query(filled.store, "select * from nope")
    assert caught.value.mend == "tables: curves, failures, gradients, information, trials"


ENDLESS = "with recursive r as (select 1 i union all select i + 1 from r) select max(i) from r"


def test_time_is_limited(filled):
    with pytest.raises(QueryError, match=r"took longer than 0\.3s\n  mend: .*--timeout"):
        query(filled.store, ENDLESS, limits=QueryLimits(seconds=0.3))


def test_memory_is_limited(filled):
    sql = "select list(i), list(-i) from range(8000000) t(i)"
    with pytest.raises(QueryError, match="needs more than 60MB of memory"):
        query(filled.store, sql, limits=QueryLimits(memory="60MB"))


def test_rows_are_limited(filled):
    limits = QueryLimits(rows=250_000)
    assert query(filled.store, "from range(250000)", limits=limits).num_rows == 250_000
    with pytest.raises(QueryError, match="more than 250,000 rows"):
        query(filled.store, "from range(250001)", limits=limits)


def test_ctrl_c_ends_a_query(tmp_path):
    open_store(tmp_path / "s", create=True).study("demo").save_study("x")
    code = f"""
import os, signal, threading
from infosweep.store import open_store
from infosweep.store.query import query
store = open_store({str(tmp_path / "s")!r}, create=False)
query(store, "select 1")
try:
    threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
    query(store, {ENDLESS!r})
except KeyboardInterrupt:
    print("stopped")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("stopped\n", "")


def test_without_a_study_tables_are_the_union(filled, pack_tables):
    other = filled.store.study("other")
    other.save_study("name: other\n")
    extra = {"activation": "string"}
    tables = pack_tables("p9", "a1", ["t9"], extra, study="other", activation="relu")
    other.commit("p9", "a1", tables)
    sql = "select study, count(*) as n, max(activation) as a from curves group by study order by study"
    assert rows(filled.store, sql) == [
        {"study": "demo", "n": 6, "a": None},
        {"study": "other", "n": 2, "a": "relu"},
    ]
    assert rows(filled.store, "select count(*) as n from curves", study="other") == [{"n": 2}]
    with pytest.raises(QueryError, match="no column 'activation'"):
        query(filled.store, "select activation from curves", study="demo")
    with pytest.raises(NotFoundError, match="studies there: demo, other"):
        query(filled.store, "select 1", study="third")


def test_a_study_without_results_and_a_store_without_studies(study, tmp_path):
    for table in ("trials", "curves", "information", "gradients", "failures"):
        found = query(study.store, f"select * from {table}")
        assert found.num_rows == 0
        assert {"trial_id", "seed", "label_noise"} <= set(found.schema.names)
    with pytest.raises(NotFoundError, match="there is no study in the store"):
        query(open_store(tmp_path / "empty", create=True), "select 1")


def test_half_published_packs_are_left_out(filled):
    staged = f"demo/_meta/tmp/p2.{filled.commits()['p2'].attempt}/trials.parquet"
    filled.objects.rename("demo/trials/p2.parquet", staged)
    assert rows(filled.store, "select count(*) as n from information") == [{"n": 4}]


def test_types_of_results(filled):
    found = query(
        filled.store, "select sum(seed) s, count(*) n, min(started_at) t, avg(seed) a from trials"
    )
    assert [str(t) for t in found.schema.types] == [
        "int64",
        "int64",
        "timestamp[us, tz=UTC]",
        "double",
    ]


def test_threads_read_one_file_rightly(tmp_path, pack_tables):
    """Row groups of one file are read by several threads; each must get its own bytes."""
    n = 400_000
    store = open_store(tmp_path, create=True)
    study = store.study("demo")
    study.save_study("x")
    tables = pack_tables("p1", "a1", ["t1"])
    trial = {
        name: tables["trials"].column(name)[0].as_py()
        for name in tables["trials"].schema.names[:10]
    }
    values = np.random.default_rng(0).standard_normal(n)
    tables["curves"] = build_table(
        "curves",
        {"step": np.arange(n), "epoch": 0, "split": "all", "n": 1, "loss": values, "auc": -values},
        trial,
    )
    study.commit("p1", "a1", tables)
    sql = "select sum(step) s, sum(loss) a, sum(auc) b, max(loss + auc) z from curves"
    for _ in range(5):
        (found,) = rows(store, sql)
        assert found["s"] == n * (n - 1) // 2
        assert found["z"] == 0
        assert found["a"] == pytest.approx(values.sum(), abs=1e-6)
    assert np.array_equal(read_table(study, "curves")["loss"], values)
