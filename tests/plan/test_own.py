"""Trials and packs of tasks and networks of the user's own."""

from __future__ import annotations

import json

import pytest

from infosweep.errors import StoreError
from infosweep.plan import make_plan, pack_from_json, pack_to_json, trial_from_content, trials_of
from infosweep.plan.engine import engine_of
from infosweep.study import study_from_mapping, study_to_mapping

TASK = {"n": 100, "n_own_test": 0, "input_shape": [2, 3], "n_classes": 2, "content": "abc"}
MODEL = {"layers": ["act Tanh"], "widths": [5], "n_parameters": 40, "content": "def"}


class Look:
    folder = "/somewhere"


def study_of(task=TASK, model=MODEL, kinds=("a:b", "c:d"), **fields):
    sections = {
        "task": {"kind": kinds[0], "found": task},
        "model": {"kind": kinds[1], "found": model},
    }
    if model is None:
        sections["model"] = {"hidden": [4, 3]}
    study = {"name": "own", **sections, "axes": {"label_noise": [0, 1]}, "seeds": 2, **fields}
    return study_from_mapping(study, look=Look())  # type: ignore[arg-type]


def ids(study):
    return {trial.trial_id for trial in trials_of(study)}


def test_content_name_and_shape_enter_trial_id_and_the_folder_does_not():
    base = ids(study_of())
    assert ids(study_from_mapping(study_to_mapping(study_of()))) == base
    changed = [
        study_of(task={**TASK, "content": "abd"}),
        study_of(model={**MODEL, "content": "deg"}),
        study_of(kinds=("a:c", "c:d")),
        study_of(kinds=("a:b", "c:e")),
    ]
    assert all(ids(each).isdisjoint(base) for each in changed)


def test_a_network_of_ones_own_has_its_layers_and_no_depth():
    trial = trials_of(study_of())[0]
    assert trial.depth is None
    assert trial.layer_widths == (6, 5, 2)
    assert trial.layer_names == ("act Tanh", "softmax")
    assert trial.n_parameters == 40
    assert engine_of(trial) == "torch"


def test_a_task_of_ones_own_goes_with_mlps_on_the_fused_engine():
    trial = trials_of(study_of(model=None))[0]
    assert (trial.depth, trial.layer_widths, engine_of(trial)) == (2, (6, 4, 3, 2), "fused")


def test_a_trial_and_a_pack_are_rebuilt_from_what_a_store_keeps():
    for study in (study_of(), study_of(model=None)):
        trial = trials_of(study)[0]
        assert trial_from_content(trial.content) == trial
        pack = make_plan(study).packs[0]
        assert pack_from_json(json.loads(json.dumps(pack_to_json(pack)))) == pack


def test_trials_of_a_reused_pack_are_tied_to_the_folder_of_the_study():
    (pack,) = make_plan(study_of(resources={"pack": 9})).packs
    (again,) = make_plan(study_of(seeds=1), fixed=[pack_to_json(pack)]).packs
    assert len(again.trials) == 4
    assert {trial.task.folder for trial in again.trials} == {"/somewhere"}  # type: ignore[union-attr]
    assert {trial.model.folder for trial in again.trials} == {"/somewhere"}  # type: ignore[union-attr]


@pytest.mark.parametrize("kinds", [("os:abort", "c:d"), ("a:b", "os:abort")])
def test_a_pack_that_names_a_function_which_the_study_does_not_name_is_refused(kinds):
    (pack,) = make_plan(study_of(resources={"pack": 9})).packs
    (foreign,) = make_plan(study_of(kinds=kinds, resources={"pack": 9})).packs
    payload = pack_to_json(pack)
    payload["trials"][1] = pack_to_json(foreign)["trials"][1]
    with pytest.raises(StoreError, match="'os:abort' is not the study's"):
        make_plan(study_of(), fixed=[payload])
