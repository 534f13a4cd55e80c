"""Norms and signal-to-noise ratios of gradients against their formulas on explicit batches."""

from __future__ import annotations

import numpy as np
import pytest

from infosweep.measures.gradients import COLUMNS, measure_gradients
from infosweep.snapshot import GradientMoments


def moments_of(batches):
    """Moments of (n_batches, ...) gradients of one layer, as engines give them."""
    mean, std = batches.mean(0), batches.std(0, ddof=1) if len(batches) > 1 else batches[0] * np.nan
    return GradientMoments(
        len(batches), np.array([np.linalg.norm(mean)]), np.array([np.linalg.norm(std)])
    )


def columns(weights, moments):
    return [dict(zip(COLUMNS, row, strict=True)) for row in measure_gradients(weights, moments)]


def test_formulas(rng):
    weights = rng.normal(size=(4, 3)).astype(np.float32)
    batches = rng.normal(size=(9, 4, 3)) + 0.8
    row = columns([weights], moments_of(batches))[0]
    assert row["weight_norm"] == pytest.approx(
        np.linalg.norm(weights.astype(np.float64)), rel=1e-14
    )
    mean = np.linalg.norm(batches.mean(0))
    std = np.sqrt(batches.var(0, ddof=1).sum())
    assert row["mean_norm"] == pytest.approx(mean)
    assert row["std_norm"] == pytest.approx(std)
    assert row["snr_raw"] == pytest.approx(mean / std)
    assert row["snr"] == pytest.approx(np.sqrt(mean**2 - std**2 / 9) / std)


def test_noise_floor_is_taken_off(rng):
    """Gradients of mean 0: snr_raw is near 1/sqrt(batches), snr^2 near 0 and never negative."""
    rows = [columns([np.eye(50)], moments_of(rng.normal(size=(25, 50, 50))))[0] for _ in range(20)]
    assert np.mean([row["snr_raw"] for row in rows]) == pytest.approx(1 / 5, rel=0.05)
    assert all(0 <= row["snr"] < 0.06 for row in rows)
    assert any(row["snr"] == 0 for row in rows)


def test_null_below_two_batches(rng):
    weights = [np.eye(2, dtype=np.float32), np.ones((1, 2), np.float32)]
    for moments in (None, moments_of(rng.normal(size=(1, 2, 2)))):
        for row, norm in zip(columns(weights, moments), (np.sqrt(2), np.sqrt(2)), strict=True):
            assert row.pop("weight_norm") == pytest.approx(norm)
            assert np.isnan(list(row.values())).all()


def test_ratios_are_null_without_noise():
    row = columns([np.eye(2)], moments_of(np.ones((3, 2, 2))))[0]
    assert row["mean_norm"] == 2
    assert row["std_norm"] == 0
    assert np.isnan([row["snr"], row["snr_raw"]]).all()


def test_norm_of_weights_does_not_overflow():
    assert columns([np.full((2, 2), 1e30, np.float32)], None)[0]["weight_norm"] == pytest.approx(
        2e30
    )
