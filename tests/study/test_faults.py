"""Every wrong value: what is said, where, and how to mend it."""

# ruff: noqa: E501 - tables are read by the row

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

from infosweep.errors import NotFoundError, StudyError
from infosweep.study import load_study, study_from_mapping

GOOD = """\
name: tiny
task: {kind: binary12}
axes:
  depth: [1, 2]
"""

# What stands below GOOD (from line 5 on), or in place of it; line, marked text, words of the message, of the mend.
VALUES = [
    # keys
    ("estimatos: []", 5, "estimatos", "unknown key 'estimatos'; did you mean 'estimators'?", "rename the key"),
    ("Seeds: 4", 5, "Seeds", "did you mean 'seeds'?", "rename"),
    ("qwxyz: 4", 5, "qwxyz", "unknown key 'qwxyz'", "valid keys: infosweep, name, task"),
    ("training: {epoch: 4}", 5, "epoch", "unknown key 'epoch' in training; did you mean 'epochs'?", "rename"),
    ("training: {learning-rate: 4}", 5, "learning-rate", "did you mean 'learning_rate'?", "rename"),
    ("record: {<<: 4}", 5, "<<", "unknown key '<<'", "merge keys are not read"),
    ("1: 4", 5, "1", "unknown key '1'", "drop the key"),
    ("yes: 4", 5, "yes", "unknown key 'yes'", "drop the key"),
    ("seeds: 4\nseeds: 5", 6, "seeds", "duplicate key 'seeds'; it first stands in line 5", "keep one"),
    ("training: {epochs: 4, epochs: 5}", 5, "epochs", "duplicate key 'epochs'", "keep one"),
    # types
    ("seeds: many", 5, "many", "seeds must be a whole number >= 1, not the text 'many'", "8 or [0, 1, 2]"),
    ("seeds: 2.5", 5, "2.5", "seeds must be a whole number", "write"),
    ("seeds: true", 5, "true", "not the boolean true", "write"),
    ("seeds:", 5, "", "not nothing (null)", "write"),
    ("seeds: {a: 1}", 5, "{a: 1}", "not a mapping", "write"),
    ("training: fast", 5, "fast", "training must be a mapping, not the text 'fast'", "indented"),
    ("training: {learning_rate: [1]}", 5, "[1]", "training.learning_rate must be a number > 0, not a list", "0.0004"),
    ('training: {learning_rate: "0.1"}', 5, "0.1", "not the text '0.1'", "take the quotes away: 0.1"),
    ("training: {epochs: 1,000}", 5, "000", "unknown key '000'", "drop"),
    ("training:\n  epochs: 1,000", 6, "1,000", "not the text '1,000'", "write 1000"),
    ("training:\n  learning_rate: 0,1", 6, "0,1", "not the text '0,1'", "write 0.1"),
    ("training: {learning_rate: .nan}", 5, ".nan", "not .nan", "write a number > 0"),
    ("training: {learning_rate: .inf}", 5, ".inf", "not .inf", "write a number > 0"),
    ("training: {epochs: 1e999}", 5, "1e999", "training.epochs must be a whole number", "write"),
    ("model: {hidden: 10}", 5, "10", "model.hidden must be a list, not 10", "write a list: [10]"),
    ("model: {hidden: [10, x]}", 5, "x", "model.hidden[1] must be a whole number", "write"),
    ("estimators: {kind: bins}", 5, "{kind: bins}", "estimators must be a list, not a mapping", "[{kind: bins"),
    ("estimators: [bins]", 5, "bins", "estimators[0] must be a mapping, not the text 'bins'", "{kind: bins}"),
    ("findings: overcompression", 5, "overcompression", "findings must be a list", "write a list: [overcompression]"),
    # traps of YAML
    ("model: {activation: no}", 5, "no", "many readers of YAML take for false", "tanh"),
    ("training: {epochs: 010}", 5, "010", "some readers of YAML take for an octal number", "write 10"),
    ("training: {epochs: 1_000}", 5, "1_000", "only some readers of YAML take for a number", "write 1000"),
    ("training: {learning_rate: on}", 5, "on", "many readers of YAML take for true", "write a number > 0"),
    ("where: [no]", 5, "no", "a condition must be a text", "depth == 5"),
    # impossible values
    ("seeds: 0", 5, "0", "seeds must be a whole number >= 1, not 0", "write"),
    ("seeds: []", 5, "[]", "seeds must hold at least 1 entry", "[0, 1, 2]"),
    ("seeds: [1, 2, 1]", 5, "1", "seeds repeats 1; it is already entry 1", "drop"),
    ("seeds: [-1]", 5, "-1", "seeds[0] must be", "write"),
    ("seeds: [99999999999999999999]", 5, "99999999999999999999", "seeds[0] must be", "write"),
    ("retries: -1", 5, "-1", "retries must be a whole number from 0", "write"),
    ("training: {learning_rate: 0}", 5, "0", "must be a number > 0, not 0", "write"),
    ("training: {optimizer: momentum, momentum: 1}", 5, "1", "training.momentum must be", "write"),
    ("training: {weight_decay: -1e-3}", 5, "-1e-3", "must be a number >= 0, not -1e-3", "write"),
    ("training: {optimizer: adm}", 5, "adm", "training.optimizer has no 'adm'; did you mean 'adam'?", "sgd, momentum, adam"),
    ("model: {hidden: []}", 5, "[]", "model.hidden must hold at least 1 entry", "[10, 7, 5, 4, 3]"),
    ("model: {hidden: [10, 0]}", 5, "0", "model.hidden[1] must be a whole number from 1", "write"),
    ("model: {activation: Tanh}", 5, "Tanh", "did you mean 'tanh'?", "write"),
    ("record: {checkpoints: 1}", 5, "1", "record.checkpoints must be a whole number from 2", "60"),
    ("record: {samples: []}", 5, "[]", "record.samples must hold at least 1 entry", "[all, train, test]"),
    ("record: {samples: [all, all]}", 5, "all", "record.samples repeats all", "drop"),
    ("record: {samples: [validation]}", 5, "validation", "record.samples[0] has no 'validation'", "all, train, test"),
    ("record: {layers: [1, 4]}", 5, "4", "layer 4; the deepest network has 3", "layers from 1 to 3"),
    ("record: {layers: some}", 5, "some", "record.layers has no 'some'", "write all"),
    ("resources: {cpus: 0}", 5, "0", "resources.cpus must be", "write"),
    ("resources: {pack: big}", 5, "big", "resources.pack has no 'big'", "auto"),
    ("limits: {trials: 0}", 5, "0", "limits.trials must be", "write"),
    ("infosweep: 2", 5, "2", "format version 2 is not known", "infosweep: 1"),
    ("findings: [overcompresion]", 5, "overcompresion", "did you mean 'overcompression'?", "depth_benefit"),
    ("findings: [depth_benefit, depth_benefit]", 5, "depth_benefit", "findings repeats depth_benefit", "drop"),
    # estimators
    ("estimators: []", 5, "[]", "estimators must hold at least one entry", "[{kind: bins"),
    ("estimators: [{kind: bin}]", 5, "bin", "no estimator 'bin'; did you mean 'bins'?", "write bins"),
    ("estimators: [{bins: 3, width: 0.1}]", 5, "width", "width and bins can't both place the edges", "keep one"),
    ("estimators: [{edges: [0], quantiles: 3}]", 5, "quantiles", "quantiles and edges can't both", "keep one"),
    ("estimators: [{width: 0.1, range: [0, 1]}]", 5, "range", "range has no effect beside width", "drop range"),
    ("estimators: [{range: [1, -1]}]", 5, "[1, -1]", "must go from low to high, not from 1 to -1", "[-1, 1]"),
    ("estimators: [{range: [1, 1]}]", 5, "[1, 1]", "must go from low to high", "two different numbers"),
    ("estimators: [{range: [1]}]", 5, "[1]", "must be two numbers [low, high], not 1 entries", "[-1, 1]"),
    ("estimators: [{range: per-layr}]", 5, "per-layr", "did you mean 'per-layer'?", "per-epoch"),
    ("estimators: [{edges: [0, 1, 1]}]", 5, "1", "edges must increase: 1.0 follows 1.0", "sort"),
    ("estimators: [{width: 0}]", 5, "0", "estimators[0].width must be a number > 0", "0.07"),
    ("estimators: [{quantiles: 1}]", 5, "1", "estimators[0].quantiles must be", "write"),
    ("estimators: [{kind: bins}, {bins: 30}]", 5, "{bins: 30}", "the estimator bins stands here a second time", "drop"),
    # what contradicts
    ("training: {epochs: 3, steps: 4}", 5, "steps", "training has both epochs and steps", "keep one"),
    ("training: {momentum: 0.9}", 5, "0.9", "momentum 0.9 has no effect with optimizer adam", "optimizer: momentum"),
    ("zip: [depth, batch_size]", 5, "[depth, batch_size]", "zip must be a list of groups", "[[depth, batch_size]]"),
    ("zip: [[depth, bach_size]]", 5, "bach_size", "zip names 'bach_size', which is no axis", "depth"),
    ("zip: [[depth, batch_size]]", 5, "batch_size", "zip names 'batch_size', which is no axis", "depth"),
    ("zip: [[depth]]", 5, "[depth]", "a group of zip needs two axes or more", "add an axis"),
    ("zip: [[depth, depth]]", 5, "depth", "zip names 'depth' a second time", "one group"),
    ("where: depth == 1", 5, "depth == 1", "where must be a list", '["depth == 1"]'),
    # what later versions bring
    ("model: {dropout: 0.5}", 5, "dropout", "model.dropout is not available in this version; available:", "drop"),
    ("model: {kind: alexnet-small}", 5, "alexnet-small", "model 'alexnet-small' is not available in this version; available: mlp", "mlp"),
    ("model: {quantize: {bits: 4}}", 5, "quantize", "model.quantize is not available in this version", "drop"),
    ("model: {noise_sd: 0.1}", 5, "noise_sd", "model.noise_sd is not available in this version", "drop"),
    ("training: {mixup: 0.2}", 5, "mixup", "training.mixup is not available in this version", "drop"),
    ("training: {augment: [crop]}", 5, "augment", "training.augment is not available in this version", "drop"),
    ("training: {adversarial: true}", 5, "adversarial", "training.adversarial is not available", "drop"),
    ("training: {stop_at_accuracy: 1}", 5, "stop_at_accuracy", "is not available in this version", "drop"),
    ("training: {precision: bf16}", 5, "precision", "training.precision is not available in this version", "drop"),
    ("training: {schedule: {kind: cosine}}", 5, "schedule", "training.schedule is not available", "drop"),
    ("estimators: [{kind: kde}]", 5, "kde", "estimator 'kde' is not available in this version; available: bins", "bins"),
    ("estimators: [{kind: knn, k: 3}]", 5, "knn", "estimator 'knn' is not available in this version", "bins"),
    ("estimators: [{correction: nsb}]", 5, "nsb", "estimators[0].correction 'nsb' is not available in this version; available: none", "none"),
    ("findings: [phases]", 5, "phases", "findings[0] 'phases' is not available in this version; available: overcompression", "depth_benefit"),
    ("tuned: [training.learning_rate]", 5, "tuned", "tuned is not available in this version; available: axes", "drop"),
    ("record: {measures: [critical_samples]}", 5, "critical_samples", "measure 'critical_samples' is not available in this version; available: none", "[]"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "line", "marked", "message", "mend"), VALUES, ids=[v[0] for v in VALUES]
)
def test_a_wrong_value_is_told_with_its_place_and_mend(faults, text, line, marked, message, mend):
    found = [fault for fault in faults(GOOD + text + "\n") if message in fault.message]
    assert len(found) == 1
    (fault,) = found
    assert (fault.source, fault.line) == ("study.yaml", line)
    assert fault.text == (GOOD + text).split("\n")[line - 1]
    assert fault.text[fault.column - 1 :].startswith(marked)
    assert fault.marked == marked
    assert mend in fault.mend


