"""Tasks and networks of the user's own in a study: what is read, what is asked of whoever looks at them."""

from __future__ import annotations

import pytest
import yaml

from infosweep.errors import StudyError, UsageError
from infosweep.study import dump_yaml, load_study, study_from_mapping
from infosweep.study.own import ModelFacts, OwnModelSettings, OwnTaskSettings, TaskFacts

TASK = TaskFacts(n=100, n_own_test=0, input_shape=(3,), n_classes=2, content="12345")
MODEL = ModelFacts(layers=("act Tanh",), widths=(5,), n_parameters=32, content="1e5")


class Look:
    """Finds the facts above, and notes what it was asked."""

    folder = "/somewhere"

    def __init__(self, task: TaskFacts = TASK) -> None:
        self.facts, self.asked = task, list[str]()

    def task(self, kind):
        self.asked.append(kind)
        if kind == "bad:task":
            raise UsageError("it is bad", "mend it")
        return self.facts

    def model(self, kind, task):
        assert task.n == self.facts.n
        self.asked.append(kind)
        return MODEL


def study_of(look=None, **fields):
    own = {"task": {"kind": "a:b"}, "model": {"kind": "c.d:e"}}
    study = {"name": "own", **own, "axes": {"batch_size": [8, 16]}, "seeds": 2, **fields}
    return study_from_mapping(study, look=look)


@pytest.fixture
def fault(tmp_path, monkeypatch):
    """Return the only fault of a study's text, as it is shown."""
    monkeypatch.chdir(tmp_path)

    def _fault(text, look=None):
        (tmp_path / "study.yaml").write_text(text)
        with pytest.raises(StudyError) as caught:
            load_study("study.yaml", look=look)
        return str(caught.value)

    return _fault


def test_what_is_found_fills_the_settings():
    look = Look()
    study = study_of(look)
    assert look.asked == ["a:b", "c.d:e"]
    assert isinstance(study.task, OwnTaskSettings)
    assert (study.task.n, study.task.n_test, study.task.n_inputs, study.task.n_classes) == (
        100,
        15,
        3,
        2,
    )
    assert isinstance(study.model, OwnModelSettings)
    assert study.model.found == MODEL
    assert study.axes["depth"] == (None,)
    assert study.task.folder == "/somewhere"


def test_a_stored_study_reads_back_where_nobody_can_look():
    study = study_of(Look())
    text = dump_yaml(study)
    assert "/somewhere" not in text
    assert study_from_mapping(yaml.safe_load(text)) == study


def test_a_test_part_of_its_own_changes_the_default_train_size():
    facts = TaskFacts(n=100, n_own_test=20, input_shape=(3,), n_classes=2, content="x")
    study = study_of(Look(facts))
    assert study.axes["train_size"] == (1.0,)
    assert study.task.n_test == 20
    assert study_from_mapping(yaml.safe_load(dump_yaml(study))) == study


def test_nothing_is_called_while_something_else_is_wrong():
    look = Look()
    with pytest.raises(StudyError, match="unknown key 'sedes'"):
        study_of(look, sedes=4)
    assert look.asked == []


def test_nothing_is_called_without_somebody_to_look():
    with pytest.raises(StudyError, match="task 'a:b' was not looked at, and is not run from here"):
        study_of()


def test_what_is_wrong_with_it_stands_at_its_kind(fault):
    text = "name: own\ntask: {kind: bad:task}\naxes: {depth: [1]}\n"
    assert fault(text, Look()) == (
        "error: it is bad\n"
        "  --> study.yaml:2:14\n"
        "    2 | task: {kind: bad:task}\n"
        "      |              ^^^^^^^^\n"
        "  mend: mend it"
    )


FAULTS = [
    ("task: {kind: a:b}\naxes: {train_size: [0.9]}",
     "train_size 0.9 is too large: holdout 0.15 leaves 0.85 of 100 examples, which is 85"),
    ("task: {kind: a:b}\naxes: {train_size: [90]}",
     "train_size 90 is too large: holdout 0.15 leaves 0.85 of 100 examples, which is 85"),
    ("task: {kind: task.py:make}\naxes: {batch_size: [8]}",
     "task.kind 'task.py:make' names a file\n|mend: write the module's name: task:make"),
    ("task: {kind: ./my/task.py:make}\naxes: {batch_size: [8]}", "mend: write the module's name: task:make"),
    ("task: {kind: 'task:'}\naxes: {batch_size: [8]}", "task.kind 'task:' is no module:function"),
    ("task: {kind: 'a:b:c'}\naxes: {batch_size: [8]}", "task.kind 'a:b:c' is no module:function"),
    ("task: {kind: a:b, holdot: 0.2}\naxes: {batch_size: [8]}",
     "unknown key 'holdot' in task; did you mean 'holdout'?"),
    ("task: {kind: a:b, holdout: 2}\naxes: {batch_size: [8]}", "task.holdout must be a number > 0 and < 1, not 2"),
    ("task: {kind: a:b, found: {n: 3}}\naxes: {batch_size: [8]}", "task.found lacks 'n_own_test'"),
    ("task: {kind: a:b}\nmodel: {kind: c:d}\naxes: {depth: [1, 2]}",
     "axis depth has no meaning for a network of your own, 'c:d'"),
    ("task: {kind: a:b}\nmodel: {kind: c:d}\naxes: {model.activation: [relu]}",
     "axis model.activation has no meaning for a network of your own, 'c:d'"),
    ("task: {kind: a:b}\nmodel: {kind: c:d}\naxes: {model.widths: [constant], batch_size: [8]}",
     "axis model.widths has no meaning for a network of your own, 'c:d'"),
    ("task: {kind: a:b}\nmodel: {kind: c:d}\naxes: {task.kind: [digits]}",
     "axis task.kind is not for a network of your own, 'c:d'"),
    ("task: {kind: a:b}\nmodel: {kind: c:d, hidden: [3]}\naxes: {batch_size: [8]}", "unknown key 'hidden' in model"),
    ("task: {kind: a:b}\nmodel: {kind: c:d}\ntraining: {engine: fused}\naxes: {batch_size: [8]}",
     "engine fused trains MLPs alone, not a network of your own, 'c:d'"),
    ("task: {kind: a:b}\nmodel: {kind: c:d}\nrecord: {layers: [1, 3]}\naxes: {batch_size: [8]}",
     "record.layers names layer 3; the deepest network has 2, its output included"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message"), FAULTS, ids=[row[1][:50] for row in FAULTS])
def test_a_contradiction_is_told(fault, text, message):
    told = fault(f"name: own\n{text}\n", Look())
    for part in message.split("\n|"):
        assert part in told
    assert told.count("error: ") == 1


def test_a_holdout_axis_goes_with_a_task_of_ones_own():
    axes = {"task.holdout": [0.2, 0.4], "train_size": [0.5]}
    assert study_of(Look(), axes=axes).axes["task.holdout"] == (0.2, 0.4)
    with pytest.raises(
        StudyError, match=r"train_size 0.7 is too large: holdout 0.4 leaves 0.6 of 100"
    ):
        study_of(Look(), axes={**axes, "train_size": [0.7]})
