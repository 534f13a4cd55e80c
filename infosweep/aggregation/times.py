"""Time to a target, censored at the end of training.

Every run of a cell is censored at the same end E, so the mean of min(tau, E) is the restricted mean: no run is
dropped, and successes are never averaged alone.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def time_to(
    times: NDArray[np.float64], values: NDArray[np.float64], target: float, running: int = 1
) -> NDArray[np.float64]:
    """Return when each curve reaches `target` (seeds,), in the unit of `times`; inf where it does not.

    Args:
        times: (k,) ascending, from 0.
        values: (seeds, k).
        target: reached where the value is at least this ...
        running: ... at so many checkpoints running, of which the first counts. Between the checkpoint before
            and that one, the moment is interpolated linearly in log(time + 1).

    >>> time_to(np.array([0.0, 1, 3]), np.array([[0.0, 0.0, 1.0]]), 0.5).round(3)
    array([1.828])
    """
    n, k = values.shape
    reached = np.full(n, np.inf)
    if k < running:
        return reached
    above = values >= target - 1e-12
    run = np.lib.stride_tricks.sliding_window_view(above, running, axis=1).all(axis=-1)
    arrived = run.any(axis=-1)
    first = run.argmax(axis=-1)
    x = np.log1p(times)
    for seed in np.flatnonzero(arrived):
        at = first[seed]
        if at == 0:
            reached[seed] = times[0]
            continue
        before, after = values[seed, at - 1], values[seed, at]
        share = min((target - before) / (after - before), 1.0)
        reached[seed] = np.expm1(x[at - 1] + share * (x[at] - x[at - 1]))
    return reached


def restricted(tau: NDArray[np.float64], end: float) -> NDArray[np.float64]:
    """Return min(tau, end) per seed: the values whose mean is the restricted mean."""
    return np.minimum(tau, end)