SECTIONS = [
    ("task: {kind: binry12}", "binry12", "no task 'binry12'; did you mean 'binary12'?", "binary12, digits, mnist1d"),
    ("task: {holdout: 0.2}", "{holdout: 0.2}", "task has no kind", "binary12"),
    ("task: binary12", "binary12", "task must be a mapping, not the text 'binary12'", "{kind: binary12}"),
    ("task:", "", "task must be a mapping, not nothing (null)", "{kind: binary12}"),
    ("task: {kind: no}", "no", "task.kind must be a text", '"no"'),
    ("task: {kind: binary12, holdout: 1}", "1", "task.holdout must be a number > 0 and < 1, not 1", "0.15"),
    ("task: {kind: binary12, validation: 1}", "1", "task.validation must be a number >= 0 and < 1", "write"),
    ("task: {kind: mnist1d, holdout: 0.2}", "holdout", "mnist1d has a test part of its own, of 1,000 examples", "drop holdout"),
    ("task: {kind: cifar10}", "cifar10", "task 'cifar10' is not available in this version; available: binary12, digits, mnist1d", "write"),
    ("task: {kind: my.tasks:spiral}", "my.tasks:spiral", "task 'my.tasks:spiral' was not looked at, and is not run from here", "load the study from its file"),
    ("task: {kind: digits, path: x}", "path", "task.path is not available in this version", "drop"),
    ("task: {kind: digits, corruption: {kind: gaussian}}", "corruption", "task.corruption is not available", "drop"),
    ("task: {kind: digits, hold_out: 0.2}", "hold_out", "did you mean 'holdout'?", "rename"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "marked", "message", "mend"), SECTIONS, ids=[s[0] for s in SECTIONS]
)
def test_a_wrong_task_is_told(faults, text, marked, message, mend):
    (fault,) = faults(f"name: tiny\n{text}\naxes:\n  depth: [1, 2]\n")
    assert message in fault.message
    assert (fault.line, fault.marked) == (2, marked)
    assert mend in fault.mend


