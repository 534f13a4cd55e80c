from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from infosweep.errors import LimitError, LockedError, StoreError, UsageError
from infosweep.plan import make_plan, pack_to_json
from infosweep.store import open_store
from infosweep.store.objects import Objects
from infosweep.store.store import StudyStore
from infosweep.study import study_from_mapping
from infosweep.study.settings import StudySettings
from infosweep.sweep import RunSummary, inline, run_study, study_status
from infosweep.training import fused

Tiny = Callable[..., StudySettings]


def run(study: StudySettings, store: str, *, failed_only: bool = False) -> RunSummary:
    return run_study(
        study, store, executor="inline", workers=2, failed_only=failed_only, progress=False
    )


@pytest.fixture
def broken_seed(monkeypatch: pytest.MonkeyPatch) -> set[int]:
    """Seeds whose networks raise; may be changed while the test goes on."""
    seeds: set[int] = set()
    train = fused.train

    def broken(trial, problem):
        if trial.seed in seeds:
            raise ArithmeticError("a fault of this test")
        return train(trial, problem)

    monkeypatch.setattr(fused, "train", broken)
    return seeds


def test_a_second_run_keeps_all_and_starts_nothing(
    tiny: Tiny, store: str, monkeypatch: pytest.MonkeyPatch
):
    first = run(tiny(), store)
    assert (first.kept, first.run, first.failed, first.exit_code) == (0, 12, 0, 0)

    def never(*_: object, **__: object) -> None:
        raise AssertionError("there is nothing to run")

    monkeypatch.setattr(inline, "run_inline", never)
    second = run(tiny(), store)
    assert (second.kept, second.run, second.failed, second.exit_code) == (12, 0, 0, 0)


