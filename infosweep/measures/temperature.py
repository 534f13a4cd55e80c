"""Cross entropy at a temperature, and the temperature that makes it least (Guo et al. 2017, eq. 9).

With b = 1 / temperature the mean of log sum_k exp(b z_k) - b z_y is convex in b. Its slope is B - A, where A sums
the examples that pull b up and B those that pull it down; log A - log B is nearly linear in b, so that Newton's
method on it, kept inside a bracket, needs about four passes over the examples.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

LOWEST, HIGHEST = (
    0.01,
    100.0,
)  # temperatures; the least loss may lie at none, as for separated examples

_LOG2E = 1.4426950408889634
_LN2_HIGH = 0.693147180369123816490
_LN2_LOW = 1.90821492927058770002e-10


@njit(cache=True, nogil=True, inline="always")
def _exp(x: float) -> float:
    """exp(x) for x <= 0, within 2e-16 relative; written so that loops over it fill vector registers."""
    x = max(x, -708.0)
    k = np.floor(x * _LOG2E + 0.5)
    r = (x - k * _LN2_HIGH) - k * _LN2_LOW
    series = 1.0 / 479001600.0
    series = series * r + 1.0 / 39916800.0
    series = series * r + 1.0 / 3628800.0
    series = series * r + 1.0 / 362880.0
    series = series * r + 1.0 / 40320.0
    series = series * r + 1.0 / 5040.0
    series = series * r + 1.0 / 720.0
    series = series * r + 1.0 / 120.0
    series = series * r + 1.0 / 24.0
    series = series * r + 1.0 / 6.0
    series = series * r + 0.5
    series = series * r + 1.0
    series = series * r + 1.0
    return series * np.int64((np.int64(np.int32(k)) + 1023) << 52).view(np.float64)


@njit(cache=True, nogil=True)
def losses(
    shifted: NDArray[np.float64],
    predicted: NDArray[np.int32],
    given: NDArray[np.int64],
    inverse: float,
    out: NDArray[np.float64],
) -> None:
    """Write each example's cross entropy in nats.

    Args:
        shifted: (n_classes, n) logits less the example's largest.
        predicted: (n,) class of the largest logit.
        given: (n,) labels.
        inverse: 1 / temperature.
        out: (n,) losses.
    """
    n_classes, n = shifted.shape
    out[:] = 0.0
    for k in range(n_classes):
        row = shifted[k]
        for j in range(n):
            # The largest term is exp(0); kept out of the sum, losses far below 1e-16 survive.
            out[j] += 0.0 if predicted[j] == k else _exp(inverse * row[j])
    for j in range(n):
        out[j] = np.log1p(out[j]) - inverse * shifted[given[j], j]


@njit(cache=True, nogil=True)
def fit_temperature(
    shifted: NDArray[np.float64],
    given: NDArray[np.int64],
    examples: NDArray[np.int32],
    scratch: NDArray[np.float64],
) -> float:
    """Return the temperature in [LOWEST, HIGHEST] of least mean cross entropy over `examples`.

    Args:
        shifted: (n_classes, n) logits less the example's largest.
        given: (n,) labels.
        examples: (m,) the examples to fit on.
        scratch: (4 + n_classes, n).

    Returns:
        the temperature; 1 where the loss does not depend on it.
    """
    n_classes = shifted.shape[0]
    m = examples.shape[0]
    own = scratch[0, :m]
    logits = scratch[4 : 4 + n_classes, :m]
    for k in range(n_classes):
        for j in range(m):
            logits[k, j] = shifted[k, examples[j]]
    for j in range(m):
        own[j] = shifted[given[examples[j]], examples[j]]

    low, high = 1.0 / HIGHEST, 1.0 / LOWEST
    inverse = 1.0
    for _ in range(100):
        up, down, up_slope, down_slope = _pulls(
            logits, own, inverse, scratch[1, :m], scratch[2, :m], scratch[3, :m]
        )
        if up == down:
            break
        if up > down:
            low = inverse
        else:
            high = inverse
        if low >= 1.0 / LOWEST or high <= 1.0 / HIGHEST:
            break
        following = _following(inverse, low, high, up, down, up_slope, down_slope)
        moved = abs(following - inverse)
        inverse = following
        if moved <= 1e-7 * inverse:  # Newton's method squares the error once more than is tested
            break
    return 1.0 / inverse


@njit(cache=True, nogil=True)
def _following(
    inverse: float,
    low: float,
    high: float,
    up: float,
    down: float,
    up_slope: float,
    down_slope: float,
) -> float:
    """Newton's step on log A - log B inside the bracket, or an end of it that was not tried yet."""
    low_tried, high_tried = low > 1.0 / HIGHEST, high < 1.0 / LOWEST
    if up > 0.0 and down > 0.0:
        slope = up_slope / up - down_slope / down
        following = inverse - np.log(up / down) / slope if slope < 0.0 else high
    elif down == 0.0 and not high_tried:
        return high
    elif up == 0.0 and not low_tried:
        return low
    else:  # examples that change sides: Newton's step on the slope B - A itself
        following = inverse - (down - up) / (down_slope - up_slope)
    if following >= high:
        return np.sqrt(low * high) if high_tried else high
    if following <= low:
        return np.sqrt(low * high) if low_tried else low
    return following


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract", "nsz"})
def _pulls(
    logits: NDArray[np.float64],
    own: NDArray[np.float64],
    inverse: float,
    total: NDArray[np.float64],
    first: NDArray[np.float64],
    second: NDArray[np.float64],
) -> tuple[float, float, float, float]:
    """Return A, B and their slopes in b: sums over examples with a negative (A) and positive (B) slope of loss."""
    n_classes, m = logits.shape
    total[:] = 0.0
    first[:] = 0.0
    second[:] = 0.0
    for k in range(n_classes):
        row = logits[k]
        for j in range(m):
            weight = _exp(inverse * row[j])
            total[j] += weight
            first[j] += weight * row[j]
            second[j] += weight * row[j] * row[j]
    up, down, up_slope, down_slope = 0.0, 0.0, 0.0, 0.0
    for j in range(m):
        mean = first[j] / total[j]
        variance = max(second[j] / total[j] - mean * mean, 0.0)
        pull = mean - own[j]
        up -= min(pull, 0.0)
        down += max(pull, 0.0)
        up_slope -= variance if pull < 0.0 else 0.0
        down_slope += variance if pull > 0.0 else 0.0
    return up, down, up_slope, down_slope
