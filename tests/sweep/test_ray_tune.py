from __future__ import annotations

import pickle
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ray.tune.search import Searcher

from infosweep.errors import ClusterError, LockedError, StoreError, UsageError
from infosweep.plan import make_plan
from infosweep.study.settings import StudySettings
from infosweep.sweep import run_study
from infosweep.sweep.interrupts import Aborted, Interrupts
from infosweep.sweep.progress import PackProgress, Progress
from infosweep.sweep.tune_hooks import Queue, Watch

Tiny = Callable[..., StudySettings]


@pytest.fixture
def progress(tiny: Tiny) -> Progress:
    return Progress(make_plan(tiny()).packs, show="nothing")


def make_watch(progress: Progress, **changes: Any) -> Watch:
    """A watch that nothing happens to, but for what is changed."""
    hooks = {
        "on_death": lambda pack_id, log: None,  # noqa: ARG005
        "patience": dict.fromkeys(progress._work, 60.0),
        "kill": lambda pack_id: None,  # noqa: ARG005
        "ended": lambda: None,
    }
    return Watch(progress, **{**hooks, **changes})


@pytest.fixture
def watch(progress: Progress) -> Watch:
    return make_watch(progress)


def result(progress: Progress, error: Exception | None = None) -> dict[str, Any]:
    pack_id = next(iter(progress._work))
    return {"progress": PackProgress(pack_id, 2, 1, 0.5), "error": error}


def test_packs_are_handed_out_in_order_and_once(watch: Watch):
    queue = Queue(["long", "short"], Interrupts(print), watch)
    assert queue.suggest("a") == {"pack_id": "long"}
    assert queue.suggest("b") == {"pack_id": "short"}
    assert queue.suggest("c") == Searcher.FINISHED


def test_draining_hands_out_nothing_more(watch: Watch):
    trouble: list[LockedError] = []
    interrupts = Interrupts(print, lambda: trouble[0] if trouble else None)
    queue = Queue(["long", "short"], interrupts, watch)
    assert queue.suggest("a") == {"pack_id": "long"}
    trouble.append(LockedError("another run has taken over"))
    assert queue.suggest("b") == Searcher.FINISHED
    assert interrupts.error is trouble[0]


def test_an_error_of_a_worker_hands_out_nothing_more(watch: Watch, progress: Progress):
    queue = Queue(["long", "short"], Interrupts(print), watch)
    first = StoreError("the disk is full")
    watch.on_trial_result(0, [], SimpleNamespace(), result(progress, first))  # type: ignore[arg-type]
    watch.on_trial_result(0, [], SimpleNamespace(), result(progress, StoreError("later")))  # type: ignore[arg-type]
    assert watch.error is first
    assert queue.suggest("a") == Searcher.FINISHED


def test_progress_of_workers_is_passed_on(watch: Watch, progress: Progress):
    watch.on_trial_result(0, [], SimpleNamespace(), result(progress))  # type: ignore[arg-type]
    assert (progress.done, progress.failed) == (2, 1)
    assert watch.error is None


def test_a_dead_pack_is_told_by_its_id(progress: Progress):
    told = []
    watch = make_watch(progress, on_death=lambda pack_id, log: told.append((pack_id, log)))
    trial = SimpleNamespace(config={"pack_id": "p"}, get_error=lambda: RuntimeError("killed"))
    watch.on_trial_error(0, [], trial)  # type: ignore[arg-type]
    assert told == [("p", "killed")]


def test_a_worker_that_falls_silent_is_ended(progress: Progress):
    killed: list[str] = []
    pack_id = next(iter(progress._work))
    watch = make_watch(progress, kill=killed.append, patience={pack_id: 0.0})
    trial = SimpleNamespace(config={"pack_id": pack_id}, status="PENDING")
    watch.on_step_end(0, [trial])  # type: ignore[list-item]
    time.sleep(0.01)
    watch.on_step_end(0, [trial])  # type: ignore[list-item]
    assert killed == [], "it has not begun"
    trial.status = "RUNNING"
    watch.on_step_end(0, [trial])  # type: ignore[list-item]
    time.sleep(0.01)
    watch.on_step_end(0, [trial])  # type: ignore[list-item]
    assert set(killed) == {pack_id}


def test_the_end_of_ray_is_noticed(progress: Progress):
    ended = ClusterError("Ray ended in mid-run")
    watch = make_watch(progress, ended=lambda: ended)
    with pytest.raises(Aborted):
        watch.on_step_end(0, [])
    assert watch.error is ended


def test_tune_may_pickle_what_hangs_into_it(watch: Watch):
    assert pickle.loads(pickle.dumps(Queue(["a"], Interrupts(print), watch))) is None


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.usefixtures("ray_session")
def test_stdout_stays_clean(tiny: Tiny, store: str, capfd: pytest.CaptureFixture[str]):
    run_study(tiny(), store)
    out, err = capfd.readouterr()
    assert out == ""
    assert "12/12 done" in err.splitlines()[-1]
    assert "ray" not in err.lower()


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.usefixtures("ray_session")
def test_a_store_that_cannot_be_written_ends_the_run(tiny: Tiny, store: str):
    (Path(store) / "tiny").mkdir(parents=True)
    (Path(store) / "tiny" / "information").write_text("a file in the way")
    with pytest.raises(StoreError, match="a file stands where a folder is needed"):
        run_study(tiny(), store, progress=False)


@pytest.mark.ray
@pytest.mark.usefixtures("ray_session")
def test_a_pack_that_fits_nowhere_is_refused(tiny: Tiny, store: str):
    with pytest.raises(UsageError, match="asks for 1 gpus, and Ray has 0"):
        run_study(
            tiny(resources={"gpus": 1}, training={"epochs": 2, "engine": "torch"}),
            store,
            progress=False,
        )
