"""Curves of every split against scikit-learn, and what must not change when logits are rescaled."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.special import log_softmax
from sklearn.metrics import accuracy_score, log_loss, mutual_info_score, roc_auc_score

from infosweep.data.problem import Problem
from infosweep.measures.curves import COLUMNS, measure_curves, splits_of


def rows(logits, problem, *, noisy=True):
    splits = splits_of(problem, noisy=noisy)
    return {
        name: dict(zip(COLUMNS, row, strict=True))
        for name, row in zip(splits.names, measure_curves(logits, splits), strict=True)
    }


def logits_of(rng, problem, scale):
    right = problem.labels == np.arange(problem.n_classes)[:, None]
    return (scale * (rng.normal(size=right.shape) + 1.2 * right)).astype(np.float32)


def plain(labels, n_classes):
    """All examples train; test is the first, so that every split has examples."""
    n = labels.size
    return Problem(
        np.zeros((n, 1), np.float32),
        labels,
        labels,
        n_classes,
        np.arange(n),
        np.arange(0),
        np.arange(1),
        {},
    )


def test_splits(make_problem):
    problem = make_problem()
    splits = splits_of(problem, noisy=True)
    assert splits.names == ("train", "validation", "test", "all", "train_clean", "train_corrupted")
    parts = {
        name: splits.examples[splits.starts[i] : splits.starts[i + 1]]
        for i, name in enumerate(splits.names)
    }
    assert set(parts["train"]) == set(problem.fit)
    assert set(parts["validation"]) == set(problem.validation)
    assert parts["all"].tolist() == list(range(400))
    assert (
        problem.given[parts["train_corrupted"]] != problem.labels[parts["train_corrupted"]]
    ).all()
    assert (problem.given[parts["train_clean"]] == problem.labels[parts["train_clean"]]).all()
    assert set(parts["train"]) == set(parts["train_clean"]) | set(parts["train_corrupted"])
    assert 0 < parts["train_corrupted"].size < 60
    assert splits.sizes == tuple(part.size for part in parts.values())


def test_splits_without_examples_or_noise_are_left_out(make_problem):
    assert splits_of(make_problem(n_validation=0), noisy=False).names == ("train", "test", "all")
    clean = make_problem(noise=0)
    assert "train_corrupted" not in splits_of(clean, noisy=True).names
    assert "train_clean" in splits_of(clean, noisy=True).names


@pytest.mark.parametrize("scale", [0.01, 1.0, 8.0])
@pytest.mark.parametrize("n_classes", [2, 3, 10])
def test_equals_scikit_learn(rng, make_problem, n_classes, scale):
    problem = make_problem(n_classes=n_classes)
    logits = logits_of(rng, problem, scale)
    measured = rows(logits, problem)
    splits = splits_of(problem, noisy=True)
    for i, (name, row) in enumerate(measured.items()):
        part = splits.examples[splits.starts[i] : splits.starts[i + 1]]
        z = logits[:, part].T.astype(np.float64)
        labels, seen = problem.labels[part], problem.given[part]
        scores = log_softmax(z, axis=1)
        classes = np.arange(n_classes)
        own = np.arange(part.size), seen
        assert row["loss"] == pytest.approx(-scores[own].mean(), rel=1e-12), name
        tempered = log_softmax(z / row["temperature"], axis=1)
        assert row["loss_scaled"] == pytest.approx(-tempered[own].mean(), rel=1e-12), name
        if scale <= 1:  # scikit-learn clips small probabilities
            assert row["loss"] == pytest.approx(log_loss(seen, np.exp(scores), labels=classes))
        predicted = z.argmax(1)
        assert row["accuracy"] == pytest.approx(accuracy_score(seen, predicted))
        assert row["accuracy_true"] == pytest.approx(accuracy_score(labels, predicted))
        bits = mutual_info_score(predicted, labels) / np.log(2)
        assert row["i_decision"] == pytest.approx(bits, abs=1e-12)
        if set(labels) == set(classes):
            score = scores if n_classes > 2 else np.stack([z[:, 0] - z[:, 1], z[:, 1] - z[:, 0]], 1)
            areas = [roc_auc_score(labels == k, score[:, k]) for k in classes]
            assert row["auc"] == pytest.approx(np.mean(areas), abs=1e-12)
        else:
            assert np.isnan(row["auc"])
        if n_classes == 2:
            difference = z[:, 1] - z[:, 0]
            smaller = (difference[:, None] > difference).sum(1)
            cells = 15 * smaller // part.size
            assert row["i_rank"] == pytest.approx(
                mutual_info_score(cells, labels) / np.log(2), abs=1e-12
            )
        else:
            assert np.isnan(row["i_rank"])


def test_losses_of_confident_outputs_do_not_vanish_or_overflow():
    labels = np.array([0, 1, 0])
    logits = np.array([[60.0, 0, -5000], [0, 3000, 5000]], np.float32)
    row = rows(logits, plain(labels, 2))["all"]
    assert row["loss"] == pytest.approx((np.exp(-60) + 0 + 10000) / 3, rel=1e-12)
    row = rows(logits[:, :2], plain(labels[:2], 2))["all"]
    assert row["loss"] == pytest.approx(np.exp(-60) / 2, rel=1e-12)


def test_given_labels_count_for_loss_and_accuracy_true_ones_for_the_rest():
    labels = np.array([0, 0, 1, 1])
    problem = Problem(
        np.zeros((4, 1), np.float32),
        labels,
        1 - labels,
        2,
        np.arange(4),
        np.arange(0),
        np.arange(1),
        {},
    )
    row = rows(np.array([[5.0, 5, -5, -5], [0, 0, 0, 0]], np.float32), problem)["train"]
    assert row["accuracy"] == 0
    assert row["accuracy_true"] == 1
    assert row["loss"] > 5
    assert row["i_decision"] == 1
    assert row["auc"] == 1
    assert row["i_rank"] == 1


def test_first_of_equal_logits_is_predicted():
    row = rows(np.zeros((3, 6), np.float32), plain(np.arange(6) % 3, 3))["all"]
    assert row["accuracy"] == pytest.approx(1 / 3)
    assert row["loss"] == pytest.approx(np.log(3))
    assert row["auc"] == 0.5
    assert row["i_decision"] == 0


def test_auc_is_null_where_a_class_is_absent(rng):
    labels = np.zeros(10, np.int64)
    row = rows(rng.normal(size=(2, 10)).astype(np.float32), plain(labels, 2))["all"]
    assert np.isnan(row["auc"])
    assert row["i_rank"] == 0
    labels = np.arange(10) % 2
    assert np.isnan(
        rows(rng.normal(size=(3, 10)).astype(np.float32), plain(labels, 3))["all"]["auc"]
    )


TIED = hnp.arrays(np.int64, st.integers(2, 60), elements=st.integers(-8, 8))


@given(TIED, st.integers(0, 99), st.sampled_from(["times", "cubed", "saturated"]))
def test_ranks_do_not_feel_rescaling(values, seed, how):
    """Maps that are strictly increasing on these values, and exact in float32."""
    labels = np.random.default_rng(seed).integers(2, size=values.size)
    mapped = {
        "times": values * 12.0,
        "cubed": values**3 * 1.0,
        "saturated": np.sign(values) * 100.0 + values,
    }[how]
    zero = np.zeros(values.size)
    problem = plain(labels, 2)
    before = rows(np.stack([zero, values]).astype(np.float32), problem)["all"]
    after = rows(np.stack([zero, mapped]).astype(np.float32), problem)["all"]
    for column in ("i_rank", "auc", "i_decision", "accuracy"):
        assert after[column] == pytest.approx(before[column], nan_ok=True, abs=0), column
    assert after["loss_scaled"] >= 0


@given(TIED, st.integers(0, 99))
def test_order_of_examples_does_not_matter(values, seed):
    rng = np.random.default_rng(seed)
    labels, order = rng.integers(2, size=values.size), rng.permutation(values.size)
    logits = np.stack([np.zeros(values.size), values]).astype(np.float32)
    before = rows(logits, plain(labels, 2))["all"]
    after = rows(logits[:, order], plain(labels[order], 2))["all"]
    for column in COLUMNS:
        assert after[column] == pytest.approx(before[column], nan_ok=True, rel=1e-7), column
