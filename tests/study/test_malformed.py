"""Studies that are wrong as people write them: one row a kind. Values field by field are in `test_faults.py`."""

# ruff: noqa: E501 - tables are read by the row; look-alike characters are what is tested

from __future__ import annotations

import contextlib
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infosweep.errors import LimitError, StudyError
from infosweep.study import load_study
from infosweep.study.faults import Source
from infosweep.study.load import load_text

SHIPPED = sorted((Path(__file__).parents[2] / "sweeps").glob("*.yaml"))
HEAD = "name: tiny\ntask: {kind: binary12}\n"
GOOD = HEAD + "axes:\n  depth: [1, 2]\n"
DIGITS = "9" * 500

# what stands below GOOD, where (line:column), words of the message, words of the mend
BELOW = [
    # in the wrong section, or by another tool's name
    ("learning_rate: 0.1", "5:1", "unknown key 'learning_rate'", "below `training:`"),
    ("training.epochs: 3", "5:1", "unknown key 'training.epochs'", "below `training:`, as `epochs:`"),
    ("training: {lr: 0.1}", "5:12", "unknown key 'lr' in training", "as `learning_rate:`"),
    ("training: {batch_size: 64}", "5:12", "unknown key 'batch_size' in training", "below `axes:`, a list"),
    ("training: {activation: relu}", "5:12", "unknown key 'activation'", "below `model:`"),
    ("model: {epochs: 3}", "5:9", "unknown key 'epochs' in model", "below `training:`"),
    ("checkpoints: 3", "5:1", "unknown key 'checkpoints'", "below `record:`"),
    ("training: {seeds: 3}", "5:12", "unknown key 'seeds' in training", "left edge"),
    # spelling
    ("training: {optimiser: adam}", "5:12", "did you mean 'optimizer'?", "rename"),
    ("training: {optimizer: adamw}", "5:23", "has no 'adamw'; did you mean 'adam'?", "sgd, momentum, adam"),
    ("model: {activation: gelu}", "5:21", "has no 'gelu'; did you mean 'relu'?", "softplus"),
    ("model: {kind: cnn}", "5:15", "no model 'cnn'", "write mlp"),
    ("estimator: {kind: bins}", "5:1", "did you mean 'estimators'?", "rename"),
    ("ѕeeds: 3", "5:1", "did you mean 'seeds'?", "rename"),
    ("🎲: 3", "5:1", "unknown key '🎲'", "valid keys"),
    # YAML's merges, aliases, keys, tags, directives
    ("training: &t {epochs: 3}\nrecord: {<<: *t}", "6:10", "unknown key '<<' in record", "merge keys are not read"),
    ("seeds: *nope", "5:8", "*nope has no &nope before it", "define it"),
    ("seeds: &x [*x]", "5:12", "*x stands inside of &x itself", "write the value out"),
    (": 3", "5:1", "no key before the colon", "key: value"),
    ("~: 3", "5:1", "unknown key '~'", "valid keys"),
    ('"": 3', "5:2", "unknown key ''", "valid keys"),
    ("? [a, b]\n: 3", "5:3", "a key must be a word", "key: value"),
    ("retries: !!int 3\n", "5:10", "the tag !!int is not allowed", "delete the tag"),
    ("where:\n  - >\n    depth == 1 or\n    dept == 2", "6:5", "'dept' is no column", "rename"),
    ("where:\n  - |\n    depth == 1\n    or dept == 2", "6:5", "'dept' is no column", "rename"),
    ('where: ["depth == 1\\n or dept == 2"]', "5:9", "'dept' is no column", "rename"),
    ("model: " + "{a: " * 60 + "1" + "}" * 60, "5:201", "nested more than 50 deep", "three levels"),
    ("\t\t\t", "5:1", "a tab can't indent", "use blanks"),
    # characters
    ("seeds:\u00a03", "5:7", "U+00A0 (no-break space)", "plain blank"),
    ("seeds\u200b: 3", "5:6", "U+200B (zero width space)", "delete it"),
    ("seeds: \u202e3", "5:8", "U+202E (right-to-left override)", "delete it"),
    ("\ufeffseeds: 3", "5:1", "U+FEFF (zero width no-break space)", "delete it"),
    ("seeds: ８", "5:8", "not the text '８'", "write 8"),
    ("seeds: ٣", "5:8", "not the text '٣'", "write 3"),
    ("training: {learning_rate: −1}", "5:27", "not the text '−1'", "write -1"),
    ('seeds: "\\0"', "5:8", r"not the text '\x00'", "write a whole number"),
    ("where: [“depth == 1”]", "5:9", "typographic quotes", "straight quotes"),
    # numbers
    (f"seeds: {DIGITS}", "5:8", "seeds must be a whole number", "fewer digits"),
    (f"seeds: {DIGITS[:300]}", "5:8", "seeds must be a whole number", "smaller number"),
    ("seeds: 0x" + "f" * 100, "5:8", "seeds must be a whole number", "smaller number"),
    ("seeds: 2024-01-01", "5:8", "not the text '2024-01-01'", "write a whole number"),
    ("limits: {trials: .inf}", "5:18", "limits.trials must be a whole number >= 1, not .inf", "5000"),
    ("training: {learning_rate: -.inf}", "5:27", "not -.inf", "> 0"),
    # lists and mappings
    ("training: [epochs: 3]", "5:11", "training must be a mapping, not a list", "indented"),
    ("model: []", "5:8", "model must be a mapping, not an empty list", "{kind: mlp}"),
    ("resources: 2", "5:12", "resources must be a mapping, not 2", "cpus"),
    ("estimators: [null]", "5:14", "estimators[0] must be a mapping, not nothing", "{kind: bins}"),
    ("retries: [1]", "5:10", "retries must be a whole number", "write"),
    ("zip: {depth: batch_size}", "5:6", "zip must be a list of groups, not a mapping", "[["),
    ("zip: depth", "5:6", "zip must be a list of groups, not the text 'depth'", "[["),
    ("zip: [[]]", "5:7", "needs two axes or more", "add an axis"),
    # contradictions
    ("estimators: [{quantiles: 4, range: [0, 1]}]", "5:29", "range has no effect beside quantiles", "drop range"),
    ("estimators: [{quantiles: 4, range: per-layer}]", "5:29", "range has no effect beside quantiles", "drop range"),
    ("model: {hidden: [4]}", "4:14", "depth 2 needs 2 hidden widths; model.hidden has 1", "add widths"),
    # where
    ("where: {depth: 1}", "5:8", "where must be a list of conditions, not a mapping", "write where: ["),
    ("where: [depth: 1]", "5:9", "a condition must be a text, not a mapping", "depth == 1"),
    ("where: [1]", "5:9", "a condition must be a text, not 1", "depth == 5"),
    ("where: [9**9**9**9 > depth]", "5:9", "** is not known", "a product"),
    (f"where: ['{DIGITS} * 1.5 > depth']", "5:10", "too large", "smaller numbers"),
    ("where: [\"'a' * 1000000000 == depth\"]", "5:10", "need numbers, not 'a'", "numbers"),
    ("where: ['depth == 1; import os']", "5:20", "no expression", "comparisons"),
    ("where: ['(depth == 1']", "5:10", "a bracket is not closed", "add the bracket"),
    ("where: ['depth == 1 AND depth == 2']", "5:21", "AND is not known", "write and"),
    ("where: ['full_batch == true']", "5:24", "true is not known here", "full_batch"),
    ("where: ['seed < 3']", "5:10", "'seed' is no column", "train_size, batch_size"),
    ("where: ['1e999 - 1e999 == depth']", "5:10", "where keeps no cell", "loosen"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "at", "message", "mend"), BELOW, ids=range(len(BELOW)))
