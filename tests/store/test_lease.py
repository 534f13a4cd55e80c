"""The lease and the claims: who holds them, who takes them over, and that heartbeats stop."""

from __future__ import annotations

import subprocess
import sys
import threading
import time

import pytest

from infosweep.errors import LockedError, StoreError
from infosweep.store import open_store
from infosweep.store.lease import process_started

PATH = "demo/_meta/lease.json"
LONG_AGO = "2026-01-01T00:00:00+00:00"


def take_in_another_process(folder):
    """Take the lease in a process that dies without releasing it."""
    code = f"""
import os
from infosweep.store import open_store
open_store({str(folder)!r}, create=False).study("demo").lease("dead").__enter__()
os._exit(0)
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_second_run_is_kept_out_and_told_by_whom(study):
    with study.lease("r1"):
        record = study.objects.get_json(PATH)
        assert (record["run"], record["pid_started"]) == ("r1", process_started(record["pid"]))
        with pytest.raises(LockedError) as caught, study.lease("r2"):
            pass
        assert f"study 'demo' is being run by process {record['pid']} on" in caught.value.message
        assert f"since {record['started']}, for" in caught.value.message
        assert f"stop it with `kill {record['pid']}`" in caught.value.mend
        assert study.objects.get_json(PATH)["run"] == "r1"
    assert study.objects.get_json(PATH) is None
    with study.lease("r2"):
        assert study.objects.get_json(PATH)["run"] == "r2"


def test_it_is_released_when_the_run_fails(study):
    with pytest.raises(ZeroDivisionError), study.lease("r1"):
        raise ZeroDivisionError
    assert study.objects.get_json(PATH) is None


def test_a_lease_that_cannot_be_released_does_not_hide_why_the_run_failed(study, monkeypatch):
    def refuse(_):
        raise StoreError("the file system is read-only")

    lease = study.lease("r1").__enter__()
    monkeypatch.setattr(study.objects, "delete", refuse)
    lease.__exit__(ZeroDivisionError)
    with pytest.raises(StoreError, match="read-only"):
        lease.__exit__(None)


def test_a_dead_process_is_replaced_at_once(tmp_path):
    study = open_store(tmp_path, create=True).study("demo")
    take_in_another_process(tmp_path)
    assert study.objects.get_json(PATH)["run"] == "dead"
    with study.lease("r2") as lease:
        assert study.objects.get_json(PATH)["run"] == "r2"
        assert not lease.lost
    assert study.objects.entries("demo/_meta") == []


@pytest.mark.parametrize(
    ("change", "taken"),
    [
        ({}, False),
        ({"pid_started": 1}, True),  # the pid was given to another process
        ({"heartbeat": LONG_AGO}, False),  # alive here, though suspended for long
        ({"machine": "other-boot/pid:[1]"}, True),  # the host was booted anew
        ({"host": "elsewhere"}, False),
        ({"host": "elsewhere", "heartbeat": LONG_AGO}, True),
        ({"host": "elsewhere", "heartbeat": "garbage"}, True),
    ],
)
def test_who_is_taken_over(study, change, taken):
    with study.lease("r1"):
        record = study.objects.get_json(PATH)
    study.objects.put_json(PATH, {**record, **change})
    if taken:
        with study.lease("r2"):
            assert study.objects.get_json(PATH)["run"] == "r2"
        return
    with pytest.raises(LockedError, match="is being run by process"), study.lease("r2"):
        pass
    assert study.objects.get_json(PATH)["run"] == "r1"


def test_another_namespace_of_this_host_is_judged_by_its_heartbeat(study):
    with study.lease("r1"):
        record = study.objects.get_json(PATH)
    boot = record["machine"].partition("/")[0]
    elsewhere = {**record, "machine": f"{boot}/pid:[1]", "pid": 1, "pid_started": -1}
    study.objects.put_json(PATH, elsewhere)
    with pytest.raises(LockedError), study.lease("r2"):
        pass
    study.objects.put_json(PATH, {**elsewhere, "heartbeat": LONG_AGO})
    with study.lease("r2"):
        assert study.objects.get_json(PATH)["run"] == "r2"


def test_a_damaged_lease_is_replaced(study):
    study.objects.put(PATH, b"")
    with study.lease("r2"):
        assert study.objects.get_json(PATH)["run"] == "r2"


def test_of_racing_heirs_one_has_it(study):
    with study.lease("r0"):
        record = study.objects.get_json(PATH)
    study.objects.put_json(PATH, {**record, "pid_started": 1})
    barrier, held, locked, done = threading.Barrier(6), [], [], threading.Event()

    def inherit(k):
        barrier.wait()
        try:
            with study.store.study("demo").lease(f"r{k}"):
                held.append(k)
                done.wait(20)
        except LockedError:
            locked.append(k)

    threads = [threading.Thread(target=inherit, args=(k,)) for k in range(1, 7)]
    for thread in threads:
        thread.start()
    while len(held) + len(locked) < 6:
        time.sleep(0.01)
    done.set()
    for thread in threads:
        thread.join()
    assert (len(held), len(locked)) == (1, 5)


def wait_for(condition):
    for _ in range(1000):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("it did not come")


def test_the_heart_beats_in_the_background_and_stops(study):
    before = threading.active_count()
    with study.lease("r1", every=0.01):
        first = study.objects.get_json(PATH)["heartbeat"]
        wait_for(lambda: study.objects.get_json(PATH)["heartbeat"] > first)
    assert threading.active_count() == before


def test_a_lease_that_was_taken_over_is_left_to_its_heir(study):
    with study.lease("r1", every=0.01) as lease:
        heir = {**study.objects.get_json(PATH), "run": "r2"}
        study.objects.put_json(PATH, heir)
        wait_for(lambda: lease.lost)
    assert study.objects.get_json(PATH) == heir


def test_a_store_that_is_away_for_a_moment_costs_no_run(study, monkeypatch):
    from infosweep.errors import StoreError

    calls = []

    def away(*_):
        calls.append(1)
        raise StoreError("away")

    with study.lease("r1", every=0.01):
        monkeypatch.setattr(study.objects, "put", away)
        wait_for(lambda: len(calls) > 2)
        monkeypatch.undo()
        first = study.objects.get_json(PATH)["heartbeat"]
        wait_for(lambda: study.objects.get_json(PATH)["heartbeat"] > first)


def test_a_claim_beats_reports_and_goes(study):
    with study.claim("p1", "a1", {"n_trials": 3}, every=0.01) as claim:
        (seen,) = study.claims()
        assert (seen.pack_id, seen.attempt, seen.n_trials, seen.state) == ("p1", "a1", 3, "running")
        claim.heartbeat(done=2)
        (seen,) = study.claims()
        assert seen.info == {"n_trials": 3, "done": 2}
        first = seen.heartbeat
        wait_for(lambda: study.claims()[0].heartbeat > first)
    assert study.claims() == []
    claim.heartbeat()  # too late to come back
    assert study.claims() == []


@pytest.mark.parametrize(
    ("change", "state", "is_gone"),
    [
        ({}, "running", False),
        ({"heartbeat": LONG_AGO}, "lost", False),
        ({"pid_started": 1}, "lost", True),
        ({"host": "elsewhere"}, "running", False),
        ({"host": "elsewhere", "heartbeat": LONG_AGO}, "lost", False),
    ],
)
def test_running_and_lost_are_derived(study, change, state, is_gone):
    study.claim("p1", "a1")
    path = "demo/_meta/claims/p1.a1.json"
    study.objects.put_json(path, {**study.objects.get_json(path), **change})
    (claim,) = study.claims()
    assert (claim.state, claim.is_gone) == (state, is_gone)
