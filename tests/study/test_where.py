"""`where`: what it keeps, what it refuses, and that nothing in it is ever run."""

# ruff: noqa: E501 - tables are read by the row

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infosweep.errors import StudyError
from infosweep.study import compile_where

CELL = {
    "train_size": 0.04, "n_train": 163, "batch_size": 256, "batch_used": 163, "full_batch": False,
    "depth": 5, "label_noise": 0.2, "learning_rate": 0.001, "activation": "tanh",
}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("depth == 5", True),
        ("depth != 5", False),
        ("1 < depth <= 5", True),
        ("1 < depth < 5", False),
        ("label_noise == 0 or depth == 5", True),
        ("label_noise == 0 and depth == 5", False),
        ("not label_noise == 0", True),
        ("depth in [1, 5]", True),
        ("depth not in (1, 5)", False),
        ("depth in []", False),
        ("activation == 'tanh'", True),
        ('activation in ["relu", "linear"]', False),
        ("depth * 2 - 1 == 9", True),
        ("batch_size / n_train > 1.5", True),
        ("-depth < -4", True),
        ("+depth == 5", True),
        ("full_batch or depth == 5", True),
        ("not full_batch", True),
        ("full_batch", False),
        ("label_noise != 0 and 1 / label_noise == 5", True),
        ("(train_size == 0.04 and depth in [1, 5]) or (train_size == 0.85 and depth == 3)", True),
        ("depth\n  == 5", True),
        ("activation == 3", False),
    ],
)
def test_a_condition_keeps_what_it_says(text, kept):
    assert compile_where(text)(CELL) is kept


def test_nothing_holds_of_a_column_that_a_network_lacks():
    assert not compile_where("depth > 3")({"depth": None})
    assert not compile_where("depth <= 3")({"depth": None})


def test_and_and_or_stop_as_soon_as_they_know():
    assert not compile_where("label_noise != 0 and 1 / label_noise > 2")({"label_noise": 0})


@pytest.mark.parametrize(
    ("text", "at", "message", "mend"),
    [
        ("depth = 5", 7, "a single = compares nothing", "=="),
        ("dept == 5", 1, "'dept' is no column of this study's cells; did you mean 'depth'?", "rename"),
        ("depth == 5 && full_batch", 12, "&& is not known", "and"),
        ("depth ** 2 == 4", 1, "** is not known", "product"),
        ("depth // 2 == 4", 1, "// is not known", "comparisons"),
        ("depth >> 1", 1, ">> is not known", "comparisons"),
        ("depth % 2 == 1", 1, "% is not known", "comparisons"),
        ("abs(depth) == 1", 1, "can't call functions", "comparisons"),
        ("__import__('os').system('ls') == 0", 1, "can't call functions", "comparisons"),
        ("depth.real == 1", 1, "with a dot", "real"),
        ("training.learning_rate > 1", 1, "with a dot", "name the column, as learning_rate"),
        ("depth[0] == 1", 1, "`depth[0]` can't stand in a condition", "comparisons"),
        ("[d for d in depth] == 1", 1, "can't stand in a condition", "comparisons"),
        ("(lambda: 1) == depth", 2, "can't stand in a condition", "comparisons"),
        ("depth in 5", 10, "`in` needs a list", "[1, 5]"),
        ("depth == [1]", 10, "a list can only follow `in`", "[1, 5]"),
        ("depth == True", 10, "True or False", "full_batch"),
        ("depth == None", 10, "None", "comparisons"),
        ("depth is 5", 1, "`is` compares nothing", "=="),
        ("depth", 1, "depth is a value, not a condition", "depth == 5"),
        ("depth + 1", 1, "this is no condition", "compare it"),
        ("not depth", 5, "depth is a value, not a condition", "compare"),
        ("depth > 'a'", 1, "> can't order 5 and 'a'", "numbers"),
        ("activation + 1 == 2", 1, "+ - * / need numbers, not 'tanh'", "numbers"),
        ("1 / (depth - 5) > 1", 1, "this divides 1 by zero", "keep the zero out"),
        ("(depth == 5) == 1", 2, "can't be compared", "and, or"),
        ("f'{depth}' == 1", 1, "can't stand in a condition", "comparisons"),
        ("(depth := 5) == 5", 2, "can't stand", "comparisons"),
        ("1 if depth else 2", 1, "this is no condition", "compare"),
        ("1j == depth", 1, "can't stand", "comparisons"),
        ("depth ==", 8, "no expression", "comparisons"),
        ("(((((", 5, "a bracket is not closed", "missing"),
        ("", 1, "a condition is empty", "depth == 5"),
        ("   ", 1, "a condition is empty", "depth == 5"),
        ("depth == 1 or " * 200 + "depth == 2", 1, "at most 2,000", "split"),
        ("not " * 60 + "depth == 1", 205, "nested too deep", "split"),
        ("(" * 300 + "depth == 1" + ")" * 300, 201, "no expression", "comparisons"),
        ("é == 1 and f()", 12, "can't call functions", "comparisons"),
    ],
)  # fmt: skip
def test_what_is_no_condition_is_refused_with_its_place(text, at, message, mend):
    with pytest.raises(StudyError) as caught:
        compile_where(text)(CELL)
    shown = str(caught.value)
    assert message in shown.split("\n")[0]
    assert f"--> where:1:{at}\n" in shown
    assert mend in shown.rpartition("mend: ")[2]


