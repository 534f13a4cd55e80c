"""Exactly once: committers that race, and committers that are killed between any two steps."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from infosweep.store import open_store
from infosweep.store.objects import Objects
from infosweep.store.reader import read_table
from infosweep.store.store import Store
from infosweep.tables import RUN_COLUMNS

FOUR = ("trials", "curves", "information", "gradients")
TRIALS = ["t1", "t2"]


class Killed(BaseException):
    """Stands for SIGKILL: nothing in the package may catch it."""


class Dying(Objects):
    """A store whose process dies before its `n`-th change."""

    def __init__(self, objects, n):
        super().__init__(objects.url, objects.store)
        self.left = n

    def _live(self):
        if self.left == 0:
            self.die()
        self.left -= 1

    def die(self):
        raise Killed

    def put(self, path, data):
        self._live()
        super().put(path, data)

    def create(self, path, data):
        self._live()
        return super().create(path, data)

    def rename(self, source, target):
        self._live()
        return super().rename(source, target)

    def delete(self, paths):
        for path in paths:
            self._live()
            super().delete([path])


def rows_of(study):
    """Read every table without the columns of the run."""
    frames = {name: read_table(study, name) for name in FOUR}
    return {n: f.drop(columns=[c for c in f if c in RUN_COLUMNS]) for n, f in frames.items()}


def all_alike(study, reference):
    rows = rows_of(study)
    return all(rows[name].equals(reference[name]) for name in FOUR)


@pytest.fixture
def reference(pack_tables):
    study = open_store("memory://reference", create=True).study("demo")
    study.save_study("name: demo\n")
    study.commit("p1", "a0", pack_tables("p1", "a0", TRIALS))
    return rows_of(study)


def die_in_commit(study, n, tables):
    """Commit as attempt a1 with a process that dies before its n-th change; say whether it died."""
    dying = Store(Dying(study.objects, n)).study("demo")
    try:
        dying.commit("p1", "a1", tables)
    except Killed:
        return True
    return False


def test_killed_between_any_two_steps(tmp_path, pack_tables, reference):
    tables = pack_tables("p1", "a1", TRIALS)
    n, committed_at, deaths = 0, [], True
    while deaths:
        study = open_store(f"memory://{tmp_path}/{n}", create=True).study("demo")
        study.save_study("name: demo\n")
        deaths = die_in_commit(study, n, tables)
        # What a reader sees meanwhile is nothing of the pack, or all of it.
        seen = {name: len(rows) for name, rows in rows_of(study).items()}
        assert seen in (dict.fromkeys(FOUR, 0), {name: len(reference[name]) for name in FOUR})
        # The next run finishes what was committed, and does the rest anew.
        if study.done_ids():
            committed_at.append(n)
            study.finish_published()
        else:
            assert study.commit("p1", "a2", pack_tables("p1", "a2", TRIALS))
        assert study.finish_published() == 0
        assert all_alike(study, reference), n
        assert study.objects.entries("demo/_meta/tmp") == [], n
        n += 1
    assert n > 9  # four files staged, the commit, four files moved
    assert committed_at == list(range(5, n))


def test_killed_while_finishing_what_was_left(tmp_path, pack_tables, reference):
    tables = pack_tables("p1", "a1", TRIALS)
    for n in range(4):
        study = open_store(f"memory://{tmp_path}/{n}", create=True).study("demo")
        study.save_study("name: demo\n")
        assert die_in_commit(study, 5, tables)
        with pytest.raises(Killed):
            Store(Dying(study.objects, n)).study("demo").finish_published()
        assert study.finish_published() == 1
        assert all_alike(study, reference)


def test_a_late_loser_spoils_nothing(tmp_path, pack_tables):
    study = open_store(f"memory://{tmp_path}", create=True).study("demo")
    study.save_study("name: demo\n")
    # a1 has committed but moved nothing when a2, which had been given up for lost, comes along.
    assert die_in_commit(study, 5, pack_tables("p1", "a1", TRIALS))
    assert not study.commit("p1", "a2", pack_tables("p1", "a2", TRIALS))
    study.finish_published()
    assert set(read_table(study, "trials")["attempt"]) == {"a1"}
    assert len(read_table(study, "trials")) == 2


def test_staging_of_a_dead_attempt_is_cleared_and_of_a_live_one_kept(study, pack_tables):
    claim = study.claim("p1", "a1", {"n_trials": 2})
    assert die_in_commit(study, 3, pack_tables("p1", "a1", TRIALS))
    study.finish_published()
    assert len(study.objects.entries("demo/_meta/tmp")) == 3
    record = study.objects.get_json("demo/_meta/claims/p1.a1.json")
    study.objects.put_json("demo/_meta/claims/p1.a1.json", {**record, "pid_started": -1})
    study.finish_published()
    assert study.objects.entries("demo/_meta/tmp") == []
    assert study.claims() == []
    claim.release()


def test_a_file_that_is_nowhere_is_damage(study, pack_tables):
    from infosweep.errors import StoreError

    study.commit("p1", "a1", pack_tables("p1", "a1", TRIALS))
    study.objects.delete(["demo/curves/p1.parquet"])
    told = r"curves/p1.parquet is missing, though pack p1 is committed\n.*doctor --repair demo"
    with pytest.raises(StoreError, match=told):
        study.finish_published()
    study.objects.delete(["demo/_meta/commits/p1.json"])
    assert study.done_ids() == set()
    assert study.commit("p1", "a2", pack_tables("p1", "a2", TRIALS))
    assert len(read_table(study, "trials")) == 2


def marked_tables(pack_tables, pack_id, attempt, mark):
    """Build tables whose measured values tell the attempt, so that mixed files are seen."""
    tables = pack_tables(pack_id, attempt, [f"{pack_id}-{k}" for k in range(3)])
    import pyarrow as pa

    for name, column in (("curves", "loss"), ("information", "i_xt"), ("gradients", "snr")):
        rows = tables[name]
        index = rows.schema.get_field_index(column)
        values = pa.array([float(mark)] * len(rows))
        tables[name] = rows.set_column(index, rows.schema.field(column), values)
    return tables


def check_unmixed(study, packs, attempts):
    trials = read_table(study, "trials")
    assert sorted(trials["trial_id"]) == sorted(f"{p}-{k}" for p in packs for k in range(3))
    won = trials.set_index("trial_id")["attempt"]
    for name, column in (("curves", "loss"), ("information", "i_xt"), ("gradients", "snr")):
        rows = read_table(study, name)
        assert len(rows) == 2 * len(trials)
        assert (rows[column] == rows["trial_id"].map(won).map(attempts)).all()
    assert study.objects.entries("demo/_meta/tmp") == []


def test_racing_threads_commit_each_pack_once(study, pack_tables):
    packs, attempts = [f"p{k}" for k in range(5)], {f"a{k}": float(k) for k in range(6)}
    work = {(p, a): marked_tables(pack_tables, p, a, m) for p in packs for a, m in attempts.items()}
    barrier, wins, faults = threading.Barrier(len(attempts)), [], []

    def run(attempt):
        mine = study.store.study("demo")
        barrier.wait()
        try:
            wins.extend(p for p in packs if mine.commit(p, attempt, work[p, attempt]))
        except Exception as error:
            faults.append(error)

    threads = [threading.Thread(target=run, args=(a,)) for a in attempts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert sorted(wins) == packs
    check_unmixed(study, packs, attempts)


WORKER = """
import importlib.util, os, signal, sys
from pathlib import Path
def load(name, path):
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
here, url, task, argument = sys.argv[1:]
rows = load("rows", here + "/conftest.py")
tests = load("tests_commit", here + "/test_commit.py")
from infosweep.store import open_store
from infosweep.store.store import Store
study = open_store(url, create=False).study("demo")
"""
KILLED = """
class Shot(tests.Dying):
    def die(self):
        os.kill(os.getpid(), signal.SIGKILL)
