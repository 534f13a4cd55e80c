from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pyarrow.parquet as pq
import pytest

from infosweep.plan import Pack, make_plan
from infosweep.store.store import StudyStore
from infosweep.study.settings import StudySettings
from infosweep.sweep.pack import run_pack
from infosweep.sweep.progress import PackProgress
from infosweep.training import fused, torch_engine

Tiny = Callable[..., StudySettings]


def one_pack(study: StudySettings) -> Pack:
    """The longest pack of a study, all its seeds and noise levels together."""
    return make_plan(study).packs[0]


def rows(held: StudyStore, table: str, *columns: str) -> list[dict[str, Any]]:
    folder = f"{held.store.url.removeprefix('file://')}/{held.name}/{table}"
    return pq.read_table(folder, columns=list(columns) or None).to_pylist()


@pytest.fixture
def break_seed(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Makes the fused engine raise after two checkpoints of one seed."""
    train = fused.train

    def patch(seed: int) -> None:
        def broken(trial, problem):
            for count, snapshot in enumerate(train(trial, problem)):
                if trial.seed == seed and count == 2:
                    raise ArithmeticError("a fault of this test")
                yield snapshot

        monkeypatch.setattr(fused, "train", broken)

    return patch


def test_a_pack_is_committed_whole(tiny: Tiny, held: StudyStore):
    pack = one_pack(tiny())
    outcome = run_pack(pack, held, attempt="first", cpus=2)
    assert outcome.committed
    assert outcome.failed == ()
    ids = {trial.trial_id for trial in pack.trials}
    assert held.done_ids() == ids == set(outcome.done)
    assert {row["trial_id"] for row in rows(held, "information", "trial_id")} == ids
    trials = rows(held, "trials")
    assert {row["attempt"] for row in trials} == {"first"}
    assert {(row["engine"], row["device"], row["status"]) for row in trials} == {
        ("fused", "cpu", "done")
    }
    assert all(row["steps"] == 12 * (row["n_train"] // 64 + 1) for row in trials)
    assert all(row["train_seconds"] > 0 and row["measure_seconds"] > 0 for row in trials)
    assert held.claims() == []


def test_settings_stand_in_the_trials_table(tiny: Tiny, held: StudyStore):
    study = tiny(training={"epochs": 3, "optimizer": "momentum", "learning_rate": 0.05})
    run_pack(one_pack(study), held)
    row = rows(held, "trials")[0]
    assert (row["optimizer"], row["momentum"], row["learning_rate"]) == ("momentum", 0.9, 0.05)
    assert (row["hidden"], row["epochs"], row["n_parameters"]) == ("[5, 3]", 3, 65 + 18 + 8)


def test_a_trial_that_raises_leaves_its_mates_alone(
    tiny: Tiny, held: StudyStore, break_seed: Callable[[int], None]
):
    pack = one_pack(tiny())
    whole = run_pack(pack, held)
    clean = rows(held, "curves")
    other = held.store.study("other")
    break_seed(1)
    outcome = run_pack(pack, other, cpus=2)
    bad = {trial.trial_id for trial in pack.trials if trial.seed == 1}
    assert set(outcome.failed) == bad
    assert set(outcome.done) == set(whole.done) - bad
    assert other.failed_ids() == bad
    assert other.commits()[pack.pack_id].failed_ids == tuple(sorted(bad))
    kept = [
        {**row, "study": "tiny"} for row in rows(other, "curves")
    ]  # the name of the study is the only difference
    assert kept == [row for row in clean if row["trial_id"] not in bad]
    failures = rows(other, "failures")
    assert {row["trial_id"] for row in failures} == bad
    assert {(row["error_kind"], row["error"]) for row in failures} == {
        ("ArithmeticError", "a fault of this test")
    }
    assert all("in broken" in row["log"] for row in failures)


def test_a_pack_of_which_nothing_succeeds_is_not_committed(
    tiny: Tiny, held: StudyStore, monkeypatch: pytest.MonkeyPatch
):
    def broken(*_: object):
        raise MemoryError

    monkeypatch.setattr(fused, "train", broken)
    pack = one_pack(tiny())
    outcome = run_pack(pack, held)
    assert not outcome.committed
    assert held.commits() == {}
    assert held.failed_ids() == {trial.trial_id for trial in pack.trials}
    failures = rows(held, "failures")
    assert {row["error"] for row in failures} == {"MemoryError()"}


def test_a_diverged_network_is_a_result(tiny: Tiny, held: StudyStore):
    # Steps of 1e38 leave float32 in some pass; noise and seed decide when, so mates may differ.
    study = tiny(
        model={"hidden": [5, 3], "activation": "relu"},
        training={"optimizer": "sgd", "learning_rate": 1e38, "epochs": 12},
    )
    outcome = run_pack(one_pack(study), held)
    assert outcome.committed
    assert outcome.failed == ()
    trials = rows(held, "trials")
    diverged = [row for row in trials if row["status"] == "diverged"]
    assert {row["trial_id"] for row in diverged} == set(
        held.commits()[outcome.pack_id].diverged_ids
    )
    assert diverged
    for row in diverged:
        assert row["train_loss"] is None
        assert row["test_accuracy"] is None
        assert row["steps"] > 0
        kept = [r for r in rows(held, "curves") if r["trial_id"] == row["trial_id"]]
        assert {r["step"] for r in kept} == {0}, "the state before training is finite, and is kept"


@pytest.mark.slow
def test_the_torch_engine_trains_a_pack_together(tiny: Tiny, held: StudyStore):
    import torch

    before = torch.get_num_threads()
    study = tiny(training={"learning_rate": 0.01, "epochs": 12, "engine": "torch"})
    pack = one_pack(study)
    told: list[PackProgress] = []
    outcome = run_pack(pack, held, on_progress=told.append)
    assert outcome.committed
    assert set(outcome.done) == {trial.trial_id for trial in pack.trials}
    assert {row["engine"] for row in rows(held, "trials", "engine")} == {"torch"}
    assert told[-1].share == 1
    assert told[-1].done == len(pack.trials)
    assert torch.get_num_threads() == before

    again = held.store.study("again")
    run_pack(pack, again)
    for table in ("information", "curves", "gradients"):
        first, second = rows(held, table), rows(again, table)
        assert [{**row, "study": ""} for row in first] == [{**row, "study": ""} for row in second]


@pytest.mark.slow
def test_one_network_of_a_torch_pack_may_fail(
    tiny: Tiny, held: StudyStore, monkeypatch: pytest.MonkeyPatch
):
    from infosweep.sweep import rows as rows_module

    take = rows_module.TrialRun.take

    def broken(self, snapshot):
        if self.trial.seed == 2 and snapshot.epoch > 0:
            raise ArithmeticError("a fault of this test")
        take(self, snapshot)

    monkeypatch.setattr(rows_module.TrialRun, "take", broken)
    pack = one_pack(tiny(training={"epochs": 4, "engine": "torch"}))
    outcome = run_pack(pack, held)
    assert {trial.seed for trial in pack.trials if trial.trial_id in outcome.failed} == {2}
    assert {row["seed"] for row in rows(held, "trials", "seed")} == {0, 1}


@pytest.mark.slow
def test_a_torch_pack_that_cannot_be_trained_fails_whole(
    tiny: Tiny, held: StudyStore, monkeypatch: pytest.MonkeyPatch
):
    def broken(*_: object):
        raise ValueError("no such device")

    monkeypatch.setattr(torch_engine, "train_pack", broken)
    pack = one_pack(tiny(training={"epochs": 4, "engine": "torch"}))
    outcome = run_pack(pack, held)
    assert not outcome.committed
    assert held.failed_ids() == {trial.trial_id for trial in pack.trials}


def test_the_first_attempt_wins(tiny: Tiny, held: StudyStore):
    pack = one_pack(tiny())
    assert run_pack(pack, held, attempt="first").committed
    assert not run_pack(pack, held, attempt="second").committed
    assert {row["attempt"] for row in rows(held, "trials", "attempt")} == {"first"}


def test_progress_is_told_and_ends_complete(tiny: Tiny, held: StudyStore):
    pack = one_pack(tiny())
    told: list[PackProgress] = []
    run_pack(pack, held, cpus=2, on_progress=told.append)
    shares = [each.share for each in told]
    assert shares == sorted(shares)
    assert told[-1] == PackProgress(pack.pack_id, len(pack.trials), 0, 1.0)
    assert len(told) > 5 * len(pack.trials), "at every checkpoint, not only at the end of trials"


def test_a_stopped_pack_writes_nothing(tiny: Tiny, held: StudyStore):
    stop = threading.Event()
    pack = one_pack(tiny())
    outcome = run_pack(pack, held, stop=stop, on_progress=lambda _: stop.set())
    assert not outcome.committed
    assert held.commits() == {}
    assert held.failed_ids() == set()
    assert held.claims() == []


def test_a_claim_stands_while_a_pack_runs(tiny: Tiny, held: StudyStore):
    pack = one_pack(tiny())
    seen = []
    run_pack(pack, held, on_progress=lambda _: seen.append(held.claims()))
    assert {(c.pack_id, c.state, c.n_trials) for claims in seen for c in claims} == {
        (pack.pack_id, "running", len(pack.trials))
    }
