"""The verbs that look after a store: doctor, clean, logs; on copies of a finished study."""

from __future__ import annotations

import io
import json
import shutil
import sys

import pytest

from infosweep.store import open_store
from infosweep.store.store import StudyStore


@pytest.fixture
def copy(finished, tmp_path):
    """A copy of the finished study's store, in a folder with a space in its name."""
    return shutil.copytree(finished.store, tmp_path / "my results")


@pytest.fixture(autouse=True)
def private_home(tmp_path, monkeypatch):
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))


@pytest.fixture
def held(copy) -> StudyStore:
    return open_store(copy, create=False).study("tiny")


def fail_trials(held, failures: int = 2):
    """Leave failures of a pack of two trials, from attempts one after the other."""
    from infosweep.plan import trials_of
    from infosweep.plan.trial import Pack
    from infosweep.study import load_study
    from infosweep.sweep.pack import fail_pack

    study = load_study(held.objects.folder / "tiny" / "_meta" / "study.yaml", ["seeds=[77]"])
    pack = Pack("feed01", tuple(trials_of(study)[:2]))
    for i in range(failures):
        fail_pack(pack, held, "ValueError", f"not finite at step {i}", "Traceback\n  here", {})


# --- doctor -------------------------------------------------------------------------------------------


def test_doctor_of_a_sound_store_is_exit_0(command, copy):
    told = command("doctor", "--store", copy)
    assert (told.code, told.err) == (0, "")
    results = {
        line[9:23].strip(): line.split()[0] for line in told.out.splitlines() if line[0] != " "
    }
    assert results["study tiny"] == "ok"
    assert set(results.values()) <= {"ok", "warning"}
    assert {"python", "libraries", "store", "clock", "disk", "ray"} <= set(results)


def test_doctor_of_a_study_compares_its_plan_with_the_disk(command, finished, copy):
    for study in (finished.study, "tiny"):
        checks = json.loads(command("doctor", study, "--store", copy, "--json").out)["checks"]
        found = {check["name"]: check["found"] for check in checks}
        assert "the plan of tiny needs about" in found["disk"]
        assert "the plan of tiny needs about" in found["memory"]


def test_doctor_names_damaged_files_and_repair_makes_the_next_run_make_them_again(
    command, finished, copy, held
):
    file = min((copy / "tiny" / "curves").iterdir())
    file.write_bytes(file.read_bytes()[:-100])
    (copy / "tiny" / "trials" / "notes.txt").write_text("mine")

    told = command("findings", "tiny", "--store", copy)
    assert (told.code, told.out) == (6, "")
    assert f"curves/{file.name} is damaged" in told.err
    assert f"mend: `infosweep doctor --repair tiny --store '{copy}'`" in told.err

    told = command("doctor", "--store", copy)
    assert told.code == 6
    assert f"tiny/curves/{file.name}: damaged: cut short or overwritten" in told.out
    assert "tiny/trials/notes.txt: foreign" in told.out
    assert f"mend: `infosweep doctor --repair tiny --store '{copy}'`" in told.out

    told = command("doctor", "--repair", "tiny", "--store", copy, "--json")
    assert told.code == 0
    (check,) = [c for c in json.loads(told.out)["checks"] if c["name"] == "study tiny"]
    assert (check["result"], len(check["faults"])) == ("warning", 2)
    n_lost = sum(fault["n_trials"] for fault in check["faults"])
    assert n_lost > 0
    assert f"({n_lost} trials) anew" in check["mend"]

    told = command("run", finished.study, "--store", copy, "--executor", "inline")
    assert told.code == 0
    assert f"kept {48 - n_lost}, to run {n_lost}" in told.err
    assert command("doctor", "tiny", "--store", copy).code == 0
    assert file.exists()
    assert not (copy / "tiny" / "trials" / "notes.txt").exists()
    assert len(held.done_ids()) == 48


