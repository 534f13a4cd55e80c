"""The `_meta` side: studies, packs, commits, failures, counts, over a folder and over memory."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
import threading

import pytest

from infosweep.errors import NotFoundError, StoreError, UsageError
from infosweep.store import open_store

FOUR = ("trials", "curves", "information", "gradients")


def result_files(study):
    return {e.path for e in study.objects.entries("demo") if "/_meta/" not in e.path}


def test_commit_publishes_every_table(study, pack_tables):
    assert study.commit("p1", "a1", pack_tables("p1", "a1", ["t1", "t2"]), ["t3"])
    assert study.done_ids() == {"t1", "t2"}
    assert study.failed_ids() == {"t3"}
    assert result_files(study) == {
        *(f"demo/{t}/p1.parquet" for t in FOUR),
        "demo/failures/none.parquet",
    }
    assert study.objects.entries("demo/_meta/tmp") == []
    commit = study.commits()["p1"]
    assert (commit.attempt, commit.trial_ids, commit.failed_ids) == ("a1", ("t1", "t2"), ("t3",))


def test_first_attempt_wins_and_the_second_leaves_nothing(study, pack_tables):
    assert study.commit("p1", "a1", pack_tables("p1", "a1", ["t1", "t2"]))
    before = {p: study.objects.get(p) for p in result_files(study)}
    assert not study.commit("p1", "a2", pack_tables("p1", "a2", ["t1", "t2"]))
    assert {p: study.objects.get(p) for p in result_files(study)} == before
    assert study.objects.entries("demo/_meta/tmp") == []


def test_an_attempt_that_commits_again_is_the_winner(study, pack_tables):
    tables = pack_tables("p1", "a1", ["t1"])
    assert study.commit("p1", "a1", tables)
    assert study.commit("p1", "a1", tables)
    assert study.objects.entries("demo/_meta/tmp") == []


def test_trials_of_another_pack_are_left_out(study, pack_tables):
    assert study.commit("p1", "a1", pack_tables("p1", "a1", ["t1", "t2"]))
    assert study.commit("p2", "a1", pack_tables("p2", "a1", ["t2", "t3"]))
    assert study.commits()["p2"].trial_ids == ("t3",)
    assert not study.commit("p3", "a1", pack_tables("p3", "a1", ["t1", "t3"]))
    assert set(study.commits()) == {"p1", "p2"}


def test_a_pack_without_a_finished_trial_stays_open(study, pack_tables, failures_table):
    empty = {name: rows.slice(0, 0) for name, rows in pack_tables("p1", "a1", ["t1"]).items()}
    assert not study.commit("p1", "a1", empty, ["t1"])
    assert study.commits() == {}
    study.write_failures("p1", "a1", failures_table("p1", "a1", ["t1"]))
    assert study.failed_ids() == {"t1"}
    assert study.commit("p1", "a2", pack_tables("p1", "a2", ["t1"]))
    assert study.failed_ids() == set()


def test_commit_wants_every_table(study, pack_tables):
    tables = pack_tables("p1", "a1", ["t1"])
    del tables["gradients"]
    with pytest.raises(ValueError, match="gradients"):
        study.commit("p1", "a1", tables)
    assert result_files(study) == set()


def test_a_pack_is_fixed_once(study, pack_tables):
    assert study.fix_pack("p1", {"trials": [1]}) == {"trials": [1]}
    assert study.fix_pack("p1", {"trials": [2]}) == {"trials": [1]}
    assert study.fix_pack("p2", {"trials": [3]}) == {"trials": [3]}
    assert study.fixed_packs() == {"p1": {"trials": [1]}, "p2": {"trials": [3]}}
    study.commit("p1", "a1", pack_tables("p1", "a1", ["t1"]))
    assert set(study.fixed_packs(uncommitted=True)) == {"p2"}


def test_racing_drivers_fix_one_pack(study):
    barrier, stands = threading.Barrier(8), []

    def fix(k):
        barrier.wait()
        stands.append(study.fix_pack("p1", {"driver": k})["driver"])

    threads = [threading.Thread(target=fix, args=(k,)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(stands) == 8
    assert set(stands) == {study.fixed_packs()["p1"]["driver"]}


def test_counts(study, pack_tables):
    study.commit("p1", "a1", pack_tables("p1", "a1", ["t1", "t2"], diverged=["t2"]), ["t3"])
    study.claim("p1", "a1", {"n_trials": 2})  # of a committed pack: over
    study.claim("p2", "a1", {"n_trials": 5})
    record = json.loads(study.objects.get("demo/_meta/claims/p2.a1.json"))
    lost = {**record, "pack_id": "p3", "info": {"n_trials": 7}, "host": "elsewhere"}
    study.objects.put_json(
        "demo/_meta/claims/p3.a1.json", {**lost, "heartbeat": "2026-01-01T00:00:00+00:00"}
    )
    counts = study.trial_counts()
    assert (counts.done, counts.diverged, counts.failed) == (2, 1, 1)
    assert (counts.running, counts.lost) == (5, 7)


def test_study_and_provenance_are_kept(study):
    assert study.load_study_text() == "name: demo\n"
    found = study.provenance
    assert found["schema_version"] == 1
    assert found["versions"]["pyarrow"]
    assert found["python"] == sys.version.split()[0]
    assert found["hardware"]["cores"] >= 1
    assert found["started"].endswith("+00:00")
    assert study.store.studies() == ["demo"]
    assert study.exists()
    assert not study.store.study("other").exists()


def test_a_newer_store_is_refused(study):
    newer = {**study.provenance, "schema_version": 99}
    study.objects.put_json("demo/_meta/provenance.json", newer)
    fresh = study.store.study("demo")
    with pytest.raises(StoreError, match=r"newer infosweep \(schema 99; .* up to 1\)"):
        fresh.done_ids()
    with pytest.raises(StoreError, match="newer infosweep"):
        fresh.save_study("name: demo\n")


def test_damaged_records_are_named(study):
    study.objects.put("demo/_meta/commits/p1.json", b"")
    with pytest.raises(
        StoreError, match=r"commits/p1.json is damaged.*\n  mend: `infosweep doctor --repair demo"
    ):
        study.done_ids()
    study.objects.put("demo/_meta/commits/p1.json", b'{"attempt": "a1"}')
    with pytest.raises(StoreError, match=r"commits/p1.json is damaged \(KeyError"):
        study.done_ids()


def test_a_store_goes_along_to_other_processes(tmp_path):
    study = open_store(tmp_path / "s", create=True).study("demo")
    study.save_study("x")
    again = pickle.loads(pickle.dumps(study))
    assert (again.name, again.load_study_text()) == ("demo", "x")
    assert open_store(f"file://{tmp_path}/s", create=False).studies() == ["demo"]


def test_what_is_no_store(tmp_path):
    with pytest.raises(NotFoundError, match="there is no store at"):
        open_store(tmp_path / "none", create=False)
    (tmp_path / "file").write_text("x")
    for create in (True, False):
        with pytest.raises(StoreError, match="is not a store: it is a file"):
            open_store(tmp_path / "file", create=create)
    with pytest.raises(StoreError, match="a file stands where a folder is needed"):
        open_store(tmp_path / "file" / "below", create=True)
    with pytest.raises(UsageError, match="unknown scheme 'ftp'"):
        open_store("ftp://there", create=False)
    with pytest.raises(UsageError, match="not a study's name"):
        open_store(tmp_path, create=False).study("../x")


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        ("No space left on device (os error 28)", "the disk is full"),
        ("Permission denied (os error 13)", "permission denied"),
        ("Read-only file system (os error 30)", "the file system is read-only"),
        ("AccessDenied: no such right", "permission denied"),
        ("<Code>NoSuchBucket</Code>", "there is no such bucket"),
        ("the moon is full", "Unable to write: the moon is full"),
    ],
)
def test_what_the_system_refuses_is_one_line(study, monkeypatch, reason, told):
    import obstore
    from obstore.exceptions import GenericError

    def refuse(*_, **__):
        raise GenericError(f"Generic X error: Unable to write: {reason}\n\nDebug source: …")

    monkeypatch.setattr(obstore, "put", refuse)
    with pytest.raises(StoreError) as caught:
        study.fix_pack("p1", {})
    assert told in caught.value.message
    assert "demo/_meta/packs/p1.json" in caught.value.message
    assert "\n" not in caught.value.message


def test_the_meta_side_is_light(tmp_path, pack_tables):
    study = open_store(tmp_path, create=True).study("demo")
    study.save_study("x")
    study.fix_pack("p1", {"trials": []})
    study.commit("p1", "a1", pack_tables("p1", "a1", ["t1"]))
    code = f"""
import sys
from infosweep.store import open_store
study = open_store({str(tmp_path)!r}, create=False).study("demo")
assert study.done_ids() == {{"t1"}} and study.fixed_packs() and not study.failed_ids()
study.trial_counts(), study.finish_published(), study.provenance
with study.lease("r1"), study.claim("p2", "a1"):
    pass
heavy = {{"numpy", "pyarrow", "pandas", "duckdb", "numba", "ray", "torch", "asyncio"}}
print(sorted(heavy & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
