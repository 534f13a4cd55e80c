"""The benchmark compares like with like; how fast anything is, no test asserts."""

from __future__ import annotations

import numpy as np
import pytest

from infosweep import bench


def test_both_ways_to_measure_information_agree_and_are_right():
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 2, 512)
    told = np.where(labels == 1, 0.9, -0.9).astype(np.float32)[
        None
    ]  # one unit that tells the label
    noise = rng.uniform(-1, 1, (3, 512)).astype(np.float32)
    reference = bench.numpy_bits((told, noise), labels)
    share = labels.mean()
    h_y = -share * np.log2(share) - (1 - share) * np.log2(1 - share)
    np.testing.assert_allclose(reference[:, 0], h_y, atol=1e-12)
    compiled = bench.compiled_bits((told, noise), bench._samples(labels))
    np.testing.assert_allclose(compiled, reference, rtol=0, atol=1e-12)


@pytest.mark.slow
def test_a_short_run_measures_every_way():
    facts = bench.measure(0, rounds=1)
    assert {"net_step_vs_dataloader", "net_step_vs_slices", "information_vs_numpy"} <= set(facts)
    assert all(np.isfinite(value) for value in facts.values())
    for name in ("net_step_ms", "net_step_dataloader_ms", "information_ms"):
        assert facts[name] > 0
    assert facts["net_step_vs_slices"] == pytest.approx(
        facts["net_step_slices_ms"] / facts["net_step_ms"]
    )
    assert facts["information_difference_bits"] <= 1e-12
    assert facts["rounds"] == 1
