"""The query box in hostile hands: what gets past a glance, what runs without end, what fills the memory, fuzz."""

from __future__ import annotations

import contextlib
import resource
import subprocess
import sys
import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infosweep.errors import QueryError
from infosweep.store import bounded, open_store
from infosweep.store.query import QueryLimits, query


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    made = open_store(tmp_path_factory.mktemp("store"), create=True)
    made.study("demo").save_study("name: demo\n")
    return made


REFUSED = [
    # statements that hide
    ("select * from trials; drop table trials", "there are 2 statements"),
    ("select 1 as x; pragma version; select 2", "there are 3 statements"),
    ("select (with x as (delete from trials returning *) select count(*) from x)", "it has DELETE in it"),
    ("with x as materialized (copy (select 1) to 'w') select 1", "it has COPY in it"),
    ("with recursive x as (copy (select 1) to 'w') select 1", "COPY"),
    ("select * from (copy (select 1) to 'w')", "cannot be read"),
    ("with x as (attach 'w') select 1", "cannot be read"),
    ("with x as (pragma database_list) select 1", "cannot be read"),
    ("explain copy trials to 'w'", "this is EXPLAIN"),
    ("create temp macro f() as table select 1", "this is CREATE"),
    ("create secret (type s3)", "this is CREATE"),
    ("copy from database a to b", "this is COPY"),
    ("truncate trials", "this is TRUNCATE"),
    ("set variable x = 1", "this is SET"),
    ("force install httpfs", "this is FORCE"),
    ("load 'x.so'", "this is LOAD"),
    (".shell ls", "cannot be read"),
    ("summarize trials", "it has SHOW in it"),
    ("pivot trials on depth using count(*)", "PIVOT must name its values"),
    # files, networks, catalogues
    ("select * from 'https://example.com/x.parquet'", "there is no table"),
    ("select * from 's3://bucket/x.parquet'", "there is no table"),
    ('select * from "/etc/passwd"', "there is no table '/etc/passwd'"),
    ("select * from main.read_csv('/etc/passwd')", "read_csv is not allowed"),
    ("select * from system.main.READ_TEXT('/etc/passwd')", "read_text is not allowed"),
    ("select * from read_ndjson_objects('/etc/passwd')", "not allowed"),
    ("select * from sqlite_scan('x', 'y')", "not allowed"),
    ("select * from duckdb_settings", "there is no table"),
    ("select * from sqlite_master", "there is no table"),
    ("table duckdb_tables", "there is no table"),
    ("select * from temp.trials", "there is no table"),
    ("with x as (with duckdb_tables as (select 1) select 1) select * from duckdb_tables", "there is no table"),
    ('select (with "/etc/passwd" as (select 1) select 1), * from "/etc/passwd"', "there is no table"),
    # functions that hide
    ("select system.main.getenv('HOME')", "getenv is not allowed"),
    ("select 'HOME'.getenv()", "getenv is not allowed"),
    ("select list_transform(['HOME'], lambda x: getenv(x))", "getenv is not allowed"),
    ("select sum(1) over (order by getenv('HOME'))", "getenv is not allowed"),
    ("select row_number() over w from trials window w as (order by getenv('HOME'))", "getenv is not allowed"),
    ("select * replace (getenv('HOME') as seed) from trials", "getenv is not allowed"),
    ("select columns(lambda x: getenv('HOME') = x) from trials", "getenv is not allowed"),
    ("select * from trials limit (select getenv('HOME'))", "getenv is not allowed"),
    ("select * from trials group by grouping sets ((getenv('HOME')))", "getenv is not allowed"),
    ("from unnest([getenv('HOME')])", "getenv is not allowed"),
    ("select json_execute_serialized_sql(json_serialize_sql('select 1'))", "not allowed"),
    ("select json_serialize_plan('select * from duckdb_settings()')", "not allowed"),
    ("select list_aggregate(['HOME'], 'getenv')", "getenv does not exist"),
    # too long, too deep, no text
    ("select " + " or ".join(["1 = 1"] * 15_000), "too long or nested too deeply"),
    ("select " + "not " * 20_000 + "true", "too long or nested too deeply"),
    ("select * from trials " + "cross join trials " * 4000, "too long or nested too deeply"),
    ("select '\ud800'", "not text in UTF-8"),
    ("select regexp_matches('a', '((a{1000}){1000}){1000}')", "invalid repetition"),
    ("select 'infinity'::timestamp as t", "column 't' holds a time that is infinite"),
    ("select 'infinity'::date as t", "column 't' holds a time that is infinite"),
    ("select range(1000000000000)", "2^32"),
    ("select cast(repeat('x', 100000) as int)", "Could not convert"),
    ("select " + "a." * 1000 + "a", "not found"),
]  # fmt: skip


@pytest.mark.parametrize(("sql", "told"), REFUSED, ids=range(len(REFUSED)))
def test_it_is_refused_in_one_short_line(store, tmp_path, monkeypatch, sql, told):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(QueryError) as caught:
        query(store, sql)
    assert told in caught.value.message or len(caught.value.message) == 300
    assert "\n" not in caught.value.message
    assert len(caught.value.message) < 400
    assert list(tmp_path.iterdir()) == []


