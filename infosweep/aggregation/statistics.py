"""The statistics that all findings share: t intervals, Page's trend, Holm's correction, halves of the seeds.

Intervals are two-sided 95 % Student t over per-seed values, paired where cells are compared: at 6 to 30
seeds a percentile bootstrap covers only .86 to .93. Page's L (Page 1963) tests an ordered trend with seeds
as blocks; Holm (1979) keeps the family-wise error of the cells of one finding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

CONFIDENCE = 0.95
ALPHA = 0.05
MIN_SEEDS = 6
EXACT_CELLS = 9  # Page's p is exact up to here

# Sums of a few float64 values near 1 differ by less; a "difference" below it is rounding, not an effect.
ROUNDING = 1e-9


# Seeds (seeds,), none twice, and a value of each (seeds,).
PerSeed = tuple[NDArray[np.int64], NDArray[np.float64]]
NO_SEEDS: PerSeed = (np.empty(0, np.int64), np.empty(0))


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean over seeds with its two-sided 95 % t interval and the t test of mean = margin; NaN where undefined."""

    mean: float
    low: float
    high: float
    p: float
    n: int


# What a quantity can be at all: shares and accuracies, rank correlations.
Bounds = tuple[float, float]
SHARE: Bounds = (0.0, 1.0)
CORRELATION: Bounds = (-1.0, 1.0)

NOTHING = Interval(np.nan, np.nan, np.nan, np.nan, 0)


def t_interval(values: ArrayLike, margin: float = 0.0) -> Interval:
    """Return mean, 95 % t interval and two-sided p against `margin` of per-seed values (seeds,).

    Values that are not finite are left out. With one value the mean alone is known, with none nothing. Where
    all agree there is no spread for a t test, and p is the sign test's, 2^(1 - n).

    >>> t_interval([1.0, 2.0, 3.0])
    Interval(mean=2.0, low=-0.484..., high=4.484..., p=0.0741..., n=3)
    """
    x = np.asarray(values, dtype=float)
    x = x[np.isfinite(x)]
    x = np.where(np.abs(x) < ROUNDING, 0.0, x)
    n = x.size
    if n == 0:
        return NOTHING
    mean = float(x.mean())
    if n == 1:
        return Interval(mean, np.nan, np.nan, np.nan, 1)
    se = float(x.std(ddof=1)) / n**0.5
    if se < ROUNDING:
        return Interval(
            mean, mean, mean, 1.0 if abs(mean - margin) < ROUNDING else 2.0 ** (1 - n), n
        )
    half = float(special.stdtrit(n - 1, 0.5 + CONFIDENCE / 2)) * se
    p = float(2 * special.stdtr(n - 1, -abs(mean - margin) / se))
    return Interval(mean, mean - half, mean + half, p, n)


def clipped(interval: Interval, bounds: Bounds) -> Interval:
    """Return an interval with its ends within what the quantity can be; NaN stays.

    >>> clipped(Interval(0.9, 0.7, 1.1, 0.01, 8), SHARE).high
    1.0
    """
    low, high = np.clip([interval.low, interval.high], *bounds).tolist()
    return replace(interval, low=low, high=high)


@dataclass(frozen=True, slots=True)
class Trend:
    """A trend over ordered cells: the per-seed Spearman correlation with its interval, and Page's p."""

    correlation: Interval
    p: float
    n_columns: int


NO_TREND = Trend(NOTHING, np.nan, 0)


def page_trend(values: ArrayLike, *, increasing: bool = True) -> Trend:
    """Test whether rows (seeds) of `values` (seeds, cells) rise along the cells in their given order.

    Args:
        values: (seeds, cells), every seed in every cell; rows with a value that is not finite are left out.
        increasing: test for a rise; else for a fall.

    Returns:
        effect: mean over seeds of the Spearman correlation of value and place (positive for a rise, whatever
        is tested); p: one-sided, Page's L, exact for few seeds and cells. With two cells Page's test is the
        sign test, of which it is computed; with fewer there is none (p NaN).

    >>> page_trend([[1, 2, 3], [1, 2, 3], [2, 1, 3]]).p
    0.0324...
    """
    x = np.asarray(values, dtype=float)
    if x.ndim != 2 or x.shape[1] < 2:
        return NO_TREND
    x = x[np.isfinite(x).all(axis=1)]
    n, k = x.shape
    if n == 0:
        return Trend(NOTHING, np.nan, k)
    # Ties that are only rounding must count as ties.
    ranks = _ranks(np.round(x, 9).astype(np.float64))
    centred = ranks - ranks.mean(axis=1, keepdims=True)
    place = np.arange(k) - (k - 1) / 2
    norm = np.sqrt((centred**2).sum(axis=1) * (place**2).sum())
    correlation = np.divide(centred @ place, norm, out=np.zeros(n), where=norm > 0)
    directed = ranks if increasing else ranks[:, ::-1]
    return Trend(clipped(t_interval(correlation), CORRELATION), _page_p(directed), k)