def study(*conditions, axes="  depth: [1, 5]\n  label_noise: [0.0, 1.0]\n"):
    lines = "".join(f"  - {condition}\n" for condition in conditions)
    return f"name: tiny\ntask: {{kind: binary12}}\naxes:\n{axes}where:\n{lines}"


@pytest.mark.parametrize(
    ("condition", "column", "marked", "message", "mend"),
    [
        ("depth == 5 or dept == 1", 19, "dept", "did you mean 'depth'?", "rename"),
        ("'depth == 5 or dept == 1'", 20, "dept", "did you mean 'depth'?", "rename"),
        ("depth == 3", 5, "depth == 3", "where keeps no cell", "loosen"),
        ("learning_rate > 1", 5, "learning_rate", "'learning_rate' is no column", "depth"),
        ("1 / label_noise > 2", 5, "1 / label_noise", "divides 1 by zero", "zero out"),
        ("depth < 'a'", 13, "'a'", "depth holds numbers, not the text 'a'", "quotes"),
        ("batch_size == 'full'", 19, "'full'", "batch_size is a number in every cell", "full_batch"),
        ("depth in ['5']", 15, "'5'", "depth holds numbers", "quotes"),
        ("depth", 5, "depth", "a value, not a condition", "depth == 1"),
    ],
)  # fmt: skip
def test_a_study_places_the_faults_of_its_conditions(
    faults, condition, column, marked, message, mend
):
    (fault,) = faults(study(condition))
    assert (fault.line, fault.column, fault.marked) == (7, column, marked)
    assert message in fault.message
    assert mend in fault.mend


def test_a_misspelt_value_is_told_for_what_it_is(faults):
    axes = "  model.activation: [tanh, relu]\n"
    (fault,) = faults(study("activation == 'rleu'", axes=axes))
    assert fault.marked == "'rleu'"
    assert "activation has no 'rleu'; did you mean 'relu'?" in fault.message


def test_a_condition_over_several_lines_is_placed_where_it_begins(faults):
    (fault,) = faults(study("depth == 5 or\n      dept == 1"))
    assert (fault.line, fault.column) == (7, 5)
    assert "'dept' is no column" in fault.message


def test_conditions_that_only_together_keep_nothing_are_told(faults):
    (fault,) = faults(study("depth == 1", "depth == 5"))
    assert "together, the conditions of where keep no cell" in fault.message


def test_what_where_cuts_off_may_be_impossible(load, faults):
    axes = "  depth: {range: [1, 7]}\n  model.widths: [prefix, constant]\n"
    load(study("widths == 'constant' or depth <= 5", axes=axes))
    (first, second) = faults(study("depth > 1", axes=axes)), None
    assert len(first) == 2
    assert second is None


def test_a_condition_may_use_every_column_of_a_cell(load):
    axes = "  train_size: [0.04, 100]\n  batch_size: [64, full]\n  task.validation: [0, 0.5]\n"
    load(
        study("n_train == 100 and batch_used == 50 and full_batch and batch_size == 100", axes=axes)
    )
    load(study("batch_size == n_train and not full_batch or validation == 0", axes=axes))


_ATOMS = st.sampled_from(
    ["depth", "label_noise", "full_batch", "x", "1", "0", "2.5", "'a'", "True", "None", "[1]", "(", ")", "==", "<",
     "and", "or", "not", "in", "+", "-", "*", "/", "**", "=", ".", ",", ":", "lambda", "if", "else", "\\", "\0", "é", "#"]
)  # fmt: skip


@settings(max_examples=250, deadline=None)
@given(st.lists(_ATOMS, max_size=12).map(" ".join))
def test_any_condition_is_decided_or_refused(text):
    try:
        decided = compile_where(text)(CELL)
    except StudyError as error:
        decided = "mend: " in str(error)
    assert isinstance(decided, bool)


_VALUES = st.sampled_from(
    ["depth", "label_noise", "1", "2.5", "(depth + 1)", "-label_noise", "batch_size * 2"]
)
_CONDITIONS = st.recursive(
    st.tuples(_VALUES, st.sampled_from(["==", "!=", "<", "<=", ">", ">="]), _VALUES).map(" ".join),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(lambda t: f"({' '.join(t)})"),
        inner.map(lambda text: f"(not {text})"),
    ),
    max_leaves=8,
)


@settings(max_examples=200, deadline=None)
@given(
    _CONDITIONS, st.integers(1, 7), st.sampled_from([0.0, 0.2, 1.0]), st.sampled_from([1, 64, 256])
)
def test_a_condition_means_what_python_means(text, depth, noise, batch):
    cell = {"depth": depth, "label_noise": noise, "batch_size": batch}
    expected = eval(text, {"__builtins__": {}}, cell)  # the reference
    assert compile_where(text)(cell) is bool(expected)
