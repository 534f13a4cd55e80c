"""Initial weights: distributions, sharing between trials, counts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from infosweep.networks.mlp import draw_weights, initial_weights
from infosweep.plan import Trial, trials_of
from infosweep.study.settings import TASKS, MlpSettings, StudySettings, n_parameters


def trial(seed: int = 0, depth: int = 5, task: str = "binary12", **model: object) -> Trial:
    axes = {"train_size": (0.5,), "batch_size": (256,), "depth": (depth,), "label_noise": (0.0,)}
    study = StudySettings(
        name="a", task=TASKS[task](), model=MlpSettings(**model), axes=axes, seeds=(seed,)
    )
    return trials_of(study)[0]


@pytest.mark.parametrize("init", ["truncated-normal", "xavier", "he"])
@pytest.mark.parametrize(("fan_in", "fan_out"), [(400, 150), (12, 3000), (3000, 12)])
def test_weights_have_the_stated_distribution(init, fan_in, fan_out):
    weights = draw_weights(init, 7, 1, fan_in, fan_out)
    assert weights.shape == (fan_out, fan_in)
    assert weights.dtype == np.float32
    bound = np.sqrt(6 / (fan_in + fan_out))
    expected = {
        "truncated-normal": stats.truncnorm(-2, 2, scale=1 / np.sqrt(fan_in)),
        "xavier": stats.uniform(-bound, 2 * bound),
        "he": stats.norm(scale=np.sqrt(2 / fan_in)),
    }[init]
    assert stats.kstest(weights.ravel(), expected.cdf).pvalue > 0.001


def test_truncated_weights_stay_within_two_deviations_and_are_not_rescaled():
    weights = draw_weights("truncated-normal", 0, 1, 100, 2000) * np.sqrt(100)
    assert abs(weights).max() <= 2
    assert weights.std() == pytest.approx(0.880, abs=0.005)


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(sorted(TASKS)),
    st.lists(st.integers(1, 40), min_size=1, max_size=6),
    st.sampled_from(["prefix", "constant", "equal-parameters"]),
    st.data(),
)
def test_arrays_hold_as_many_numbers_as_the_settings_count(task, hidden, widths, data):
    depth = data.draw(st.integers(1, len(hidden)))
    one = trial(depth=depth, task=task, hidden=tuple(hidden), widths=widths)
    layers = initial_weights(one)
    assert [w.shape for w, _ in layers] == list(
        zip(one.layer_widths[1:], one.layer_widths[:-1], strict=True)
    )
    assert sum(w.size + b.size for w, b in layers) == n_parameters(one.layer_widths)
    assert all(b.dtype == np.float32 and not b.any() for _, b in layers)


def test_trials_of_one_seed_share_the_layers_that_agree():
    deep, shallow, other = (initial_weights(trial(s, d)) for s, d in ((0, 5), (0, 2), (1, 5)))
    for layer in range(2):
        np.testing.assert_array_equal(deep[layer][0], shallow[layer][0])
        assert not np.array_equal(deep[layer][0], other[layer][0])


def test_layers_of_equal_shape_differ():
    layers = initial_weights(trial(depth=3, hidden=(10, 10, 10)))
    assert not np.array_equal(layers[1][0], layers[2][0])


def test_weights_of_seed_0_are_pinned():
    # Golden: a change of these numbers changes every result; raise plan.ids.NUMERICS with it.
    weights = initial_weights(trial())[0][0]
    np.testing.assert_allclose(weights[0, :3], [-0.0796913, 0.2263556, -0.3406225], atol=1e-7)