def test_doctor_of_a_place_that_holds_no_store_is_exit_6(command, tmp_path):
    (tmp_path / "file").write_text("x")
    told = command("doctor", "--store", tmp_path / "file")
    assert told.code == 6
    assert "failed   store" in told.out
    assert "mend: give a folder" in told.out


def test_doctor_does_not_know_every_study(command, copy, tmp_path):
    assert command("doctor", "tyni", "--store", copy).code == 3
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("infosweep: 1\n")
    assert command("doctor", wrong, "--store", copy).code == 2


# --- clean --------------------------------------------------------------------------------------------


def test_clean_asks_and_refuses_where_nobody_can_answer(command, copy, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    told = command("clean", "tiny", "--store", copy)
    assert (told.code, told.out) == (2, "")
    assert f"clean would delete {copy}/tiny with 48 trials done: " in told.err
    assert "mend: say --yes" in told.err
    assert (copy / "tiny" / "trials").exists()


@pytest.mark.parametrize(("answer", "gone"), [("y", True), ("n", False), ("", False)])
def test_clean_does_what_it_is_answered(command, copy, monkeypatch, answer, gone):
    stdin = io.StringIO(f"{answer}\n")
    monkeypatch.setattr(stdin, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdin", stdin)
    told = command("clean", "tiny", "--store", copy)
    assert (told.code, told.out) == (0, "")
    assert f"delete {copy}/tiny with 48 trials done: " in told.err
    assert ("deleted" in told.err, "nothing was deleted" in told.err) == (True, not gone)
    assert (copy / "tiny").exists() is not gone
    assert copy.exists()


def test_clean_says_what_it_deleted(command, copy):
    files = [path for path in (copy / "tiny").rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files)
    told = command("clean", "tiny", "--store", copy, "--yes", "--json")
    assert json.loads(told.out) == {
        "study": "tiny", "where": f"{copy}/tiny", "files": len(files), "size_bytes": size,
        "done": 48, "failed": 0,
    }  # fmt: skip
    assert list(copy.iterdir()) == []
    assert command("clean", "tiny", "--store", copy, "--yes").code == 3


def test_clean_of_failures_leaves_results(command, copy, held):
    told = command("clean", "tiny", "--failures", "--store", copy)
    assert (told.code, told.err) == (0, "tiny: nothing to delete\n")
    fail_trials(held)
    told = command("clean", "tiny", "--failures", "--yes", "--store", copy)
    assert told.code == 0
    assert f"deleted the failures of 2 trials of {copy}/tiny: 4 files, " in told.err
    assert held.failed_ids() == set()
    assert len(held.done_ids()) == 48
    assert command("query", "select * from failures", "--store", copy, "--json").out == "[]\n"


def test_clean_refuses_while_a_run_is_at_work(command, copy, held):
    with held.lease("r1"):
        told = command("clean", "tiny", "--yes", "--store", copy)
    assert told.code == 6
    assert "is being run by process" in told.err
    assert len(held.done_ids()) == 48


# --- logs ---------------------------------------------------------------------------------------------


def test_logs_where_nothing_failed(command, copy):
    told = command("logs", "tiny", "--store", copy)
    assert told == (0, "", "tiny: nothing failed\n")
    assert command("logs", "tiny", "--store", copy, "--json").out == "[]\n"


def test_logs_tell_each_cause_once(command, copy, held):
    fail_trials(held)
    told = command("logs", "tiny", "--store", copy)
    assert (told.code, told.err) == (0, "")
    lines = told.out.splitlines()
    assert lines[0] == "ValueError: not finite at step 1"
    assert lines[1].startswith("  4 failures of 2 trials, none done since; last 20")
    assert lines[2:] == ["  packs feed01", "    | Traceback", "    |   here"]
    (cause,) = json.loads(command("logs", "tiny", "feed", "--store", copy, "--json").out)
    assert (cause["error_kind"], cause["failures"]) == ("ValueError", 4)
    assert cause["open"] == cause["trials"]
    assert command("logs", "tiny", "beef", "--store", copy).code == 3