def test_what_is_wrong_below_a_good_study_is_told(faults, text, at, message, mend):
    (fault,) = faults(GOOD + text + "\n")
    assert message in fault.message
    assert f"{fault.line}:{fault.column}" == at
    assert mend in fault.mend


# `axes`, below HEAD
AXES = [
    ("{seeds: [1, 2]}", "3:8", "seeds can't be an axis", "left edge"),
    ("{model.activation: {range: [1, 3]}}", "3:34", "holds words; a range is for whole numbers", "[tanh, relu"),
    ("{depth: {range: [1, 99999999999999999999]}}", "3:27", "the first or last value of axis depth", "smaller"),
    ("{depth: {range: [.nan, 2]}}", "3:24", "the first or last value of axis depth", "whole number"),
    ("{train_size: [1e308]}", "3:21", "a fraction in (0, 1] or a count >= 2, not 1e308", "smaller count"),
    ("{train_size: [.nan]}", "3:21", "a fraction in (0, 1] or a count >= 2, not .nan", "fraction"),
    ("{batch_size: [.inf]}", "3:21", "axis batch_size must be a whole number", "write"),
    ("{label_noise: [-0.0, 0]}", "3:28", "axis label_noise repeats 0", "drop it"),
    ("{<<: {depth: [1]}}", "3:8", "unknown axis '<<'", "axes are"),
    ("[depth, 1]", "3:7", "axes must hold at least one axis, not a list", "indented"),
    ("{depth: [1, 2], batch_size: [1, 2, 3]}\nzip: [[depth, batch_size]]", "4:7", "depth has 2, batch_size has 3", "same number"),
    ("{batch_size: {range: [1, 300000]}, training.epochs: {range: [1, 300001]}}\nzip: [[batch_size, training.epochs]]", "4:7", "equally many values", "same number"),
    ("{depth: [1, 2], batch_size: [1, 2], label_noise: [0, 1]}\nzip: [[depth, batch_size], [batch_size, label_noise]]", "4:29", "a second time", "one group"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "at", "message", "mend"), AXES, ids=range(len(AXES)))
