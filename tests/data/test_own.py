"""A task of the user's own: what it may return, what is refused and how that is told."""

from __future__ import annotations

import os
import sys

import numpy as np
import pytest

from infosweep.data import load_task
from infosweep.data.own import load, look_at
from infosweep.errors import UsageError
from infosweep.study.own import OwnTaskSettings


@pytest.fixture
def made(tmp_path, monkeypatch):
    """Write a module with `make` and look at it; the module's name is the test's alone."""
    monkeypatch.setattr(sys, "path", sys.path.copy())
    monkeypatch.chdir(tmp_path)
    written = []

    def _made(body, name="own_examples"):
        file = tmp_path / f"{name}.py"
        lines = body.splitlines() if "\n" in body else [f"return {body}"]
        text = "import numpy as np\nx = np.arange(20.0).reshape(10, 2)\ny = np.arange(10) % 2\ndef make():\n"
        file.write_text(text + "".join(f"    {line}\n" for line in lines))
        os.utime(file, ns=(len(written) + 1,) * 2)  # however fast it is written again
        written.append(name)
        return look_at(f"{name}:make", str(tmp_path))

    yield _made
    for name in written:
        sys.modules.pop(name, None)


def settings_of(facts, folder):
    return OwnTaskSettings(kind="own_examples:make", found=facts, folder=str(folder))


def test_a_pair_of_arrays_becomes_a_task(made, tmp_path):
    facts = made("x, y")
    assert (facts.n, facts.n_own_test, facts.input_shape, facts.n_classes) == (10, 0, (2,), 2)
    task = load_task(settings_of(facts, tmp_path))
    assert (task.inputs.dtype, task.labels.dtype) == (np.float32, np.int64)
    np.testing.assert_array_equal(task.inputs, np.arange(20).reshape(10, 2))
    np.testing.assert_array_equal(task.labels, np.arange(10) % 2)


def test_a_test_part_stands_last_and_images_are_flattened(made, tmp_path):
    facts = made(
        "dict(inputs=np.zeros((6, 4, 5)), labels=[0, 1, 0, 1, 0, 1], "
        "test_inputs=np.ones((3, 4, 5)), test_labels=[1, 1, 0], n_classes=4)"
    )
    assert (facts.n, facts.n_own_test, facts.input_shape, facts.n_classes) == (6, 3, (4, 5), 4)
    task = load(settings_of(facts, tmp_path))
    assert task.inputs.shape == (9, 20)
    assert task.inputs[:6].sum() == 0
    assert task.inputs[6:].all()
    assert task.labels[6:].tolist() == [1, 1, 0]


def test_the_content_is_that_of_the_arrays(made):
    first = made("x, y").content
    same = ["x.tolist(), y.tolist()", "x.astype('float32'), y.astype(np.uint8)", "np.asfortranarray(x), y == 1",
            "dict(labels=y, inputs=x)", "x.astype('>f8'), y.astype('>i4')"]  # fmt: skip
    other = ["x + 1, y", "x, 1 - y", "x.reshape(10, 1, 2), y", "x[::-1], y", "x[:8], y[:8]"]
    assert {made(body).content for body in same} == {first}
    assert len({first, *(made(body).content for body in other)}) == 6


def test_examples_that_have_changed_are_refused(made, tmp_path):
    facts = made("x, y")
    made("x + 1, y")
    with pytest.raises(UsageError) as caught:
        load(settings_of(facts, tmp_path))
    assert caught.value.message == (
        "task 'own_examples:make' gives other examples than when it was looked at"
    )


RETURNS = [
    ("None", "it returns nothing (None)", "return (inputs, labels), or a dict of inputs and labels"),
    ("(x, y, y)", "it returns tuple of 3", "return (inputs, labels), or a dict"),
    ("x", "it returns ndarray", "return (inputs, labels)"),
    ("dict(inputs=x)", "it returns no labels", "return (inputs, labels)"),
    ("dict(inputs=x, labels=y, test_inputs=x)", "it returns no test_labels", "return (inputs, labels)"),
    ("dict(inputs=x, label=y)", "it returns the key 'label'; did you mean 'labels'?", "keys are inputs, labels, test_"),
    ("x[:9], y", "inputs has 9 examples, labels 10", "return one label for each example"),
    ("x[:3], y[:3]", "it has 3 examples; at least 4 are needed", "return more examples"),
    ("x[:, 0], y", "inputs has shape (10,); (n, d) is needed, an example a row", "return inputs.reshape(-1, 1)"),
    ("x[:, :0], y", "inputs has shape (10, 0): no numbers in it", "fill it"),
    ("np.where(x == 7, np.nan, x), y", "1 values of inputs are not finite: inputs[3, 1] is nan",
     "drop those examples, or fill in"),
    ("np.where(x > 17, np.inf, x), y", "2 values of inputs are not finite: inputs[9, 0] is inf", "drop those examples"),
    ("x * 1e50, y", "19 values of inputs are not finite: inputs[0, 1] is 1e+50, too large for float32", "scale"),
    ("x + 1j, y", "inputs must be real numbers, not complex128", "return float32 or float64"),
    ("x.astype(str), y", "inputs must be numbers, not text", "return an array of numbers"),
    ("[[1, 2], [3]] * 5, y", "inputs has rows of unequal length", "every row of one shape"),
    ("x, y[:, None]", "labels has shape (10, 1); (n,) is needed", "return labels.ravel()"),
    ("x, np.eye(2)[y]", "labels has shape (10, 2); (n,) is needed", "return labels.argmax(axis=1) if they are one-hot"),
    ("x, y.astype(float)", "labels must be whole numbers 0..K-1, not float64", "return labels.astype(int)"),
    ("x, ['cat', 'dog'] * 5", "labels must be numbers, not text", "np.unique(labels, return_inverse=True)[1]"),
    ("x, 2 * y - 1", "labels must be 0..K-1, and go from -1 to 1", "np.unique(labels, return_inverse=True)[1]"),
    ("x, y + 1", "labels go to 2, and class 0 has no example", "np.unique(labels, return_inverse=True)[1]"),
    ("x, 3 * y", "labels go to 3, and class 1 has no example", "or return n_classes in a dict"),
    ("x, 0 * y", "all labels are 0", "return two classes or more"),
    ("dict(inputs=x, labels=y, n_classes=1)", "n_classes must be a whole number from 2 to 100,000, not 1", "leave"),
    ("dict(inputs=x, labels=y, n_classes=2.5)", "n_classes must be a whole number from 2 to 100,000, not 2.5", "leave"),
    ("dict(inputs=x, labels=2 * y, n_classes=2)", "labels go to 2, and n_classes is 2", "return n_classes 3"),
    ("dict(inputs=x, labels=y, test_inputs=x[:, :1], test_labels=y)",
     "an example of inputs has shape (2,), of test_inputs (1,)", "give both the same"),
    ("np.random.default_rng().random((10, 2)), y", "it returns other examples each time it is called",
     "draw from a seeded generator, as numpy.random.default_rng(0)"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "message", "mend"), RETURNS, ids=[row[0] for row in RETURNS])
def test_what_is_no_task_is_told_with_the_function_s_line(made, body, message, mend):
    with pytest.raises(UsageError) as caught:
        made(body)
    assert caught.value.message == f"task 'own_examples:make': {message}"
    assert caught.value.mend is not None
    assert mend in caught.value.mend
    assert caught.value.mend.endswith("(own_examples.py:4)")
