"""Every task: the shape that its settings state, and what load_task promises."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_digits

from infosweep.data import digits, load_task
from infosweep.data.mnist1d import make_float64
from infosweep.errors import UsageError
from infosweep.study.settings import TASKS


@pytest.mark.parametrize("kind", TASKS)
def test_settings_state_the_shape_that_the_data_have(kind):
    settings, task = TASKS[kind](), load_task(kind)
    assert task.name == kind
    assert task.inputs.shape == (settings.n_all, settings.n_inputs)
    assert task.labels.shape == (settings.n_all,)
    assert (task.inputs.dtype, task.labels.dtype) == (np.float32, np.int64)
    assert set(task.labels.tolist()) == set(range(settings.n_classes))
    assert (task.n_classes, task.n_own_test) == (settings.n_classes, settings.n_own_test)
    assert np.isfinite(task.inputs).all()


def test_a_task_by_name_is_ones_own_copy():
    mine = load_task("binary12")
    mine.labels[:] = 7
    mine.inputs[:] = 7
    assert load_task("binary12").labels.max() == 1
    assert load_task("binary12").inputs.max() == 1


def test_a_task_by_settings_is_made_once():
    assert load_task(TASKS["digits"]()) is load_task(TASKS["digits"](holdout=0.3))


def test_an_unknown_task_names_the_nearest():
    with pytest.raises(UsageError) as caught:
        load_task("binary21")
    assert str(caught.value) == (
        "unknown task 'binary21'; did you mean 'binary12'?\n  mend: available: binary12, digits, mnist1d"
    )


def test_digits_equal_scikit_learns():
    inputs, labels = load_digits(return_X_y=True)
    task = load_task("digits")
    np.testing.assert_array_equal(task.inputs * 16, inputs)
    np.testing.assert_array_equal(task.labels, labels)


def test_digits_are_found_where_scikit_learn_moves_its_file(monkeypatch):
    monkeypatch.setattr(digits, "find_spec", lambda _: None)
    inputs, labels = digits.make()
    task = load_task("digits")
    np.testing.assert_array_equal(inputs, task.inputs)
    np.testing.assert_array_equal(labels, task.labels)


def test_mnist1d_is_the_published_data_set():
    # Golden values of the published generator (mnist1d 0.0.2 on PyPI), from which ours differs by at most
    # 9e-16.
    signals, labels = make_float64()
    assert labels[:12].tolist() == [2, 6, 4, 5, 6, 6, 6, 0, 3, 1, 6, 9]
    first = [-0.332006, -0.47191, -0.778697, -1.009741, -0.882353]
    last = [-0.098646, 0.447233, 0.659876, 0.877734, 1.193152]
    np.testing.assert_allclose(signals[0, :5], first, atol=1e-6)
    np.testing.assert_allclose(signals[-1, -5:], last, atol=1e-6)
    assert abs(signals).sum() == pytest.approx(148316.172648, abs=1e-4)
    assert (signals**3).sum() == pytest.approx(-13126.103829, abs=1e-4)


def test_mnist1d_is_balanced_and_standardised():
    task = load_task("mnist1d")
    assert np.bincount(task.labels).tolist() == [500] * 10
    assert task.inputs.mean(dtype=float) == pytest.approx(0, abs=1e-6)
    assert task.inputs.std(dtype=float) == pytest.approx(1, abs=1e-6)