AXES = [
    ("train_size: [0.9]", "0.9", "train_size 0.9 is too large: holdout 0.15 leaves 0.85 of 4,096 examples, which is 3,481", "0.85"),
    ("train_size: [3482]", "3482", "train_size 3482 is too large", "0.85"),
    ("train_size: [0.0001]", "0.0001", "train_size 0.0001 of 4,096 examples is 0; at least 2", "or a count"),
    ("train_size: [0]", "0", "a fraction in (0, 1] or a count >= 2, not 0", "write"),
    ("train_size: [1.5]", "1.5", "a fraction in (0, 1] or a count >= 2, not 1.5", "write"),
    ("train_size: [4%]", "4%", "not the text '4%'", "write 0.04"),
    ("train_size: [true]", "true", "not the boolean true", "write"),
    ("train_size: [0.5, 0.50]", "0.50", "axis train_size repeats 0.50", "drop"),
    ("train_size: []", "[]", "axis train_size has no values", "drop the axis"),
    ("train_size:", "", "axis train_size must be a list or a range, not nothing (null)", "[0.04, 0.85]"),
    ("train_size: 0.5", "0.5", "axis train_size must be a list or a range, not 0.5", "[0.5]"),
    ("train_size: [[0.5]]", "[0.5]", "not a list", "write"),
    ("batch_size: [0]", "0", "axis batch_size must be a whole number from 1", "write"),
    ("batch_size: [ful]", "ful", "axis batch_size has no 'ful'; did you mean 'full'?", "full, or a number"),
    ("batch_size: [64, 64.0]", "64.0", "axis batch_size repeats 64.0", "drop"),
    ("batch_size: [2.5]", "2.5", "axis batch_size must be a whole number", "write"),
    ("depth: [6]", "6", "depth 6 needs 6 hidden widths; model.hidden has 5", "add widths"),
    ("depth: [0]", "0", "axis depth must be a whole number from 1", "write"),
    ("depth: [null]", "null", "not nothing (null)", "write"),
    ("depth: {range: [1, 6]}", "[1, 6]", "depth 6 needs 6 hidden widths", "add widths"),
    ("depth: {range: [3, 1]}", "[3, 1]", "the range of axis depth goes down, from 3 to 1", "[1, 3]"),
    ("depth: {range: [1]}", "[1]", "must be two whole numbers [first, last], not 1 entries", "{range: [1, 5]}"),
    ("depth: {range: [0, 2]}", "0", "axis depth must be a whole number from 1", "write"),
    ("depth: {range: [1.5, 2]}", "1.5", "the first or last value of axis depth must be a whole number", "write"),
    ("depth: {rage: [1, 2]}", "rage", "unknown key 'rage' in axis depth; did you mean 'range'?", "{range"),
    ("depth: {}", "{}", "axis depth has no values", "{range"),
    ("label_noise: [1.2]", "1.2", "axis label_noise must be a number from 0 to 1, not 1.2", "write"),
    ("label_noise: [-0.1]", "-0.1", "axis label_noise must be a number from 0 to 1", "write"),
    ("learning_rate: [0.1]", "learning_rate", "unknown axis 'learning_rate'; did you mean 'training.learning_rate'?", "write"),
    ("batchsize: [1]", "batchsize", "unknown axis 'batchsize'; did you mean 'batch_size'?", "write batch_size"),
    ("training: {learning_rate: [1]}", "training", "'training' is a section, not an axis", "training.learning_rate"),
    ("model.hidden: [[1]]", "model.hidden", "model.hidden holds a list and can't be an axis", "one study"),
    ("model.dropout: [0.1]", "model.dropout", "axis model.dropout is not available in this version; available: model.kind", "drop"),
    ("training.schedule.kind: [cosine]", "training.schedule.kind", "is not available in this version", "drop"),
    ("record.probe: [10]", "record.probe", "record.probe can't be an axis: only fields of task, model and training", "one study"),
    ("training.learning_rate: [1e-2, 0.01]", "0.01", "axis training.learning_rate repeats 0.01", "drop"),
    ("training.learning_rate: [0]", "0", "axis training.learning_rate must be a number > 0", "write"),
    ("training.optimizer: [sdg]", "sdg", "did you mean 'sgd'?", "write"),
    ("training.momentum: [0.0, 0.9]", "0.9", "momentum 0.9 has no effect with optimizer adam", "where"),
    ("task.kind: [cifar10]", "cifar10", "is not available in this version", "write"),
    ("task.validation: [0.9999999999999]", "0.9999999999999", "leaves none to train on", "smaller"),
    ("task.holdout: [0.5]\n  train_size: [0.85]", "0.85", "holdout 0.5 leaves 0.5", "0.5"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "marked", "message", "mend"), AXES, ids=[a[0] for a in AXES])