def _ranks(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rank each row of (seeds, cells) from 1; ties share the mean of their ranks."""
    below = (x[:, None, :] < x[:, :, None]).sum(axis=2)
    same = (x[:, None, :] == x[:, :, None]).sum(axis=2)
    return below + (same + 1) / 2


def _page_p(ranks: NDArray[np.float64]) -> float:
    """Return Page's one-sided p of (seeds, cells) ranks for a rise.

    Exact up to 9 cells, with ties slightly too large; the normal approximation beyond. scipy's test needs
    three cells and two seeds, and loading scipy.stats takes longer than all findings of a small study.
    """
    n, k = ranks.shape
    if k == 2:
        wins = int((ranks[:, 1] > ranks[:, 0]).sum())
        losses = int((ranks[:, 1] < ranks[:, 0]).sum())
        return float(special.bdtrc(wins - 1, wins + losses, 0.5)) if wins else 1.0
    places = np.arange(1, k + 1)
    statistic = float((ranks @ places).sum())
    if k > EXACT_CELLS:
        mean = n * k * (k + 1) ** 2 / 4
        sd = (n * k**2 * (k + 1) * (k**2 - 1) / 144) ** 0.5
        return float(special.ndtr((mean - statistic) / sd))
    row = _row_distribution(k)
    distribution = np.ones(1)
    for _ in range(n):
        distribution = np.convolve(distribution, row)
    lowest = n * k * (k + 1) * (k + 2) // 6
    return float(min(distribution[int(np.ceil(statistic - 1e-9)) - lowest :].sum(), 1.0))


@cache
def _row_distribution(k: int) -> NDArray[np.float64]:
    """Return P(sum of place x rank = lowest + i) of one random ranking of `k` cells, by the ranks already given."""
    lowest, highest = k * (k + 1) * (k + 2) // 6, k * (k + 1) * (2 * k + 1) // 6
    counts = {0: np.ones(1)}  # set of ranks given to the first places -> counts by their sum
    for place in range(1, k + 1):
        following: dict[int, NDArray[np.float64]] = {}
        for given, sums in counts.items():
            for rank in range(1, k + 1):
                if given >> rank & 1:
                    continue
                total = following.setdefault(given | 1 << rank, np.zeros(highest + 1))
                total[place * rank : place * rank + sums.size] += sums[: highest + 1 - place * rank]
        counts = following
    (sums,) = counts.values()
    return sums[lowest:] / sums.sum()


def holm(p_values: ArrayLike) -> NDArray[np.float64]:
    """Return Holm's adjusted p values; NaN entries stay out of the family and stay NaN.

    >>> holm([0.01, 0.04, 0.03]).tolist()
    [0.03, 0.06, 0.06]
    """
    p = np.asarray(p_values, dtype=float)
    adjusted = np.full(p.shape, np.nan)
    known = np.flatnonzero(np.isfinite(p))
    order = known[np.argsort(p[known], kind="stable")]
    factors = np.arange(order.size, 0, -1)
    adjusted[order] = (
        np.minimum(np.maximum.accumulate(p[order] * factors), 1.0) if order.size else []
    )
    return adjusted


def halves(n: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the even and the odd places of `n` sorted seeds."""
    places = np.arange(n)
    return places[::2], places[1::2]


def paired(a: PerSeed, b: PerSeed) -> PerSeed:
    """Return the seeds that both have, sorted, and the differences a - b there."""
    seeds, at_a, at_b = np.intersect1d(a[0], b[0], assume_unique=True, return_indices=True)
    return seeds, a[1][at_a] - b[1][at_b]


def complete(columns: Sequence[PerSeed]) -> PerSeed:
    """Return the seeds that every column has, sorted, and their values (seeds, columns)."""
    if not columns:
        return np.empty(0, np.int64), np.empty((0, 0))
    seeds = columns[0][0]
    for other, _ in columns[1:]:
        seeds = np.intersect1d(seeds, other, assume_unique=True)
    seeds = np.sort(seeds)
    out = np.empty((seeds.size, len(columns)))
    for place, (own, values) in enumerate(columns):
        order = np.argsort(own)
        out[:, place] = values[order][np.searchsorted(own[order], seeds)]
    return seeds, out


def mean_over(columns: Sequence[PerSeed]) -> PerSeed:
    """Average over cells the seeds that all of them have."""
    seeds, values = complete(columns)
    return seeds, values.mean(axis=1) if values.size else np.empty(0)
