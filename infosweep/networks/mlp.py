"""Initial weights of a multilayer perceptron, the same for every engine.

Layer l maps (fan_in,) to (fan_out,): z = W t + b, t = f(z); the last layer's f is the softmax. Draws are
keyed by seed, layer and shape, so trials of one seed share initial weights where their layers agree.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from infosweep.seeds import generator

if TYPE_CHECKING:
    from infosweep.plan.trial import Trial

Init = Literal["truncated-normal", "xavier", "he"]


def initial_weights(trial: Trial) -> list[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """Return per layer, input to output, weights (fan_out, fan_in) and biases (fan_out,), float32."""
    widths = trial.layer_widths
    layers = []
    for layer, (fan_in, fan_out) in enumerate(pairwise(widths), start=1):
        weights = draw_weights(trial.mlp.init, trial.seed, layer, fan_in, fan_out)
        layers.append((weights, np.zeros(fan_out, np.float32)))
    return layers


def draw_weights(
    init: Init, seed: int, layer: int, fan_in: int, fan_out: int
) -> NDArray[np.float32]:
    """Draw one layer's initial weights, (fan_out, fan_in) float32.

    - `truncated-normal`: normal with sd 1/sqrt(fan_in), cut at two sd, as in the code of Shwartz-Ziv &
      Tishby 2017 (TensorFlow's `truncated_normal`). As there, nothing is rescaled: what the cut leaves
      has sd .880/sqrt(fan_in).
    - `xavier`: uniform in ±sqrt(6 / (fan_in + fan_out)) (Glorot & Bengio, AISTATS 2010, eq. 16).
    - `he`: normal with sd sqrt(2 / fan_in) (He et al., ICCV 2015, eq. 10).

    Args:
        init: the distribution.
        seed: seed of the trial.
        layer: index of the layer, from 1.
        fan_in: width of the layer below.
        fan_out: width of the layer.

    >>> draw_weights("xavier", 0, 1, 12, 10).shape
    (10, 12)
    """
    random = generator(seed, "init", layer, fan_in, fan_out)
    match init:
        case "truncated-normal":
            weights = _cut_normal(random, fan_out * fan_in) / math.sqrt(fan_in)
        case "xavier":
            bound = math.sqrt(6 / (fan_in + fan_out))
            weights = random.uniform(-bound, bound, fan_out * fan_in)
        case "he":
            weights = random.normal(0.0, math.sqrt(2 / fan_in), fan_out * fan_in)
    return weights.reshape(fan_out, fan_in).astype(np.float32)


def _cut_normal(random: np.random.Generator, n: int) -> NDArray[np.float64]:
    """Draw from the standard normal distribution within ±2: what falls outside is drawn again."""
    kept = np.empty(0)
    while len(kept) < n:
        drawn = random.standard_normal(n + n // 16 + 8)
        kept = np.concatenate([kept, drawn[np.abs(drawn) <= 2]])
    return kept[:n]
