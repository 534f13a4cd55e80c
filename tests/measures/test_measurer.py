"""The Measurer: columns of three tables, samples mapped into a snapshot's columns, divergence."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from infosweep import measures
from infosweep.information import bins, information_plane, samples
from infosweep.measures import Measurer, curves
from infosweep.measures.curves import measure_curves, splits_of
from infosweep.snapshot import GradientMoments, Snapshot
from infosweep.study.settings import BinsSettings, RecordSettings
from infosweep.tables import CURVES, GRADIENTS, INFORMATION

KERNELS = (bins._measure, samples._spread, curves._measure)

WIDTHS = (64, 4, 3, 10)  # of the trial in conftest.py


def snapshot(rng, problem, step=0, epoch=0, n_batches=5, **changes):
    n = problem.probe_union.size
    hidden = [np.tanh(rng.normal(size=(width, n))).astype(np.float32) for width in WIDTHS[1:-1]]
    logits = rng.normal(size=(10, problem.labels.size)).astype(np.float32)
    output = np.exp(logits[:, problem.probe_union])
    values = {
        "epoch": epoch,
        "step": step,
        "weights": tuple(
            rng.normal(size=(b, a)).astype(np.float32) for a, b in itertools.pairwise(WIDTHS)
        ),
        "activations": (*hidden, output / output.sum(0)),
        "logits": logits,
        "gradients": GradientMoments(n_batches, rng.random(3), rng.random(3)),
    }
    return Snapshot(**{**values, **changes})


@pytest.fixture
def problem(make_problem):
    return make_problem(n_classes=10)


def take(trial, problem, *snapshots):
    measurer = Measurer(trial, problem)
    for one in snapshots:
        measurer.take(one)
    return measurer


def test_columns_are_the_tables_own(rng, make_trial, problem):
    tables = take(
        make_trial(), problem, snapshot(rng, problem), snapshot(rng, problem, 9, 1)
    ).columns()
    assert list(tables) == ["curves", "information", "gradients"]
    for table, n_rows in ((CURVES, 2 * 6), (INFORMATION, 2 * 3 * 3), (GRADIENTS, 2 * 3)):
        columns = tables[table.name]
        assert set(columns) == {column.name for column in table.columns}
        for column in table.columns:
            values = columns[column.name]
            assert len(values) == n_rows, column.name
            kind = {"string": "U", "int64": "i", "double": "f", "bool": "b"}[column.type]
            assert np.asarray(values).dtype.kind == kind, column.name
        keys = [columns[name] for name in table.sort_by if name != "trial_id"]
        assert len(set(zip(*(np.asarray(key).tolist() for key in keys), strict=True))) == n_rows


def test_information_is_that_of_the_samples_activations(rng, make_trial, problem):
    estimators = (BinsSettings(), BinsSettings(bins=12, range="per-layer"))
    trial = make_trial(estimators=estimators)
    shots = [snapshot(rng, problem), snapshot(rng, problem, 70, 10)]
    columns = take(trial, problem, *shots).columns()["information"]
    expected = []
    for shot in shots:
        for settings in ({}, {"bins": 12, "range": "per-layer"}):
            for sample in trial.record.samples:
                own = problem.probe[sample]
                places = np.searchsorted(problem.probe_union, own)
                table = information_plane(
                    [layer[:, places].T for layer in shot.activations],
                    problem.labels[own],
                    seed=trial.seed,
                    **settings,
                )
                table["sample"], table["step"], table["epoch"] = sample, shot.step, shot.epoch
                table["layer_name"] = ["hidden 1", "hidden 2", "softmax"]
                if sample == "train":
                    noisy = information_plane(
                        [layer[:, places].T for layer in shot.activations],
                        problem.given[own],
                        **settings,
                    )
                    table["i_ty_given"] = noisy["i_ty"]
                expected.append(table)
    for name, values in columns.items():
        wanted = np.concatenate([table[name].to_numpy() for table in expected])
        if np.asarray(values).dtype.kind == "f":
            np.testing.assert_allclose(
                values, wanted.astype(float), rtol=1e-12, atol=1e-12, err_msg=name
            )
        else:
            assert list(values) == wanted.tolist(), name


def test_curves_and_gradients_rows(rng, make_trial, problem):
    shots = [snapshot(rng, problem), snapshot(rng, problem, 70, 10, n_batches=1)]
    tables = take(make_trial(), problem, *shots).columns()
    splits = splits_of(problem, noisy=True)
    rows, gradients = tables["curves"], tables["gradients"]
    assert rows["split"] == list(splits.names) * 2
    assert rows["n"].tolist() == list(splits.sizes) * 2
    assert rows["step"].tolist() == [0] * 6 + [70] * 6
    assert rows["epoch"].tolist() == [0] * 6 + [10] * 6
    np.testing.assert_array_equal(rows["loss"][6:], measure_curves(shots[1].logits, splits)[:, 0])
    assert gradients["layer"].tolist() == [1, 2, 3] * 2
    assert gradients["n_batches"].tolist() == [5] * 3 + [1] * 3
    assert gradients["mean_norm"][:3].tolist() == shots[0].gradients.mean_norm.tolist()
    assert np.isnan(gradients["mean_norm"][3:]).all()
    assert gradients["weight_norm"][5] == pytest.approx(
        np.linalg.norm(shots[1].weights[2]), rel=1e-6
    )


def test_without_label_noise_there_are_no_clean_and_corrupted_rows(rng, make_trial, make_problem):
    problem = make_problem(n_classes=10, n_validation=0, noise=0)
    columns = take(make_trial(label_noise=0.0), problem, snapshot(rng, problem)).columns()["curves"]
    assert columns["split"] == ["train", "test", "all"]


def test_recorded_layers_and_samples(rng, make_trial, make_problem):
    problem = make_problem(n_classes=10)
    record = RecordSettings(layers=(2, 3, 9), samples=("test",))
    problem.probe.pop("all")
    problem.probe.pop("train")
    shot = snapshot(rng, problem)
    columns = take(make_trial(record=record), problem, shot).columns()["information"]
    assert columns["layer"].tolist() == [2, 3]
    assert columns["layer_name"] == ["hidden 2", "softmax"]
    assert columns["sample"] == ["test", "test"]
    assert columns["n"].tolist() == [95, 95]
    expected = information_plane([shot.activations[1].T], problem.labels[problem.probe["test"]])
    assert columns["i_ty"][0] == expected["i_ty"].item()


def test_final_is_the_last_snapshot(rng, make_trial, problem):
    shots = [snapshot(rng, problem), snapshot(rng, problem, 70, 10)]
    measurer = take(make_trial(), problem, *shots)
    splits = splits_of(problem, noisy=True)
    last = measure_curves(shots[1].logits, splits)
    assert measurer.final() == {
        "train_loss": last[0, 0],
        "train_accuracy": last[0, 3],
        "test_loss": last[2, 0],
        "test_accuracy": last[2, 3],
    }


def test_diverged_network_keeps_its_rows_and_has_no_final(rng, make_trial, problem):
    nan = np.full((10, 400), np.nan, np.float32)
    measurer = take(
        make_trial(),
        problem,
        snapshot(rng, problem),
        snapshot(rng, problem, 9, 1, diverged=True, logits=nan),
    )
    assert set(measurer.columns()["curves"]["step"]) == {0}
    assert np.isnan(list(measurer.final().values())).all()


def test_network_that_diverged_at_once_has_empty_columns(rng, make_trial, problem):
    tables = take(make_trial(), problem, snapshot(rng, problem, diverged=True)).columns()
    for table in (CURVES, INFORMATION, GRADIENTS):
        assert set(tables[table.name]) == {column.name for column in table.columns}
        assert {len(values) for values in tables[table.name].values()} == {0}


def test_rows_are_the_same_bit_for_bit(rng, make_trial, problem):
    shot = snapshot(rng, problem)
    first, again = (take(make_trial(), problem, shot).columns() for _ in range(2))
    for table, columns in first.items():
        for name, values in columns.items():
            np.testing.assert_array_equal(values, again[table][name], err_msg=name)


def test_warm_up_compiles_what_a_run_needs(rng, make_trial, problem):
    """After it, another network of more classes, samples and splits compiles nothing more."""
    measures.warm_up()
    measures.warm_up()
    before = [len(kernel.signatures) for kernel in KERNELS]
    take(make_trial(), problem, snapshot(rng, problem))
    assert [len(kernel.signatures) for kernel in KERNELS] == before
    assert min(before) > 0