def test_a_wrong_axis_is_told(faults, text, at, message, mend):
    (fault,) = faults(f"{HEAD}axes: {text}\n")
    assert message in fault.message
    assert f"{fault.line}:{fault.column}" == at
    assert mend in fault.mend


# whole files: text or bytes, words of the message, words of the mend
FILES = [
    ("%YAML 3.0\n---\n" + GOOD, "begins with %", "delete the line"),
    ("name: 'a\n b'\ntask: {kind: digits}\naxes: {depth: [1]}\n", "name must match", "write a-b"),
    ('name: "a\\n"\ntask: {kind: digits}\naxes: {depth: [1]}\n', "name must match", "write a"),
    ('name: ""\ntask: {kind: digits}\naxes: {depth: [1]}\n', "name must match", "data-size"),
    ("name: ../../x\ntask: {kind: digits}\naxes: {depth: [1]}\n", "name must match", "write x"),
    ("name: a\ntask: {kind: mnist}\naxes: {depth: [1]}\n", "no task 'mnist'; did you mean 'mnist1d'?", "digits"),
    ("name: a\ntask: {kind: mnist1d}\naxes: {train_size: [4001]}\n", "task mnist1d has 4,000 training examples", "at most 4000"),
    ("name: a\ntask: {kind: digits, holdout: 0.999999}\naxes: {depth: [1]}\n", "at least 2 are needed", "make task.holdout smaller"),
    ("name: a\ntask: {kind: ../../etc/passwd:x}\naxes: {depth: [1]}\n", "names a file", "passwd:x"),
    ("name: a\ntask: {kind: 'a..b:c'}\naxes: {depth: [1]}\n", "no module:function", "package.module:function"),
    (HEAD + "depth: [1, 2]\n", "unknown key 'depth'", "below `axes:`, a list of values"),
    (GOOD.encode("utf-32"), "UTF-32", "UTF-8"),
    (GOOD.encode("utf-16-le"), "binary", "text file"),
    (GOOD.encode() + b"# caf\xe9\n", "not UTF-8: byte 0xe9", "UTF-8"),
    (GOOD.encode() + b"seeds: \0 3\n", "binary", "text file"),
    (b"\0" * 100, "binary", "text file"),
    (b"#" * 10_000_000, "larger than 1 MB", "a few dozen lines"),
    (GOOD + "\tx: 1\n" * 5000, "of which the first 1,000 are shown", "use blanks"),
    (GOOD + "x: [\n" * 5000, "nested more than 50 deep", "three levels"),
    (GOOD + "x: '\n" * 5001, "duplicate key 'x'", "keep one"),
]  # fmt: skip


@pytest.mark.parametrize(("data", "message", "mend"), FILES, ids=range(len(FILES)))
def test_a_wrong_file_is_told(load, data, message, mend):
    with pytest.raises(StudyError) as caught:
        load(data)
    assert message in str(caught.value)
    assert mend in str(caught.value)


