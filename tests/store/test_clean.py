"""Deleting: all of a study or its failures, nothing besides, and not while somebody works on it."""

from __future__ import annotations

import pytest

from infosweep.errors import LockedError, StoreError
from infosweep.store import open_store
from infosweep.store.clean import clean, contents
from infosweep.store.reader import read_table


@pytest.fixture
def run(study, pack_tables, failures_table):
    """A study with a pack of two trials and two failed ones, beside another study."""
    study.commit("p1", "a1", pack_tables("p1", "a1", ["t1", "t2"]), ["t3"])
    study.write_failures("p1", "a1", failures_table("p1", "a1", ["t3"]))
    study.write_failures("p2", "a1", failures_table("p2", "a1", ["t4"]))
    study.fix_pack("p1", {"trials": []})
    study.objects.put("demo/figures/curves.png", b"png")
    study.objects.put("other/_meta/study.yaml", b"name: other\n")
    study.objects.put("demo-2/_meta/study.yaml", b"name: demo-2\n")
    return study


def paths(study):
    return {entry.path for entry in study.objects.entries("")}


def test_a_study_is_deleted_whole_and_alone(run):
    told = contents(run)
    assert (told.study, told.done, told.failed) == ("demo", 2, 2)
    assert told.files == len([path for path in paths(run) if path.startswith("demo/")])
    assert clean(run) == told
    assert paths(run) == {"other/_meta/study.yaml", "demo-2/_meta/study.yaml"}
    assert run.store.studies() == ["demo-2", "other"]
    if run.objects.folder is not None:
        assert not (run.objects.folder / "demo").exists()


def test_only_failures_are_deleted(run):
    kept = {path: run.objects.get(path) for path in paths(run) if "failures" not in path}
    told = contents(run, failures_only=True)
    assert (told.files, told.done, told.failed) == (4, 0, 2)
    assert clean(run, failures_only=True) == told
    fresh = run.store.study("demo")
    assert (fresh.done_ids(), fresh.failed_ids()) == ({"t1", "t2"}, set())
    assert len(read_table(fresh, "failures")) == 0
    assert len(read_table(fresh, "trials")) == 2
    assert paths(run) == {*kept, "demo/failures/none.parquet"}
    commit = "demo/_meta/commits/p1.json"
    assert {p for p, data in kept.items() if run.objects.get(p) != data} == {commit}


@pytest.mark.parametrize("failures_only", [False, True])
def test_nothing_is_deleted_while_a_run_or_a_worker_is_at_work(run, failures_only):
    before = paths(run)
    with run.lease("r1"), pytest.raises(LockedError, match="is being run by process"):
        clean(run, failures_only=failures_only)
    claim = run.claim("p2", "a2", {"n_trials": 1})
    with pytest.raises(LockedError, match="still works on pack p2"):
        clean(run, failures_only=failures_only)
    claim.release()
    assert paths(run) == before


def test_a_deletion_that_was_broken_off_can_be_run_again(run, monkeypatch):
    from infosweep.store import clean as module

    monkeypatch.setattr(module, "_delete", _delete_half)
    clean(run)
    monkeypatch.undo()
    assert run.store.studies() == ["demo", "demo-2", "other"]
    assert run.store.study("demo").done_ids() == set()
    clean(run.store.study("demo"))
    assert run.store.studies() == ["demo-2", "other"]


def _delete_half(study, all_paths):
    study.objects.delete([f"demo/{path}" for path in all_paths[: len(all_paths) // 2]])


def test_a_damaged_study_can_be_deleted(run):
    run.objects.put("demo/_meta/commits/p1.json", b"noise")
    run.objects.put("demo/_meta/claims/p1.a1.json", b"noise")
    clean(run.store.study("demo"))
    assert run.store.studies() == ["demo-2", "other"]


def test_links_are_deleted_and_not_followed(tmp_path):
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "thesis.tex").write_text("x")
    study = open_store(tmp_path / "results", create=True).study("demo")
    study.save_study("name: demo\n")
    (tmp_path / "results/demo/figures").symlink_to(precious)
    (tmp_path / "results/demo/thesis.tex").symlink_to(precious / "thesis.tex")
    assert contents(study).files == 3
    clean(study)
    assert (precious / "thesis.tex").read_text() == "x"
    assert list((tmp_path / "results").iterdir()) == []


def test_a_study_that_is_itself_a_link_is_left_to_its_owner(tmp_path):
    elsewhere = open_store(tmp_path / "elsewhere", create=True).study("demo")
    elsewhere.save_study("name: demo\n")
    store = open_store(tmp_path / "results", create=True)
    (tmp_path / "results/demo").symlink_to(tmp_path / "elsewhere/demo")
    with pytest.raises(StoreError, match="is a link to"):
        clean(store.study("demo"))
    assert elsewhere.exists()