def test_a_second_run_loads_nothing_heavy(tiny: Tiny, store: str):
    run(tiny(), store)
    program = f"""
        import sys
        from infosweep.store import open_store
        from infosweep.study import study_from_mapping
        from infosweep.sweep import run_study
        import yaml
        text = open_store({store!r}, create=False).study("tiny").load_study_text()
        print(run_study(study_from_mapping(yaml.safe_load(text)), {store!r}).kept)
        heavy = ["ray", "torch", "numba", "pandas", "pyarrow", "numpy", "matplotlib"]
        print([name for name in heavy if name in sys.modules])
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, check=True
    )
    assert done.stdout.split("\n")[:2] == ["12", "[]"]


def test_adding_seeds_and_values_runs_only_what_is_new(tiny: Tiny, store: str):
    run(tiny(), store)
    more_seeds = run(tiny(seeds=4), store)
    assert (more_seeds.kept, more_seeds.run) == (12, 4)
    axes = {"train_size": [0.05, 0.2, 0.3], "batch_size": [64], "label_noise": [0.0, 1.0]}
    more_values = run(tiny(seeds=4, axes=axes), store)
    assert (more_values.kept, more_values.run) == (16, 8)


def test_fewer_values_keep_what_is_there(tiny: Tiny, store: str):
    run(tiny(), store)
    fewer = run(tiny(seeds=[0]), store)
    assert (fewer.kept, fewer.run) == (4, 0)
    status = study_status(store, "tiny")
    assert (status["trials"], status["done"], status["other"]) == (4, 4, 8)


def test_a_further_axis_is_a_column(tiny: Tiny, store: str):
    import pyarrow.parquet as pq

    axes = {"train_size": [0.05], "training.learning_rate": [1, 0.01]}
    assert run(tiny(axes=axes), store).run == 6
    for table in ("trials", "curves", "information", "gradients"):
        rows = pq.read_table(Path(store) / "tiny" / table, columns=["learning_rate"])
        assert set(rows.column("learning_rate").to_pylist()) == {1.0, 0.01}


def test_an_axis_that_is_added_and_removed_keeps_one_schema(tiny: Tiny, store: str):
    import polars as pl

    at = {"train_size": [0.05]}
    run(tiny(axes=at), store)
    added = run(tiny(axes={**at, "training.learning_rate": [0.01, 0.02]}), store)
    assert (added.kept, added.run) == (3, 3)
    rates = {0.01, 0.02}
    assert run(tiny(axes={**at, "training.learning_rate": [0.01]}), store).run == 0
    for training in ({"learning_rate": 0.04, "epochs": 12}, None):
        for table in ("curves", "information", "gradients", "failures"):
            found = set(pl.read_parquet(Path(store) / "tiny" / table)["learning_rate"])
            assert found == (set() if table == "failures" else rates)
        if training:
            assert run(tiny(axes=at, training=training), store).run == 3
            rates = rates | {0.04}


def test_status_counts_what_is_damaged(tiny: Tiny, store: str):
    run(tiny(), store)
    file = min((Path(store) / "tiny" / "curves").iterdir())
    lost = len(set(pq_column(file, "trial_id")))
    file.unlink()
    status = study_status(store, "tiny")
    assert (status["done"], status["damaged"]) == (12 - lost, lost)


def pq_column(file: Path, column: str) -> list[str]:
    import pyarrow.parquet as pq

    return pq.read_table(file, columns=[column]).column(column).to_pylist()


def test_failed_trials_are_told_and_run_again(tiny: Tiny, store: str, broken_seed: set[int]):
    broken_seed.add(1)
    first = run(tiny(), store)
    assert (first.run, first.failed, first.exit_code) == (8, 4, 1)
    assert study_status(store, "tiny")["failed"] == 4

    again = run(tiny(), store)
    assert (again.kept, again.run, again.failed, again.exit_code) == (8, 0, 4, 1)

    broken_seed.clear()
    mended = run(tiny(), store)
    assert (mended.kept, mended.run, mended.failed, mended.exit_code) == (8, 4, 0, 0)
    assert study_status(store, "tiny")["failed"] == 0


def test_failed_only_leaves_new_trials_alone(tiny: Tiny, store: str, broken_seed: set[int]):
    broken_seed.add(1)
    run(tiny(), store)
    broken_seed.clear()
    only = run(tiny(seeds=5), store, failed_only=True)
    assert (only.kept, only.run, only.exit_code) == (8, 4, 0)
    assert run(tiny(seeds=5), store).run == 8


def test_nothing_failed_and_failed_only_runs_nothing(tiny: Tiny, store: str):
    summary = run(tiny(), store, failed_only=True)
    assert (summary.kept, summary.run, summary.exit_code) == (0, 0, 0)


def test_diverged_trials_are_counted_and_no_failure(tiny: Tiny, store: str):
    study = tiny(
        model={"hidden": [5, 3], "activation": "relu"},
        training={"optimizer": "sgd", "learning_rate": 1e38, "epochs": 12},
    )
    first = run(study, store)
    assert first.exit_code == 0
    assert first.run == 12
    assert first.diverged > 0
    assert run(study, store).diverged == first.diverged, "whenever they were run"
    status = study_status(store, "tiny")
    assert (status["diverged"], status["done"]) == (first.diverged, 12), "they are among the done"


def test_an_unfinished_pack_is_run_as_it_was_fixed(tiny: Tiny, store: str, held: StudyStore):
    packs = make_plan(tiny(resources={"pack": 3})).packs
    for pack in packs:
        held.fix_pack(pack.pack_id, pack_to_json(pack))
    run(tiny(resources={"pack": 1}), store)
    assert set(held.commits()) == {pack.pack_id for pack in packs}


def test_packs_are_fixed_before_they_run(
    tiny: Tiny, store: str, held: StudyStore, monkeypatch: pytest.MonkeyPatch
):
    fixed = {}

    def look(packs, *_: object, **__: object) -> None:
        fixed.update(held.fixed_packs())
        assert {pack.pack_id for pack in packs} == set(fixed)

    monkeypatch.setattr(inline, "run_inline", look)
    run(tiny(), store)
    assert sum(len(pack["trials"]) for pack in fixed.values()) == 12


def test_the_study_is_kept_as_it_was_run(tiny: Tiny, store: str, held: StudyStore):
    import yaml

    run(tiny(seeds=2), store)
    text = held.load_study_text()
    assert text is not None
    assert study_from_mapping(yaml.safe_load(text)) == tiny(seeds=2)
    assert held.provenance is not None
    assert held.provenance["versions"]["numba"]


def test_two_runs_do_not_meet(tiny: Tiny, store: str, held: StudyStore):
    with held.lease("another"), pytest.raises(LockedError, match="'tiny' is being run by process"):
        run(tiny(), store)
    assert run(tiny(), store).run == 12


def test_a_half_published_commit_is_finished_first(tiny: Tiny, store: str, held: StudyStore):
    run(tiny(), store)
    pack_id, commit = next(iter(held.commits().items()))
    table = Path(store) / "tiny" / "trials" / f"{pack_id}.parquet"
    staged = Path(store) / "tiny" / "_meta" / "tmp" / f"{pack_id}.{commit.attempt}"
    staged.mkdir(parents=True, exist_ok=True)
    table.rename(staged / "trials.parquet")
    assert run(tiny(), store).kept == 12
    assert table.exists()


def test_an_unknown_executor_is_refused_before_anything_is_written(tiny: Tiny, store: str):
    with pytest.raises(UsageError, match="'inlin'") as refused:
        run_study(tiny(), store, executor="inlin")  # type: ignore[arg-type]
    assert "'ray' or 'inline'" in str(refused.value)
    assert not Path(store).exists()


@pytest.mark.parametrize("workers", [0, -1, True, 1.5])
def test_workers_are_one_or_more(tiny: Tiny, store: str, workers: int):
    with pytest.raises(UsageError, match="workers is"):
        run_study(tiny(), store, executor="inline", workers=workers)
    with pytest.raises(UsageError, match="workers is"):
        make_plan(tiny(), workers=workers)
    assert not Path(store).exists()


def test_too_many_cpus_are_refused_before_anything_runs(tiny: Tiny, store: str):
    with pytest.raises(UsageError, match="asks for 3 cpus, and there are 2") as caught:
        run(tiny(resources={"cpus": 3}), store)
    assert "resources.cpus" in str(caught.value)


def test_a_gpu_that_is_not_there_is_refused_before_anything_runs(
    tiny: Tiny, store: str, held: StudyStore, monkeypatch: pytest.MonkeyPatch
):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    study = tiny(training={"engine": "torch", "epochs": 2}, resources={"gpus": 1})
    with pytest.raises(UsageError, match="asks for 1 gpus, and torch finds none"):
        run(study, store)
    assert held.fixed_packs() == {}


def test_gpus_that_every_pack_ignores_are_refused(tiny: Tiny, store: str, held: StudyStore):
    with pytest.raises(UsageError, match="engine fused uses none") as refused:
        run(tiny(resources={"gpus": 1}), store)
    assert "training.engine: torch" in str(refused.value)
    assert held.load_study_text() is None


def test_a_run_with_nothing_to_do_writes_nothing(
    tiny: Tiny, store: str, monkeypatch: pytest.MonkeyPatch
):
    run(tiny(), store)

    def refuse(*_: object, **__: object) -> None:
        raise StoreError("cannot write: the file system is read-only")

    for name in ("put", "create", "rename", "delete"):
        monkeypatch.setattr(Objects, name, refuse)
    assert run(tiny(), store).kept == 12
    assert run(tiny(seeds=2), store).kept == 8, "a changed study that cannot be kept is no fault"
    with pytest.raises(StoreError):
        run(tiny(seeds=4), store)


def test_a_changed_study_is_kept_though_nothing_is_to_run(tiny: Tiny, store: str, held: StudyStore):
    run(tiny(), store)
    before = held.provenance
    assert run(tiny(seeds=2, findings=[]), store).run == 0
    assert study_status(store, "tiny")["trials"] == 8
    assert "findings: []" in (held.load_study_text() or "")
    assert held.provenance == before, "it tells of the run that made the results"
    with held.lease("another"), pytest.raises(LockedError):
        run(tiny(seeds=1), store)


def test_the_limit_of_trials_holds(tiny: Tiny, store: str):
    with pytest.raises(LimitError):
        run(tiny(limits={"trials": 5}), store)


def test_status_before_and_after(tiny: Tiny, store: str, held: StudyStore):
    study = tiny()
    run(tiny(seeds=1), store)
    packs = make_plan(study, done=held.done_ids()).packs
    for pack in packs:
        held.fix_pack(pack.pack_id, pack_to_json(pack))
    from infosweep.study import dump_yaml

    held.save_study(dump_yaml(study))
    expected = {"study": "tiny", "trials": 12, "done": 4, "diverged": 0, "failed": 0}
    assert study_status(store, "tiny") == {
        **expected,
        **dict.fromkeys(("running", "lost", "other", "damaged"), 0),
    }
    claimed = len(packs[0].trials)
    with held.claim(packs[0].pack_id, "attempt", {"n_trials": claimed}):
        assert study_status(store, "tiny")["running"] == claimed
        claim = next((Path(store) / "tiny" / "_meta" / "claims").glob("*.json"))
        record = json.loads(claim.read_text())
        claim.write_text(json.dumps({**record, "pid": 2**22 + 1}))
        status = study_status(store, "tiny")
        assert (status["running"], status["lost"]) == (0, claimed)


def test_status_of_a_study_that_is_not_there(store: str):
    from infosweep.errors import NotFoundError

    open_store(store, create=True)
    with pytest.raises(NotFoundError, match="no study 'tiny'"):
        study_status(store, "tiny")


def test_foreign_files_are_named_and_passed_over(tiny: Tiny, store: str, held: StudyStore):
    run(tiny(), store)
    assert held.foreign_files() == []
    for path in ("trials/notes.txt", "curves/copy.parquet", "failures/x.json"):
        (Path(store) / "tiny" / path).write_text("somebody else's")
    assert held.foreign_files() == [
        "tiny/curves/copy.parquet",
        "tiny/failures/x.json",
        "tiny/trials/notes.txt",
    ]
    assert run(tiny(), store).kept == 12


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"\xff\x00\xfe", "is damaged"),
        (b"!!python/object/apply:os.getcwd []\n", "is damaged"),
        (b"name: tiny\ntask: {kind: binary12}\nseeds: 2000000000\n", "is damaged"),
        (b"name: ../../etc\ntask: {kind: binary12}\n", "is damaged"),
        (b"name: other\ntask: {kind: binary12}\naxes: {depth: [1]}\n", "is that of another study"),
        (b"", "is damaged"),
    ],
)
def test_a_hostile_study_in_the_store_is_named(tiny: Tiny, store: str, content: bytes, told: str):
    run(tiny(), store)
    file = Path(store) / "tiny" / "_meta" / "study.yaml"
    file.write_bytes(content)
    with pytest.raises(StoreError, match=told) as caught:
        study_status(store, "tiny")
    assert str(file) in caught.value.message
    assert run(tiny(), store).kept == 12, "a run writes it anew"
    assert study_status(store, "tiny")["done"] == 12