@pytest.mark.parametrize(
    ("option", "message", "mend"),
    [
        ("axes={}", "axes must hold at least one axis", "depth"),
        ("axes.=[1]", "this names no setting", "path=value"),
        ("seeds==4", "not the text '=4'", "8"),
        ("where+=[depth == 1]", "this names no setting", "path=value"),
        ("axes.depth={range:[1,2]}", "no blank after 'range:'", "blank"),
        ("estimators.0.bins=9", "the study writes no estimators", "--set estimators=[...]"),
        ("seeds=4\n---\n5", "a second document", "one study"),
        ("seeds=*x", "*x has no &x", "write the value out"),
        ("seeds=\0", "U+0000 is not allowed", "delete"),
        ("name=../x", "name must match", "write x"),
        ("learning_rate=0.1", "unknown key 'learning_rate'", "below `training:`"),
        ("axes.model.activation=relu", "must be a list or a range", "[relu]"),
        ("seeds=" + "[" * 5000, "nested too deep", "three levels"),
        ("x" * 100_000 + "=1", "unknown key", "valid keys"),
    ],
)  # fmt: skip
def test_a_wrong_option_is_told(load, option, message, mend):
    with pytest.raises(StudyError) as caught:
        load(GOOD, option)
    told = str(caught.value)
    assert message in told
    assert mend in told
    assert all(len(line) < 300 for line in told.split("\n"))


def test_a_remark_may_hold_any_blank(load):
    assert load(GOOD + "# à la carte\u00a0: voilà\u200b\nseeds: 2  # deux\u00a0!\n").seeds == (0, 1)


# --- from outside -------------------------------------------------------------------------------------


def _infosweep(folder, *args):
    def five_seconds() -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (5, 5))

    return subprocess.run(
        [sys.executable, "-m", "infosweep", *args],
        cwd=folder, capture_output=True, text=True, check=False, preexec_fn=five_seconds,
    )  # fmt: skip


FAULTY = {
    "one fault": GOOD + "estimatos: []\n",
    "five hundred faults": GOOD + "".join(f"estimator{i}: []\n" for i in range(500)),
    "an alias bomb": GOOD + "a0: &a0 [1]\n"
    + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 30)),
}  # fmt: skip


@pytest.mark.parametrize("text", FAULTY.values(), ids=FAULTY.keys())
def test_a_wrong_study_ends_in_words_and_leaves_nothing(tmp_path, text):
    (tmp_path / "study.yaml").write_text(text)
    done = _infosweep(tmp_path, "run", "study.yaml")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["study.yaml"]


def test_debug_shows_where_a_fault_was_raised(tmp_path):
    (tmp_path / "study.yaml").write_text(FAULTY["one fault"])
    done = _infosweep(tmp_path, "plan", "study.yaml", "--debug")
    assert done.returncode != 0
    assert "Traceback (most recent call last)" in done.stderr
    assert "did you mean 'estimators'?" in done.stderr


# --- fuzz ---------------------------------------------------------------------------------------------


@settings(max_examples=100, deadline=5000)
@given(st.one_of(st.binary(max_size=200), st.binary(max_size=40).map(lambda b: GOOD.encode() + b)))
def test_any_bytes_are_read_or_refused(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "fuzz.yaml"
    path.write_bytes(data)
    with contextlib.suppress(StudyError, LimitError):
        load_study(path)


_SNIPPETS = st.one_of(
    st.sampled_from(
        ["[", "]", "{", "}", ": ", "- ", "\n", "\t", "'", '"', "&a ", "*a", "!!set ", "<<: *a", "|\n", ">\n", "#", "---\n",
         "...\n", "%YAML 1.1\n", ".nan", "-.inf", "1e999", "-0.0", "9" * 400, "0x", "null", "~", "yes", "{range: [3, 1]}",
         "[[[[", "\u00a0", "\ufeff", "\u2028", "where: [9**9]\n", "zip: [[depth, depth]]\n", "task.kind: [x:y]\n"]
    ),
    st.text(max_size=6),
)  # fmt: skip


@settings(max_examples=100, deadline=5000)
@given(
    st.sampled_from([path.read_text() for path in SHIPPED]),
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 30), _SNIPPETS), min_size=1, max_size=4),
)
def test_any_change_of_a_shipped_study_is_read_or_refused(text, changes):
    for where, cut, put in changes:
        at = int(where * len(text))
        text = text[:at] + put + text[at + cut :]
    with contextlib.suppress(StudyError, LimitError):
        load_text(text, Source("study.yaml"))
