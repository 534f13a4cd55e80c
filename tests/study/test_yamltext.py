"""YAML: numbers and traps, faults of syntax and what is still read after them, files that are no text."""

# ruff: noqa: E501 - tables are read by the row

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infosweep.errors import InfosweepError, StudyError
from infosweep.study.faults import Report, Source
from infosweep.study.load import load_text
from infosweep.study.nodes import resolve
from infosweep.study.yamltext import parse


def plain(node):
    """The value of a node as plain data."""
    if node is None:
        return None
    if node.kind == "map":
        return {key: plain(value) for key, (_, value) in node.entries.items()}
    return [plain(item) for item in node.items] if node.kind == "list" else node.value


def read(text):
    report, source = Report(), Source("study.yaml", text.split("\n"))
    return plain(parse(text, source, report).root), report.faults


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-2", 0.01), ("1e3", 1000.0), ("1E+3", 1000.0), (".5", 0.5), ("5.", 5.0), ("-2", -2), ("+2", 2),
        ("0", 0), ("0.5", 0.5), ("00.5", "00.5"), ("0x1F", 31), ("0o17", 15), ("true", True), ("False", False), ("null", None),
        ("~", None), ("", None), (".inf", math.inf), ("-.inf", -math.inf), ("1:30", "1:30"), ("2024-01-01", "2024-01-01"),
        ("1e", "1e"), ("e3", "e3"), ("-", "-"), ("9" * 401, "9" * 401), ("١", "١"),
    ],
)  # fmt: skip
def test_plain_scalars_follow_yaml_1_2(text, value):
    found, trap = resolve(text)
    assert found == value
    assert type(found) is type(value)
    assert (trap is None) == (text != "00.5")


@pytest.mark.parametrize("text", ["yes", "No", "ON", "off", "y", "N"])
def test_words_that_some_readers_take_for_booleans_are_traps(text):
    assert resolve(text) == (text, "word")


@pytest.mark.parametrize(
    ("text", "trap"),
    [("010", "zero"), ("-007", "zero"), ("1_000", "underscore"), ("1_0.5", "underscore")],
)
def test_numbers_that_readers_disagree_about_are_traps(text, trap):
    assert resolve(text) == (text, trap)


# text, what is read nevertheless, (line, column, words of the message, words of the mend)
BROKEN = [
    ("a: [1, 2\nb: 3", {"a": None, "b": 3}, [(1, 4, "'[' is not closed", "add ']'")]),
    ("a: {x: 1\nb: 3", {"a": None, "b": 3}, [(1, 4, "'{' is not closed", "add '}'")]),
    ("a: 'x\nb: 3", {"a": None, "b": 3}, [(1, 4, "the quote ' is not closed", "add '")]),
    ("a: [1, 2]]\nb: 3", {"a": None, "b": 3}, [(1, 10, "']' closes nothing", "delete it")]),
    ("a:\n  b: 1\n c: 2\nd: 4", {"a": {"b": 1}, "d": 4}, [(3, 2, "indentation fits nothing", "align")]),
    ("a: b: c\nd: 4", {"a": None, "d": 4}, [(1, 5, "a second ':'", "quotes")]),
    ("a: b\n  c: d\ne: 4", {"a": "b", "e": 4}, [(2, 4, "takes no keys", "align")]),
    ("a: 1\nb\nc: 2", None, [(2, 1, "expected `key: value`", "colon")]),
    ("a: 1\nb:2\nc: 2", None, [(2, 1, "no blank after 'b:'", "`b: `")]),
    ("a: @x\nb: 3", {"a": None, "b": 3}, [(1, 4, "'@' can't begin a value", "quotes")]),
    ("a: %x\nb: 3", {"a": None, "b": 3}, [(1, 4, "'%' can't begin a value", "quotes")]),
    ('a: "\\q"\nb: 3', {"a": None, "b": 3}, [(1, 5, "unknown escape", "single quotes")]),
    ("where: [depth in [1, 2]]\nb: 3", {"where": None, "b": 3}, [(1, 8, "brackets", '["depth in [1, 2]"]')]),
    ("a: 1\n...\nb: 3", {"a": 1, "b": 3}, [(2, 1, "after the end of the document", "`...`")]),
    ("a: 1\n- b\nc: 3", {"a": 1, "c": 3}, [(2, 1, "a list entry where a key is expected", "`key:`")]),
    ("a:\n\tb: 1\n\tc: 2\nd: 3", {"a": {"b": 1, "c": 2}, "d": 3}, [(2, 1, "a tab", "blanks"), (3, 1, "a tab", "blanks")]),
    ("a:\n  b: 1\n\tc: 2", {"a": {"b": 1, "c": 2}}, [(3, 1, "a tab", "blanks")]),
    ("a:\n  b: [1\n  c: [2\n  d: 3", {"a": {"b": None, "c": None, "d": 3}}, [(2, 6, "'[' is not closed", "]"), (3, 6, "'[' is not closed", "]")]),
    ("a: - 1\n- 2\nb: 3", None, [(1, 4, "a list begins on the line of its key", "a line of its own")]),
    (" a: 1\nb: 2\nc: 3", None, [(1, 1, "the first line is indented", "delete the blanks")]),
    ("a: b\n  c: 1\n  d: 2\ne: 4", None, [(2, 4, "takes no keys", "align")]),
    ("a: 1\n---\nb: 2", {"a": 1}, [(2, 1, "a second document", "one study to a file")]),
    ("a: 1\na: 2\na: 3", {"a": 1}, [(2, 1, "duplicate key 'a'; it first stands in line 1", "keep"), (3, 1, "duplicate", "keep")]),
    ("a: !!python/object/apply:os.system [ls]", {"a": ["ls"]}, [(1, 4, "the tag !!python/object/apply:os.system", "delete")]),
    ("a: !x 1", {"a": 1}, [(1, 4, "the tag !x", "delete")]),
    ("a: &x [*x]", {"a": [None]}, [(1, 8, "*x stands inside of &x", "write the value out")]),
    ("a: *x", {"a": None}, [(1, 4, "*x has no &x before it", "define it")]),
    ("[a]: 1\nb: 2", {"b": 2}, [(1, 1, "a key must be a word", "key: value")]),
    ("a: 1\nb\x07: 2", {"a": 1, "b": 2}, [(2, 2, "U+0007 is not allowed", "delete")]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "value", "expected"), BROKEN, ids=[repr(b[0]) for b in BROKEN])
