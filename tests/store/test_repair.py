"""Damaged, missing and foreign files: found, named, set aside; the pack is then open again."""

from __future__ import annotations

import json
import random

import pytest

from infosweep.errors import LockedError, StoreError
from infosweep.store.damage import inspect
from infosweep.store.query import query
from infosweep.store.reader import read_table
from infosweep.store.repair import repair
from infosweep.tables import WRITTEN_BY_EVERY_RUN

TABLES = [table.name for table in WRITTEN_BY_EVERY_RUN]


@pytest.fixture
def two_packs(study, pack_tables, failures_table):
    """A study with packs p1 (t1, t2) and p2 (t3), and a failure."""
    study.commit("p1", "a1", pack_tables("p1", "a1", ["t1", "t2"]))
    study.commit("p2", "a1", pack_tables("p2", "a1", ["t3"]))
    study.write_failures("p9", "a1", failures_table("p9", "a1", ["t9"]))
    return study


def cut(data):
    return data[: len(data) // 2]


def noise(data):
    changed = bytearray(data)
    changed[100:164] = random.Random(4).randbytes(64)
    return bytes(changed)


def one_bit(data):
    changed = bytearray(data)
    changed[len(data) // 3] ^= 1
    return bytes(changed)


def spoil(study, path, change):
    study.objects.put(path, change(study.objects.get(path)))


def faults_of(study):
    return [(fault.path, fault.kind, fault.pack_id) for fault in inspect(study).faults]


def is_whole(study, trial_ids):
    assert inspect(study).faults == ()
    for table in TABLES:
        assert set(read_table(study, table)["trial_id"]) == set(trial_ids)


def test_a_sound_study_has_no_faults(two_packs):
    found = inspect(two_packs)
    assert found.faults == ()
    assert found.files == 10
    assert found.size_bytes > 10_000
    assert repair(two_packs).folder is None
    assert not [e for e in two_packs.objects.entries("demo") if "damaged" in e.path]


@pytest.mark.parametrize("change", [cut, noise, one_bit, lambda _: b""])
@pytest.mark.parametrize("table", TABLES)
def test_a_damaged_file_is_found_and_its_pack_set_aside(two_packs, pack_tables, table, change):
    spoil(two_packs, f"demo/{table}/p1.parquet", change)
    assert faults_of(two_packs) == [(f"demo/{table}/p1.parquet", "damaged", "p1")]
    done = repair(two_packs)
    assert (done.packs, done.n_trials) == (("p1",), 2)
    moved = {e.path.removeprefix(f"{done.folder}/") for e in two_packs.objects.entries(done.folder)}
    assert moved == {*(f"{t}/p1.parquet" for t in TABLES), "commits/p1.json", "faults.json"}
    assert json.loads(two_packs.objects.get(f"{done.folder}/faults.json"))["faults"]
    assert two_packs.done_ids() == {"t3"}
    is_whole(two_packs, {"t3"})
    assert two_packs.commit("p1", "a2", pack_tables("p1", "a2", ["t1", "t2"]))
    is_whole(two_packs, {"t1", "t2", "t3"})


@pytest.mark.parametrize("change", [cut, noise, one_bit])
def test_reading_a_damaged_file_names_it_and_the_command_that_mends_it(two_packs, change):
    spoil(two_packs, "demo/curves/p1.parquet", change)
    told = (
        r"demo/curves/p1.parquet is damaged \(.*\n  mend: `infosweep doctor --repair demo --store"
    )
    with pytest.raises(StoreError, match=told):
        read_table(two_packs, "curves")
    assert len(read_table(two_packs, "gradients")) == 6


def test_a_query_names_a_file_that_was_cut_short(two_packs):
    spoil(two_packs, "demo/curves/p2.parquet", cut)
    with pytest.raises(StoreError, match=r"demo/curves/p2.parquet is damaged \(cut short"):
        query(two_packs.store, "select avg(loss) from curves")


def test_without_a_digest_values_are_decoded(two_packs):
    record = two_packs.objects.get_json("demo/_meta/commits/p1.json")
    two_packs.objects.put_json("demo/_meta/commits/p1.json", {**record, "digests": {}})
    assert inspect(two_packs).faults == ()
    two_packs.objects.put("demo/curves/p1.parquet", two_packs.objects.get("demo/trials/p1.parquet"))
    (fault,) = inspect(two_packs).faults
    assert fault.reason == "it is not a file of the table curves"
    spoil(two_packs, "demo/curves/p1.parquet", cut)
    assert faults_of(two_packs) == [("demo/curves/p1.parquet", "damaged", "p1")]


def test_a_committed_file_that_is_gone_makes_its_pack_open(two_packs):
    two_packs.objects.delete(["demo/information/p2.parquet"])
    assert faults_of(two_packs) == [("demo/information/p2.parquet", "missing", "p2")]
    assert repair(two_packs).packs == ("p2",)
    is_whole(two_packs, {"t1", "t2"})


def test_a_half_published_pack_is_no_fault(two_packs):
    attempt = two_packs.commits()["p1"].attempt
    two_packs.objects.rename(
        "demo/trials/p1.parquet", f"demo/_meta/tmp/p1.{attempt}/trials.parquet"
    )
    assert inspect(two_packs).faults == ()
    assert two_packs.finish_published() == 1
    is_whole(two_packs, {"t1", "t2", "t3"})


@pytest.mark.parametrize(
    "path",
    ["trials/README.txt", "curves/deep/p1.parquet", "curves/copy.parquet", "failures/mine.csv"],
)
def test_a_foreign_file_is_passed_over_named_and_set_aside(two_packs, path):
    two_packs.objects.put(f"demo/{path}", b"my own notes")
    for table in TABLES:
        assert set(read_table(two_packs, table)["trial_id"]) == {"t1", "t2", "t3"}
    assert faults_of(two_packs) == [(f"demo/{path}", "foreign", None)]
    done = repair(two_packs)
    assert done.packs == ()
    assert two_packs.objects.get(f"{done.folder}/{path}") == b"my own notes"
    is_whole(two_packs, {"t1", "t2", "t3"})


def test_a_copy_of_a_pack_is_not_counted_twice(two_packs):
    for table in TABLES:
        data = two_packs.objects.get(f"demo/{table}/p1.parquet")
        two_packs.objects.put(f"demo/{table}/p1-backup.parquet", data)
    assert list(read_table(two_packs, "trials")["trial_id"]) == ["t1", "t2", "t3"]
    repair(two_packs)
    is_whole(two_packs, {"t1", "t2", "t3"})


@pytest.mark.parametrize("record", [b"", b"{", b"[]", b'{"attempt": "a1"}'])
def test_a_damaged_commit_sets_its_pack_aside(two_packs, record):
    two_packs.objects.put("demo/_meta/commits/p1.json", record)
    assert faults_of(two_packs) == [("demo/_meta/commits/p1.json", "damaged", "p1")]
    repair(two_packs)
    is_whole(two_packs.store.study("demo"), {"t3"})


@pytest.mark.parametrize("name", ["packs/p3", "claims/p3.a1", "failures/p3.a1", "provenance"])
def test_other_damaged_records_are_set_aside(two_packs, name):
    two_packs.objects.put(f"demo/_meta/{name}.json", b"\0\0")
    assert faults_of(two_packs) == [(f"demo/_meta/{name}.json", "damaged", None)]
    assert repair(two_packs).packs == ()
    fresh = two_packs.store.study("demo")
    assert fresh.done_ids() == {"t1", "t2", "t3"}
    assert (fresh.fixed_packs(), fresh.claims(), fresh.failed_ids()) == ({}, [], {"t9"})


def test_a_damaged_file_of_failures_is_set_aside_alone(two_packs):
    spoil(two_packs, "demo/failures/p9.a1.parquet", noise)
    with pytest.raises(StoreError, match=r"failures/p9\.a1\.parquet is damaged"):
        read_table(two_packs, "failures")
    assert repair(two_packs).packs == ()
    assert two_packs.failed_ids() == {"t9"}
    assert len(read_table(two_packs, "failures")) == 0


def test_a_repair_that_was_broken_off_is_finished_by_the_next(two_packs):
    spoil(two_packs, "demo/curves/p1.parquet", cut)
    two_packs.objects.rename("demo/trials/p1.parquet", "demo/_meta/damaged/x/trials/p1.parquet")
    two_packs.objects.rename("demo/_meta/commits/p1.json", "demo/_meta/damaged/x/commits/p1.json")
    assert {kind for _, kind, _ in faults_of(two_packs)} == {"foreign"}
    repair(two_packs)
    is_whole(two_packs, {"t3"})


def test_a_study_that_is_being_run_is_looked_at_and_not_repaired(two_packs):
    spoil(two_packs, "demo/curves/p1.parquet", cut)
    with two_packs.lease("r1"), pytest.raises(LockedError, match="is being run by process"):
        repair(two_packs)
    assert faults_of(two_packs) == [("demo/curves/p1.parquet", "damaged", "p1")]


def test_a_study_of_a_newer_version_is_left_alone(two_packs):
    newer = {**two_packs.provenance, "schema_version": 99}
    two_packs.objects.put_json("demo/_meta/provenance.json", newer)
    two_packs.objects.put("demo/curves/new.parquet", b"what newer versions write")
    with pytest.raises(StoreError, match="newer infosweep"):
        repair(two_packs.store.study("demo"))
    assert two_packs.objects.exists("demo/curves/new.parquet")
