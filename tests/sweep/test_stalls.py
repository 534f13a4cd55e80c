"""A pack that hangs is noticed, started anew as often as `retries` says, and told as failed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from infosweep.plan import make_plan
from infosweep.store import open_store
from infosweep.study.settings import StudySettings
from infosweep.sweep import run_study, stalls, study_status
from infosweep.sweep.stalls import StallClock, patience_with
from infosweep.training import fused, torch_engine

Tiny = Callable[..., StudySettings]


def test_patience_is_ten_minutes_or_twenty_times_the_estimate(tiny: Tiny):
    [pack] = make_plan(tiny(resources={"pack": 12}, axes={"train_size": [0.2]}, seeds=12)).packs
    assert patience_with(pack) == 600
    [long] = make_plan(
        tiny(
            resources={"pack": 12},
            axes={"train_size": [0.2]},
            seeds=12,
            training={"epochs": 2_000_000},
        )
    ).packs
    assert patience_with(long) > 6000


def test_what_the_machine_sleeps_does_not_count():
    now = [0.0]
    clock = StallClock(60.0, lambda: now[0])
    for _ in range(15):
        now[0] += 4
        assert not clock.has_run_out()
    now[0] += 3600
    assert clock.has_run_out(), "60 s were awake, and so are the first 5 of these"
    clock.moved()
    for _ in range(12):
        now[0] += 86_400
        assert not clock.has_run_out(), "a look counts 5 s at most"


@pytest.fixture
def hang(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[int, int]]:
    """Seed -> how many of its networks hang from now on; of either engine."""
    monkeypatch.setattr(stalls, "AT_LEAST", 1.0)
    monkeypatch.setattr(stalls, "TIMES_ESTIMATE", 0.0)
    left: dict[int, int] = {}
    free, lock = threading.Event(), threading.Lock()
    train, train_pack = fused.train, torch_engine.train_pack

    def wait_if_told(seed):
        with lock:
            hangs = left.get(seed, 0) > 0
            left[seed] = left.get(seed, 0) - 1
        if hangs:
            free.wait()

    def hanging(trial, problem):
        wait_if_told(trial.seed)
        yield from train(trial, problem)

    def hanging_pack(trials, problems, device="cpu"):
        wait_if_told(trials[0].seed)
        yield from train_pack(trials, problems, device)

    monkeypatch.setattr(fused, "train", hanging)
    monkeypatch.setattr(torch_engine, "train_pack", hanging_pack)
    yield left
    free.set()


@pytest.mark.parametrize("engine", ["fused", "torch"])
@pytest.mark.parametrize("workers", [1, 2])
def test_a_pack_that_hangs_once_is_tried_again(
    tiny: Tiny, store: str, hang: dict[int, int], engine: str, workers: int
):
    study = tiny(seeds=2, axes={"train_size": [0.05]}, training={"epochs": 12, "engine": engine})
    hang[0] = 1
    summary = run_study(study, store, executor="inline", workers=workers, progress=False)
    assert (summary.run, summary.failed, summary.exit_code) == (2, 0, 0)
    rows = pq.read_table(Path(store) / "tiny" / "failures").to_pylist()
    assert {row["error_kind"] for row in rows} == {"Stalled"}
    assert {row["error"] for row in rows} == {"no progress for 1.0s"}
    assert open_store(store, create=False).study("tiny").failed_ids() == set()


@pytest.mark.parametrize("workers", [1, 2])
def test_a_network_that_always_hangs_fails_and_its_mates_are_kept(
    tiny: Tiny, store: str, hang: dict[int, int], workers: int
):
    study = tiny(seeds=3, axes={"train_size": [0.05]}, retries=1)
    hang[1] = 100
    summary = run_study(study, store, executor="inline", workers=workers, progress=False)
    held = open_store(store, create=False).study("tiny")
    assert summary.exit_code == 1
    assert summary.failed >= 1
    assert summary.run + summary.failed == 3
    rows = pq.read_table(Path(store) / "tiny" / "failures").to_pylist()
    mine = [row for row in rows if row["seed"] == 1]
    assert len(mine) == 2, "once, and once again"
    status = study_status(store, "tiny")
    assert (status["failed"], status["running"]) == (summary.failed, 0)
    hang.clear()
    again = run_study(study, store, executor="inline", workers=workers, progress=False)
    assert (again.run, again.exit_code) == (summary.failed, 0)
    assert held.failed_ids() == set()