dying = Store(Shot(study.objects, int(argument))).study("demo")
dying.commit("p1", "a1", rows.pack_tables("p1", "a1", tests.TRIALS))
"""
RACING = """
packs = [f"p{k}" for k in range(6)]
work = {p: tests.marked_tables(rows.pack_tables, p, f"a{argument}", float(argument)) for p in packs}
print("ready", flush=True)
sys.stdin.readline()
print(*[p for p in packs if study.commit(p, f"a{argument}", work[p])])
"""


def start(task, url, argument):
    command = [
        sys.executable,
        "-c",
        WORKER + task,
        str(Path(__file__).parent),
        str(url),
        "-",
        argument,
    ]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize("step", [2, 5, 7])
def test_sigkill_in_mid_commit(tmp_path, pack_tables, reference, step):
    study = open_store(tmp_path / "s", create=True).study("demo")
    study.save_study("name: demo\n")
    worker = start(KILLED, tmp_path / "s", str(step))
    worker.communicate()
    assert worker.returncode == -signal.SIGKILL
    assert (study.done_ids() == set(TRIALS)) == (step >= 5)
    if study.done_ids():
        assert study.finish_published() == 1
    else:
        assert study.commit("p1", "a2", pack_tables("p1", "a2", TRIALS))
    assert study.finish_published() == 0
    assert all_alike(study, reference)
    names = {p.name for p in tmp_path.rglob("*") if p.is_file() and "_meta" not in p.parts}
    assert names == {"p1.parquet", "none.parquet"}


def test_racing_processes_commit_each_pack_once(tmp_path):
    study = open_store(tmp_path / "s", create=True).study("demo")
    study.save_study("name: demo\n")
    workers = [start(RACING, tmp_path / "s", str(k)) for k in range(3)]
    for worker in workers:
        assert worker.stdout.readline() == "ready\n"
    for worker in workers:
        worker.stdin.write(os.linesep)
        worker.stdin.flush()
    wins = [p for worker in workers for p in worker.communicate()[0].split()]
    packs = [f"p{k}" for k in range(6)]
    assert sorted(wins) == packs
    check_unmixed(study, packs, {f"a{k}": float(k) for k in range(3)})
