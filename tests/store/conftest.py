"""Rows of small packs for the store's tests, without training anything."""

from __future__ import annotations

import pyarrow as pa
import pytest

from infosweep.store import open_store
from infosweep.store.schemas import build_table

TRIAL = {
    "study": "demo",
    "train_size": 0.85,
    "n_train": 3481,
    "batch_size": 256,
    "batch_used": 256,
    "full_batch": False,
    "depth": 5,
    "label_noise": 0.0,
}
FINAL = {
    "task": "binary12", "holdout": 0.15, "validation": 0.0, "model": "mlp", "hidden": "[10, 7]",
    "widths": "prefix", "activation": "tanh", "init": "truncated-normal", "optimizer": "adam",
    "learning_rate": 0.0004, "momentum": 0.0, "weight_decay": 0.0, "epochs": 10, "settings": "{}",
    "n_parameters": 294, "steps": 140, "train_loss": 0.5, "test_loss": 0.6, "train_accuracy": 0.9,
    "test_accuracy": 0.8, "engine": "fused", "device": "cpu", "host": "here", "train_seconds": 1.0,
    "measure_seconds": 1.0, "started_at": 0, "finished_at": 1,
}  # fmt: skip


def pack_tables(pack_id, attempt, trial_ids, extra=None, diverged=(), **values):
    """Build the four tables of a pack with two checkpoints a trial."""
    built = {}
    for seed, trial_id in enumerate(trial_ids):
        common = {**TRIAL, "trial_id": trial_id, "seed": seed, **values}
        final = {
            **FINAL,
            "pack_id": pack_id,
            "attempt": attempt,
            "status": "diverged" if trial_id in diverged else "done",
        }
        moment = {"step": [0, 140], "epoch": [0, 10]}
        parts = {
            "trials": final,
            "curves": {**moment, "split": ["all"] * 2, "n": [10, 10], "loss": [0.7, 0.5]},
            "information": {
                **moment, "layer": 1, "layer_name": "hidden 1", "width": 10, "sample": "all",
                "estimator_id": "bins", "estimator": "bins", "i_xt": [3.0, 4.0], "n": 10,
                "parameters": "{}",
            },
            "gradients": {**moment, "layer": 1, "n_batches": 1, "snr": [None, 0.5]},
        }  # fmt: skip
        for name, columns in parts.items():
            built.setdefault(name, []).append(build_table(name, columns, common, extra))
    return {name: pa.concat_tables(tables) for name, tables in built.items()}


def failures_table(pack_id, attempt, trial_ids):
    rows = []
    for trial_id in trial_ids:
        own = {"pack_id": pack_id, "attempt": attempt, "error_kind": "ValueError", "error": "no",
               "log": "", "host": "here", "failed_at": 0}  # fmt: skip
        rows.append(build_table("failures", own, {**TRIAL, "trial_id": trial_id, "seed": 0}))
    return pa.concat_tables(rows)


@pytest.fixture(name="pack_tables")
def _pack_tables():
    return pack_tables


@pytest.fixture(name="failures_table")
def _failures_table():
    return failures_table


@pytest.fixture(params=["folder", "memory"])
def study(request, tmp_path):
    """A study's part of a new store: in a folder of an odd name, and where there are no folders at all."""
    url = tmp_path / "a store é #1%20" if request.param == "folder" else f"memory://{tmp_path}"
    study = open_store(url, create=True).study("demo")
    study.save_study("name: demo\n")
    study.save_provenance("name: demo\n")
    return study