def test_a_fault_of_syntax_is_placed_and_the_rest_is_read(text, value, expected):
    found, faults = read(text)
    assert len(faults) == len(expected)
    for fault, (line, column, message, mend) in zip(faults, expected, strict=True):
        assert (fault.place.line + 1, fault.place.column + 1) == (line, column)
        assert message in fault.message
        assert mend in fault.mend
    if value is not None:
        assert found == value


def test_aliases_stand_for_what_they_name():
    assert read("a: &x [1, 2]\nb: *x")[0] == {"a": [1, 2], "b": [1, 2]}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[" * 2000, "nested too deep"),
        ("a: " + "[" * 60 + "]" * 60, "nested more than 50 deep"),
        ("a0: &a0 [1]\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 30)), "more than 100,000 values"),
        ("- 1\n" * 150_000, "more than 100,000 values"),
    ],
    ids=["deep and open", "deep", "aliases", "long"],
)  # fmt: skip
def test_a_bomb_is_refused(text, message):
    _, faults = read(text)
    assert any(message in fault.message for fault in faults)


def test_a_masked_value_has_no_faults_of_its_own(faults):
    found = faults(
        "name: tiny\ntask: {kind: digits}\naxes:\n  depth: [1, 2\nseeds: many\nwhere: [depth == 1]\n"
    )
    assert [fault.line for fault in found] == [4, 5]


def test_a_tag_that_looks_like_the_mask_hides_nothing(faults):
    found = faults("name: tiny\ntask: {kind: digits}\naxes: {depth: [1}\nseeds: !masked 4\n")
    assert [fault.line for fault in found] == [3, 4]


def test_what_could_not_be_read_is_not_missing(faults):
    (fault,) = faults("name tiny\ntask: {kind: digits}\naxes: {depth: [1]}\n")
    assert "expected `key: value`" in fault.message


def test_the_columns_after_a_tab_are_those_of_the_file(faults):
    found = faults("name: tiny\ntask: {kind: digits}\naxes:\n\tdepth: [1, x]\n")
    assert [(fault.line, fault.column, fault.marked) for fault in found][1] == (4, 13, "x")


@pytest.mark.parametrize(
    ("data", "place", "message", "mend"),
    [
        ("name: größe\n".encode("latin-1"), (1, 9), "the file is not UTF-8: byte 0xf6", "UTF-8"),
        ("name: a\n".encode("utf-16"), None, "UTF-16", "UTF-8"),
        (b"\x7fELF\x00\x01\x02\x03", None, "binary", "text file"),
        (b"\x89PNG\r\n\x1a\n\x01\x02\x03\x04\x05\xff", None, "not UTF-8", "UTF-8"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_text_is_refused(load, data, place, message, mend):
    with pytest.raises(StudyError) as caught:
        load(data)
    assert message in str(caught.value)
    assert mend in str(caught.value)
    if place is not None:
        assert f"study.yaml:{place[0]}:{place[1]}\n" in str(caught.value)


def test_a_file_that_is_too_large_is_refused(load):
    with pytest.raises(StudyError, match="larger than 1 MB"):
        load("#" * 1_000_001)


@pytest.mark.parametrize("end", ["\r\n", "\r", "\n"])
def test_every_line_end_counts_as_one(faults, end):
    (fault,) = faults(end.join(["name: tiny", "task: {kind: digits}", "axes:", "  depth: [x]", ""]))
    assert (fault.line, fault.column, fault.marked) == (4, 11, "x")


def test_a_byte_order_mark_is_no_fault(load):
    assert load("\ufeffname: tiny\ntask: {kind: digits}\naxes: {depth: [1]}\n").name == "tiny"


STUDY = """\
infosweep: 1
name: tiny
task: {kind: binary12, holdout: 0.2}
axes:
  train_size: [0.04, 0.36]
  depth: {range: [1, 3]}
where: [depth == 1 or train_size > 0.1]
seeds: [1, 2]
estimators: [{kind: bins, bins: 30}]
"""


@settings(max_examples=150, deadline=None)
@given(
    st.integers(0, len(STUDY)),
    st.integers(0, 5),
    st.text("\t\n :-[]{}'\"#&*!|>%@,ae10.~?\u2028é", max_size=4),
)
def test_a_changed_study_is_read_or_refused_with_places_inside_of_it(at, cut, put):
    text = STUDY[:at] + put + STUDY[at + cut :]
    refused = ""
    try:
        load_text(text, Source("study.yaml"))
    except InfosweepError as error:
        refused = str(error)
    assert "mend: " in refused or not refused


@settings(max_examples=150, deadline=None)
@given(st.text(st.characters(codec="utf-8"), max_size=40))
def test_any_text_is_read_or_refused(text):
    report, source = Report(), Source("study.yaml", text.split("\n"))
    parse(text, source, report)
    for fault in report.faults:
        assert 0 <= fault.place.line < max(1, len(source.lines))
        assert fault.render().startswith("error: ")
