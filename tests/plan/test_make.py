"""Plans: packs partition what is left, fixed packs are reused whole, counts, notes."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infosweep.errors import LimitError, StoreError
from infosweep.plan import Pack, Plan, make_plan, pack_from_json, pack_to_json, trials_of
from infosweep.plan.ids import pack_id_of
from infosweep.study.settings import (
    Binary12Settings,
    LimitSettings,
    RecordSettings,
    ResourceSettings,
    StudySettings,
    TrainingSettings,
)


def study(axes=None, pack="auto", **sections) -> StudySettings:
    defaults = {
        "train_size": (0.04, 0.5),
        "batch_size": (64, "full"),
        "depth": (1, 2),
        "label_noise": (0.0, 1.0),
    }
    return StudySettings(
        **{"name": "a", "seeds": tuple(range(8)), **sections},
        task=Binary12Settings(),
        axes={**defaults, **(axes or {})},
        resources=ResourceSettings(pack=pack),
    )


def ids(plan: Plan) -> list[str]:
    return [trial.trial_id for pack in plan.packs for trial in pack.trials]


# --- packs --------------------------------------------------------------------------------------------

PACK = st.sampled_from(["auto", 1, 3, 1000])


@settings(max_examples=40, deadline=None)
@given(PACK, st.integers(1, 16), st.data())
def test_packs_partition_what_is_left(pack, workers, data):
    one = study(pack=pack)
    every = [trial.trial_id for trial in trials_of(one)]
    done = set(data.draw(st.lists(st.sampled_from(every), unique=True)))
    failed = set(data.draw(st.lists(st.sampled_from(every), unique=True))) - done
    plan = make_plan(one, done=done | {"elsewhere"}, failed=failed, workers=workers)
    assert sorted(ids(plan)) == sorted(set(every) - done)
    assert (plan.done, plan.other, plan.failed) == (len(done), 1, len(failed))
    assert plan.to_run == len(every) - len(done)
    assert len(plan.trials) == len(every)
    assert len({pack.pack_id for pack in plan.packs}) == len(plan.packs)
    for each in plan.packs:
        members = {trial.trial_id for trial in each.trials}
        assert members <= failed or not members & failed
        assert each.pack_id == pack_id_of(members)


@pytest.mark.parametrize("pack", ["auto", 5, 1000])
def test_trials_of_a_pack_share_shapes_and_steps(pack):
    for each in make_plan(study(pack=pack)).packs:
        assert len({(t.layer_widths, t.n_fit, t.batch_used, t.n_steps) for t in each.trials}) == 1


def test_an_explicit_size_is_obeyed():
    plan = make_plan(study({"batch_size": (64,)}, pack=5))
    # 4 groups of equal shapes with 16 trials each: seeds and label noise go together.
    assert sorted(len(pack.trials) for pack in plan.packs) == sorted([5, 5, 5, 1] * 4)


def test_a_full_batch_shares_packs_with_a_batch_of_all_examples():
    plan = make_plan(study({"batch_size": (163, "full"), "train_size": (0.04,)}, pack=1000))
    assert [len(pack.trials) for pack in plan.packs] == [32, 32]


def test_auto_packs_take_seconds_and_leave_every_worker_several():
    many = study({"batch_size": (16, 64)}, seeds=tuple(range(40)))
    total = make_plan(many, workers=1).estimate.seconds
    for workers in (1, 2, 8):
        plan = make_plan(many, workers=workers)
        assert len(plan.packs) >= 4 * workers
        assert 1 < total / len(plan.packs) < 30


def test_short_trials_are_packed_together_and_long_ones_are_not():
    short = make_plan(
        study(training=TrainingSettings(epochs=10), record=RecordSettings(checkpoints=8))
    )
    assert len(short.packs) == 8  # one per shape
    long = make_plan(
        study(
            {"train_size": (0.5,), "batch_size": (64,)}, training=TrainingSettings(epochs=400_000)
        )
    )
    assert len(long.packs) == len(long.trials)


def test_a_large_study_makes_at_most_2000_packs():
    large = study(
        {"batch_size": (16,), "train_size": (0.85,), "depth": (2,)},
        seeds=tuple(range(3000)),
        limits=LimitSettings(trials=10_000),
    )
    plan = make_plan(large, workers=500)
    assert len(plan.trials) == 6000
    assert 1000 < len(plan.packs) <= 2000


def test_the_longest_pack_comes_first():
    plan = make_plan(study(pack=1))
    steps = [pack.trials[0].n_steps for pack in plan.packs]
    assert steps[0] == max(steps)
    assert steps[-1] == min(steps)


# --- fixed packs --------------------------------------------------------------------------------------


@settings(max_examples=30, deadline=None)
@given(PACK, st.data())
def test_fixed_packs_are_reused_whole_and_the_rest_is_packed_anew(pack, data):
    first = make_plan(study(pack=2))
    fixed = data.draw(st.lists(st.sampled_from(first.packs), unique_by=lambda p: p.pack_id))
    again = make_plan(
        study(pack=pack), fixed=[json.loads(json.dumps(pack_to_json(p))) for p in fixed]
    )
    for each in fixed:
        assert each in again.packs
    assert sorted(ids(again)) == sorted(t.trial_id for t in first.trials)
    assert again == make_plan(study(pack=pack), fixed=fixed)


def test_a_fixed_pack_runs_as_it_stands_with_trials_that_the_study_lacks():
    before, now = study(pack=4), study({"label_noise": (0.0,)}, seeds=tuple(range(6)))
    fixed = make_plan(before).packs
    plan = make_plan(now, fixed=fixed)
    wanted = {trial.trial_id for trial in plan.trials}
    kept = [pack for pack in fixed if any(t.trial_id in wanted for t in pack.trials)]
    assert sorted(p.pack_id for p in kept) == sorted(p.pack_id for p in plan.packs)
    assert len(kept) < len(fixed)
    strange = plan.to_run - len(plan.trials)
    assert strange > 0
    assert f"run as they stand, with {strange} trials that the study lacks by now" in plan.notes[-1]


def test_a_fixed_pack_takes_the_columns_of_the_present_study():
    before = study({"training.learning_rate": (0.1,)}, pack=1000)
    now = study({"training.learning_rate": (0.1,), "model.activation": ("tanh",)})
    plan = make_plan(now, fixed=make_plan(before).packs)
    assert {json.dumps(t.extra) for pack in plan.packs for t in pack.trials} == {
        '{"learning_rate": 0.1, "activation": "tanh"}'
    }


def test_committed_packs_are_not_reused_and_their_ids_not_given_again():
    one = study(pack=1000)
    packs = make_plan(one).packs
    every = {trial.trial_id for pack in packs for trial in pack.trials}
    # Every trial failed, and so the packs were committed empty: the next ones have the same trials.
    again = make_plan(one, fixed=packs, failed=every, committed=[pack.pack_id for pack in packs])
    assert sorted(ids(again)) == sorted(every)
    assert not {pack.pack_id for pack in again.packs} & {pack.pack_id for pack in packs}
    assert again.notes[-1] == f"{len(every)} trials failed before and are run again"


def test_a_fixed_pack_with_a_trial_that_is_done_is_not_run_again():
    one = study(pack=4)
    pack = make_plan(one).packs[0]
    done = pack.trials[0].trial_id
    plan = make_plan(one, fixed=[pack], done=[done])
    assert done not in ids(plan)
    assert plan.to_run == len(plan.trials) - 1


def test_a_finished_study_has_nothing_to_run():
    one = study()
    plan = make_plan(
        one, done=[trial.trial_id for trial in trials_of(one)], fixed=make_plan(one).packs
    )
    assert (plan.packs, plan.to_run, plan.done) == ((), 0, len(plan.trials))
    assert (plan.estimate.seconds, plan.estimate.memory_bytes, plan.estimate.store_bytes) == (
        0,
        0,
        0,
    )


def test_adding_seeds_and_values_runs_only_what_is_new():
    done = {trial.trial_id for trial in trials_of(study())}
    more = study({"train_size": (0.04, 0.16, 0.5)}, seeds=tuple(range(9)))
    plan = make_plan(more, done=done)
    assert plan.done == len(done)
    assert plan.to_run == len(plan.trials) - len(done) == 3 * 8 * 9 - 2 * 8 * 8
    fewer = make_plan(study(seeds=(0, 5)), done=done)
    assert (fewer.to_run, fewer.done, fewer.other) == (0, 32, len(done) - 32)


def test_packs_pass_through_json():
    for pack in make_plan(study({"training.momentum": (0.0, 0.5)})).packs:
        assert pack_from_json(json.loads(json.dumps(pack_to_json(pack)))) == pack


@pytest.mark.parametrize(
    "damage",
    [
        lambda payload: payload.pop("pack_id"),
        lambda payload: payload["trials"][0].update(content="{"),
        lambda payload: payload["trials"][0].pop("extra"),
        lambda payload: payload["trials"][0].update(
            content=payload["trials"][0]["content"].replace('"mlp"', '"mixer"')
        ),
    ],
    ids=["no pack_id", "no JSON", "no columns", "unknown model"],
)
def test_a_damaged_pack_is_a_damaged_store(damage):
    payload = pack_to_json(make_plan(study()).packs[0])
    damage(payload)
    with pytest.raises(StoreError, match="a kept pack cannot be read"):
        pack_from_json(payload)


@pytest.mark.parametrize("payload", [{}, {"pack_id": "a", "trials": [7]}], ids=["empty", "number"])
def test_a_plan_tells_of_a_damaged_pack(payload):
    with pytest.raises(StoreError, match="`_meta/packs`"):
        make_plan(study(), fixed=[payload])


def test_an_unwanted_pack_of_another_version_is_left_alone():
    payload = {"pack_id": "old", "trials": [{"trial_id": "old", "content": "?", "extra": {}}]}
    assert make_plan(study(), fixed=[payload]) == make_plan(study())


# --- estimate -----------------------------------------------------------------------------------------


def test_the_estimate_grows_with_the_work_and_shrinks_with_workers():
    base = make_plan(study(pack=8)).estimate
    longer = make_plan(study(pack=8, training=TrainingSettings(epochs=8000))).estimate
    assert 1.5 * base.training_seconds < longer.training_seconds < 2.1 * base.training_seconds
    wider = make_plan(study(pack=8), workers=4).estimate
    assert base.training_seconds / 2 <= wider.training_seconds < base.training_seconds
    assert wider.memory_bytes > base.memory_bytes
    assert wider.store_bytes == base.store_bytes
    fewer = make_plan(study(pack=8, record=RecordSettings(samples=("all",)))).estimate
    assert fewer.store_bytes < base.store_bytes
    assert fewer.training_seconds < base.training_seconds


def test_the_time_of_a_plan_holds_the_start_of_ray():
    estimate = make_plan(study()).estimate
    assert estimate.seconds == estimate.training_seconds + estimate.start_seconds
    assert 5 < estimate.start_seconds < 30
    done = [trial.trial_id for trial in make_plan(study()).trials]
    assert make_plan(study(), done=done).estimate.seconds == 0


def test_a_plan_is_shown_in_a_line():
    shown = repr(make_plan(study({"depth": (1,), "label_noise": (0.0,)}, seeds=(4,))))
    line = r"Plan\('a': \d+ cells; \d+ trials, 0 done, \d+ to run in \d+ packs?, about \S+\)"
    assert re.fullmatch(line, shown)


@pytest.mark.parametrize(
    ("gpus", "engine", "told"), [(1, "fused", 1), (1, "torch", 0), (0, "fused", 0)]
)
def test_gpus_that_no_engine_uses_are_told(gpus, engine, told):
    wanted = study(training=TrainingSettings(engine=engine)).model_copy(
        update={"resources": ResourceSettings(gpus=gpus)}
    )
    notes = [
        note for note in make_plan(wanted).notes if "gpus are not used by engine fused" in note
    ]
    assert len(notes) == told


def test_packs_to_run_again_are_those_with_a_failed_trial():
    trials = make_plan(study(pack=4)).trials
    failed = {trials[0].trial_id, trials[5].trial_id}
    plan = make_plan(study(pack=4), failed=failed)
    assert {t.trial_id for pack in plan.again for t in pack.trials} == failed
    fixed = Pack(pack_id_of([t.trial_id for t in trials[:4]]), trials[:4])
    plan = make_plan(study(pack=4), failed={trials[0].trial_id}, fixed=[fixed])
    assert plan.again == (fixed,), "an unfinished pack is run whole"


def test_a_trial_in_torch_costs_more_alone_than_in_a_pack():
    def seconds(engine, pack):
        training = TrainingSettings(engine=engine)
        return make_plan(study(pack=pack, training=training), workers=1).estimate.training_seconds

    assert seconds("torch", 1) > 2 * seconds("torch", 16) > 4 * seconds("fused", 16)


# --- notes --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("finding", "axes", "sections", "expected"),
    [
        ("overcompression", {}, {}, []),
        (
            "overcompression",
            {"label_noise": (0.0, 0.5)},
            {},
            ["overcompression: undecided without a control; add 1.0 to `axes.label_noise`"],
        ),
        (
            "overcompression",
            {},
            {"where": ("label_noise == 0 or depth == 2",)},
            ["overcompression: undecided without a control; add 1.0 to `axes.label_noise`"],
        ),
        (
            "overcompression",
            {},
            {"seeds": (1, 2, 3), "record": RecordSettings(checkpoints=7)},
            [
                "overcompression: undecided with 3 seeds; at least 6 are needed (`seeds: 6`)",
                "overcompression: undecided with 7 checkpoints; its end window needs `record.checkpoints` "
                "of at least 8",
            ],
        ),
        (
            "depth_benefit",
            {"depth": (2,), "label_noise": (1.0,)},
            {},
            [
                "depth_benefit: undecided with one depth; give `axes.depth` several values",
                "depth_benefit: undecided without a cell below label_noise 1; add 0.0 to `axes.label_noise`",
            ],
        ),
        (
            "batch_information",
            {"batch_size": (64,)},
            {},
            [
                "batch_information: undecided with one batch size; give `axes.batch_size` several values"
            ],
        ),
        (
            "batch_information",
            {},
            {},
            [
                "batch_information: undecided with batch sizes at equal epochs alone; its verdict needs cells "
                "at equal steps too"
            ],
        ),
        (
            "batch_information",
            {},
            {"training": TrainingSettings(steps=100)},
            [
                "batch_information: undecided with batch sizes at equal steps alone; its verdict needs cells "
                "at equal epochs too"
            ],
        ),
        # 2,048 examples in batches of 64: 32 steps an epoch; so 10 epochs equal 320 epochs of one batch.
        (
            "batch_information",
            {"train_size": (0.5,), "training.epochs": (10, 320)},
            {},
            [],
        ),
        (
            "label_noise_effect",
            {"label_noise": (0.0,)},
            {},
            [
                "label_noise_effect: undecided with one label_noise; give `axes.label_noise` several values"
            ],
        ),
        (
            "label_noise_effect",
            {"label_noise": (0.0, 0.5)},
            {},
            ["label_noise_effect: its claim is about random labels; add 1.0 to `axes.label_noise`"],
        ),
    ],
)
def test_notes_say_what_a_finding_lacks(finding, axes, sections, expected):
    assert list(make_plan(study(axes, findings=(finding,), **sections)).notes) == expected


def test_notes_name_cells_that_repeat_another():
    plan = make_plan(study({"batch_size": (256, 512, "full"), "train_size": (0.04, 0.5)}))
    assert plan.notes == (
        "8 of 24 cells train the same networks as another cell, as batch_size 256 and 512 do with 163 "
        "training examples",
    )


# --- the way there ------------------------------------------------------------------------------------


def test_a_plan_refuses_more_than_the_limit():
    with pytest.raises(LimitError):
        make_plan(study(limits=LimitSettings(trials=10)))


def test_planning_loads_nothing_heavy():
    code = (
        "import sys, infosweep.plan;"
        "print(sorted({'numpy', 'pandas', 'pyarrow', 'duckdb', 'numba', 'torch', 'ray', 'matplotlib'}"
        " & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
