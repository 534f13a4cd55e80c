"""The cross-fitted drop of a curve over epochs, and what is left at its end.

The end window holds the checkpoints of the last 20 % of the training, at least 3. The peak m of a seed is the
peak of the mean curve of the *other* half of the seeds, among checkpoints that leave the windows m-1 .. m+1
and end disjoint; the drop is the difference of the two windows' means. Cross-fitted, because the maximum of a
noisy curve is biased upwards; disjoint, because otherwise rising curves count as drops.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from infosweep.aggregation.statistics import halves

END_SHARE = 0.2
END_CHECKPOINTS = 3


def end_window(times: NDArray[np.float64]) -> slice | None:
    """Return the end window of checkpoints at `times` (k,) ascending; None with fewer than 3 in it.

    >>> end_window(np.array([0.0, 1, 2, 4, 6, 8, 9, 10]))
    slice(5, 8, None)
    """
    if times.size == 0:
        return None
    start = int(np.searchsorted(times, (1 - END_SHARE) * times[-1] * (1 - 1e-12)))
    return slice(start, times.size) if times.size - start >= END_CHECKPOINTS else None


def at_end(times: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Return the mean over the end window per seed (seeds,), of `values` (seeds, k); None without a window."""
    window = end_window(times)
    return None if window is None else values[:, window].mean(axis=1)


@dataclass(frozen=True, slots=True)
class Drops:
    """Per-seed results of the cross-fitted drop.

    Attributes:
        drop: (seeds,) peak window minus end window.
        rise: (seeds,) peak window minus the value before training.
        end: (seeds,) mean over the end window.
        peak_time: (seeds,) time of the peak checkpoint that was used for the seed.
    """

    drop: NDArray[np.float64]
    rise: NDArray[np.float64]
    end: NDArray[np.float64]
    peak_time: NDArray[np.float64]


def windows_fit(times: NDArray[np.float64]) -> bool:
    """Whether checkpoints at `times` (k,) leave room for a peak window before the end window."""
    window = end_window(times)
    return window is not None and window.start >= 3


def cross_fitted_drop(times: NDArray[np.float64], values: NDArray[np.float64]) -> Drops | None:
    """Return the drops of curves `values` (seeds, k), seeds sorted, at ascending `times` (k,).

    None with fewer than two seeds, or too few checkpoints for two disjoint windows.

    >>> rise_and_fall = np.array([0.0, 4, 5, 6, 4, 3, 2, 2, 2])
    >>> times = np.array([0.0, 1, 2, 3, 4, 6, 8, 9, 10])
    >>> cross_fitted_drop(times, np.stack([rise_and_fall, rise_and_fall + 1])).drop
    array([3., 3.])
    """
    window = end_window(times)
    n = values.shape[0]
    if window is None or n < 2 or not windows_fit(times):
        return None
    even, odd = halves(n)
    peak_of = np.empty(n, np.int64)
    for own, other in ((even, odd), (odd, even)):
        mean = values[other].mean(axis=0)
        peak_of[own] = 1 + int(np.argmax(mean[1 : window.start - 1]))
    around = peak_of[:, None] + np.arange(-1, 2)
    peak = np.take_along_axis(values, around, axis=1).mean(axis=1)
    end = values[:, window].mean(axis=1)
    return Drops(peak - end, peak - values[:, 0], end, times[peak_of])