def test_a_wrong_axis_is_told(faults, text, marked, message, mend):
    (fault,) = faults(f"name: tiny\ntask: {{kind: binary12}}\naxes:\n  {text}\n")
    assert message in fault.message
    assert (fault.line, fault.marked) == (4 + text.count("\n"), marked)
    assert mend in fault.mend


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("task: {kind: digits}\naxes: {depth: [1]}", (1, 1), "the study has no 'name'"),
        ("name: a\naxes: {depth: [1]}", (1, 1), "the study has no 'task'"),
        ("name: a\ntask: {kind: digits}", (1, 1), "the study has no 'axes'"),
        ("name: a\ntask: {kind: digits}\naxes:", (3, 6), "axes must hold at least one axis"),
        ("name: a\ntask: {kind: digits}\naxes: {}", (3, 7), "axes must hold at least one axis"),
        ("name: Data_Size\ntask: {kind: digits}\naxes: {depth: [1]}", (1, 7), "name must match [a-z0-9-]+"),
        ("name: 12\ntask: {kind: digits}\naxes: {depth: [1]}", (1, 7), "name must be a text, not 12"),
        ("name: yes\ntask: {kind: digits}\naxes: {depth: [1]}", (1, 7), "name must be a text, not 'yes'"),
        ("nam: a\ntask: {kind: digits}\naxes: {depth: [1]}", (1, 1), "unknown key 'nam'; did you mean 'name'?"),
        (f"name: {'a' * 101}\ntask: {{kind: digits}}\naxes: {{depth: [1]}}", (1, 7), "at most 100"),
        ("- a", (1, 1), "a study is a mapping, not a list"),
        ("text", (1, 1), "a study is a mapping, not the text 'text'"),
        ("", (1, 1), "this holds no study"),
        ("# only a remark\n", (1, 1), "this holds no study"),
        ("---\n", (1, 1), "this holds no study"),
    ],
)  # fmt: skip
def test_what_a_study_lacks_is_told(faults, text, place, message):
    (fault,) = faults(text)
    assert message in fault.message
    assert (fault.line, fault.column) == place