def test_what_only_looks_hostile_is_answered(store):
    for sql in (
        "select 1 --; copy trials to 'w'",
        "select ';drop table trials' as a;",
        "with duckdb_settings as (select 1) select * from duckdb_settings",
        "with trials as (select 1) select * from trials",
        "with a as (select 1 x), b as (select x from a) select * from (select * from b) union all select * from a",
    ):
        assert query(store, sql).num_rows >= 1


# Every table doubles the one before: DuckDB heeds no interrupt while it binds this.
STUCK = (
    "with x0 as (select 1), "
    + ", ".join(f"x{i} as (select * from x{i - 1} a, x{i - 1} b)" for i in range(1, 40))
    + " select * from x39"
)


def test_what_heeds_no_interrupt_is_left_behind(tmp_path):
    """In a process of its own, which must end although DuckDB does not."""
    open_store(tmp_path / "results", create=True).study("demo").save_study("name: demo\n")
    done = subprocess.run(
        [sys.executable, "-m", "infosweep", "query", STUCK, "--timeout", "0.5"],
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: the query took longer than")
    assert "Traceback" not in done.stderr


def test_a_call_is_interrupted_and_its_error_hidden():
    stop = threading.Event()

    def work() -> None:
        stop.wait(30)
        raise ValueError("interrupted")

    with pytest.raises(bounded.TimedOut) as caught:
        bounded.within(0.05, stop.set, work)
    assert not caught.value.stuck


def test_a_call_that_heeds_nothing_is_stuck(monkeypatch):
    monkeypatch.setattr(bounded, "GRACE", 0.05)
    stop = threading.Event()
    with pytest.raises(bounded.TimedOut) as caught:
        bounded.within(0.05, lambda: None, lambda: stop.wait(30))
    assert caught.value.stuck
    stop.set()


def test_what_a_call_returns_or_raises_comes_through():
    assert bounded.within(30, lambda: None, lambda: 5) == 5
    with pytest.raises(ZeroDivisionError):
        bounded.within(30, lambda: None, lambda: 1 / 0)


@pytest.mark.parametrize(
    "sql",
    [
        "select repeat('x', 1000000) from range(300)",  # a result that is wide
        "select list(i), list(-i) from range(8000000) t(i)",  # an aggregate
        "select * from range(100000) a, range(100000) b order by a.range * b.range",  # a sort
    ],
)
def test_more_than_memory_holds_is_one_line(store, sql):
    before = resource.getrlimit(resource.RLIMIT_DATA)
    with pytest.raises(QueryError, match="needs more than 100MB of memory"):
        query(store, sql, limits=QueryLimits(memory="100MB"))
    assert resource.getrlimit(resource.RLIMIT_DATA) == before


def test_the_ceilings_of_several_queries_are_taken_back():
    before = resource.getrlimit(resource.RLIMIT_DATA)
    first, second = bounded.memory_bounded(10**9), bounded.memory_bounded(4 * 10**9)
    with first:
        low = resource.getrlimit(resource.RLIMIT_DATA)[0]
        second.__enter__()
        assert resource.getrlimit(resource.RLIMIT_DATA)[0] > low > 0
    assert resource.getrlimit(resource.RLIMIT_DATA)[0] > low
    second.__exit__(None, None, None)
    assert resource.getrlimit(resource.RLIMIT_DATA) == before


# --- fuzz ---------------------------------------------------------------------------------------------

_WORDS = st.sampled_from(
    ["select", "from", "where", "with", "recursive", "as", "union all", "join", "on", "group by", "order by", "limit",
     "copy", "insert into", "delete from", "attach", "pragma", "set", "call", "explain", "pivot", "unnest", "lateral",
     "trials", "curves", "duckdb_settings", "'/etc/passwd'", "x", "depth", "seed", "*", "1", "'a'", "null", "count(*)",
     "getenv('HOME')", "read_text('/etc/passwd')", "range(3)", "sum(x)", "over ()", "(", ")", "[", "]", "{", "}", ",",
     ";", "=", "+", ".", "::int", "->", "lambda", "case when", "end", "--", "/*", "*/", "$$", "?", "$1", "\0", "é"]
)  # fmt: skip
_INNER = st.recursive(
    st.sampled_from(["select 1 as x", "from trials", "values (1)", "select * from curves", "from range(3) t(x)"]),
    lambda inner: st.one_of(
        inner.map(lambda q: f"select * from ({q}) as t"),
        inner.map(lambda q: f"with c as ({q}) select count(*) from c"),
        st.tuples(inner, inner).map(lambda t: f"({t[0]}) union all ({t[1]})"),
        inner.map(lambda q: f"select exists({q}) as x"),
        inner.map(lambda q: f"select (select 1 from ({q}) as t limit 1) as x order by all"),
        inner.map(lambda q: f"with c as (copy ({q}) to 'written') {q}"),
    ),
    max_leaves=4,
)  # fmt: skip


@settings(
    max_examples=60, deadline=20_000, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(sql=st.one_of(st.lists(_WORDS, max_size=10).map(" ".join), _INNER, st.text(max_size=30)))
def test_any_sql_is_answered_or_refused(store, tmp_path, monkeypatch, sql):
    monkeypatch.chdir(tmp_path)
    with contextlib.suppress(QueryError):
        query(store, sql, limits=QueryLimits(seconds=5))
    assert list(tmp_path.iterdir()) == []
