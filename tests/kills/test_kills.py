"""A driver that is killed in mid-run loses nothing that was committed, and running again gives the same rows."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from infosweep.plan import trials_of
from infosweep.store import open_store
from infosweep.study import load_study
from infosweep.sweep import run_study, study_status
from infosweep.tables import WRITTEN_BY_EVERY_RUN

ResultsOf = Callable[..., dict[str, pa.Table]]


@pytest.mark.slow
@pytest.mark.parametrize("executor", ["inline", pytest.param("ray", marks=pytest.mark.ray)])
def test_a_killed_driver_is_continued(
    executor: str, start, study_file, wait_for, store: str, straight: str, results_of: ResultsOf
):
    path = study_file(2)
    study = load_study(path)
    process = start(str(path), "--store", store, "--executor", executor)
    held = open_store(store, create=True).study("slow")
    wait_for(lambda: len(held.commits()) >= 2 or process.is_over())
    process.send(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, process.screen
    kept = held.done_ids()
    assert 0 < len(kept) < 16, "killed in mid-run"
    before = {pack_id: commit.attempt for pack_id, commit in held.commits().items()}

    summary = run_study(study, store, executor="inline", workers=2, progress=False)
    assert summary.kept >= len(kept)
    assert summary.exit_code == 0
    ids = {trial.trial_id for trial in trials_of(study)}
    assert held.done_ids() == ids
    attempts = {pack_id: commit.attempt for pack_id, commit in held.commits().items()}
    assert before.items() <= attempts.items(), "what was committed is not run again"
    status = study_status(store, "slow")
    assert (status["done"], status["running"], status["lost"]) == (16, 0, 0)

    found, expected = results_of(store, "slow"), results_of(straight, "slow")
    assert found["trials"].column("trial_id").to_pylist() == sorted(ids), "each trial once"
    for table in WRITTEN_BY_EVERY_RUN:
        assert found[table.name].equals(expected[table.name]), table.name


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.usefixtures("ray_session")
def test_a_killed_worker_is_replaced(study_file, wait_for, store: str):
    study = load_study(study_file(4))
    held = open_store(store, create=True).study("slow")
    killed = []

    def kill_one() -> None:
        wait_for(lambda: bool(held.claims()))
        killed.append(held.claims()[0].pid)
        os.kill(killed[0], signal.SIGKILL)

    killer = threading.Thread(target=kill_one)
    killer.start()
    summary = run_study(study, store, workers=2, progress=False)
    killer.join()
    assert killed
    assert (summary.run, summary.failed, summary.exit_code) == (16, 0, 0)
    assert held.failed_ids() == set()
    assert all(claim.pid == killed[0] for claim in held.claims())


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.usefixtures("ray_session")
def test_a_pack_whose_workers_all_die_is_told_as_failed(study_file, wait_for, store: str):
    study = load_study(study_file(8), ["retries=0"])
    held = open_store(store, create=True).study("slow")
    claimed = []

    def kill_one() -> None:
        wait_for(lambda: bool(held.claims()))
        claimed.append(held.claims()[0])
        os.kill(claimed[0].pid, signal.SIGKILL)

    killer = threading.Thread(target=kill_one)
    killer.start()
    summary = run_study(study, store, workers=2, progress=False)
    killer.join()
    assert (summary.run, summary.failed, summary.exit_code) == (8, 8, 1)
    assert held.failed_ids() == {
        trial["trial_id"] for trial in held.fixed_packs()[claimed[0].pack_id]["trials"]
    }
    import pyarrow.parquet as pq

    failures = pq.read_table(Path(store) / "slow" / "failures").to_pylist()
    assert {row["error_kind"] for row in failures} == {"WorkerDied"}
    assert {row["error"] for row in failures} == {"the worker process died"}
    assert study_status(store, "slow")["failed"] == 8

    again = run_study(study, store, executor="inline", workers=2, progress=False)
    assert (again.kept, again.run, again.exit_code) == (8, 8, 0)