def test_every_fault_of_a_file_is_told_at_once_in_its_order(faults):
    text = textwrap.dedent("""\
        name: tiny
        task: {kind: binary12}
        axes:
          train_size: [0.04, 0.9]
          depth: [1, x]
        \tbatch_size: [no, 1e3]
          label_noise: [0, 0.0]
        estimatos: []
        training: {learning_rate: 1e-2, epochs: 010}
        seeds: 8
        seeds: 9
        where: [dept == 1]
        """)
    found = faults(text)
    assert [(fault.line, fault.column) for fault in found] == [
        (4, 22), (5, 14), (6, 1), (6, 15), (7, 20), (8, 1), (9, 41), (11, 1), (12, 9),
    ]  # fmt: skip
    assert "a tab" in found[2].message
    assert found[3].marked == "no"


def test_a_fault_is_shown_as_the_design_says(load):
    with pytest.raises(StudyError) as caught:
        load(GOOD + "\n" * 14 + "estimatos:\n")
    assert str(caught.value) == textwrap.dedent("""\
        error: unknown key 'estimatos'; did you mean 'estimators'?
          --> study.yaml:19:1
           19 | estimatos:
              | ^^^^^^^^^
          mend: rename the key; `infosweep schema` lists all keys""")


def test_a_long_line_is_cut_around_its_fault(faults):
    values = ", ".join(str(i) for i in range(1, 400))
    found = faults(GOOD + f"seeds: [{values}, x, {values}]\n")
    fault = next(fault for fault in found if "the text 'x'" in fault.message)
    assert fault.marked == "x"
    assert len(fault.text) <= 160
    assert fault.column == len(f"seeds: [{values}, ") + 1


def test_carets_stand_under_wide_characters(load):
    with pytest.raises(StudyError) as caught:
        load("name: 学习\ntask: {kind: digits}\naxes: {depth: [1]}\n")
    assert "    1 | name: 学习\n      |       ^^^^\n" in str(caught.value)


def test_five_hundred_faults_are_all_told(faults):
    text = GOOD + "".join(f"estimator{i}: []\n" for i in range(500))
    assert len(faults(text)) == 500


def test_a_study_of_python_names_its_faults_by_their_path():
    data = {
        "name": "tiny",
        "task": {"kind": "binary12"},
        "axes": {"depth": [1, "x"], "dept": [1]},
        "training": {"epochs": 0},
    }
    with pytest.raises(StudyError) as caught:
        study_from_mapping(data, source="Study(...)")
    text = str(caught.value)
    assert "--> axes.depth[1] in Study(...)" in text
    assert "--> axes.dept in Study(...)" in text
    assert "unknown axis 'dept'; did you mean 'depth'?" in text
    assert "--> training.epochs in Study(...)" in text
    assert text.endswith("3 faults in Study(...)")


@pytest.mark.parametrize("value", [object(), b"x", {"a": {1: object()}}, [[[]]]])
def test_what_no_study_can_hold_is_a_fault(value):
    with pytest.raises(StudyError):
        study_from_mapping(
            {"name": "a", "task": {"kind": "digits"}, "axes": {"depth": [1]}, "seeds": value}
        )


def test_a_mapping_that_holds_itself_is_a_fault():
    data: dict = {"name": "a", "task": {"kind": "digits"}, "axes": {"depth": [1]}}
    data["model"] = data
    with pytest.raises(StudyError):
        study_from_mapping(data)


def test_a_missing_file_is_answered_with_the_nearest(tmp_path):
    (tmp_path / "data_size.yaml").write_text(GOOD)
    with pytest.raises(NotFoundError) as caught:
        load_study(tmp_path / "data-size.yaml")
    assert "data_size.yaml" in str(caught.value.mend)
    with pytest.raises(StudyError, match="is a folder"):
        load_study(tmp_path)


def test_nothing_heavy_is_loaded_to_refuse_a_study(tmp_path):
    (tmp_path / "study.yaml").write_text(GOOD + "estimatos: 1\nwhere: [dept == 1]\n")
    code = (
        "import sys\nfrom infosweep.study import load_study, json_schema\njson_schema()\n"
        "try:\n    load_study('study.yaml')\nexcept Exception as error:\n    print(type(error).__name__)\n"
        "print(*sorted({name.split('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    kind, loaded = done.stdout.splitlines()
    assert kind == "StudyError"
    heavy = {
        "torch",
        "ray",
        "numba",
        "numpy",
        "pandas",
        "pyarrow",
        "duckdb",
        "matplotlib",
        "pydantic",
        "click",
    }
    assert not heavy & set(loaded.split())
