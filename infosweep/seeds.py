"""The only place that seeds: counter-based generators keyed by seed, purpose and counters.

`generator` serves draws made once (initial weights, splits, label noise): numpy's Philox, a
counter-based generator (Salmon et al., SC 2011). `permute` serves shuffles inside compiled loops:
Fisher-Yates on SplitMix64 (Steele, Lea & Flood, OOPSLA 2014), whose i-th output is a function of key and
counter alone. Both depend on nothing but their arguments: never on packing, workers or a trial's other
settings.
"""

from __future__ import annotations

import hashlib

import numpy as np
from numba import njit
from numpy.typing import NDArray

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX2 = np.uint64(0x94D049BB133111EB)


def _digest(seed: int, purpose: str, counters: tuple[int, ...]) -> bytes:
    text = ":".join([str(seed), purpose, *map(str, counters)])
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


def generator(seed: int, purpose: str, *counters: int) -> np.random.Generator:
    """Return a generator for one purpose (init, split, noise, probe, ...) of one seed.

    >>> generator(0, "split").integers(100) == generator(0, "split").integers(100)
    np.True_
    """
    key = int.from_bytes(_digest(seed, purpose, counters), "little")
    return np.random.Generator(np.random.Philox(key=key))


def stream_key(seed: int, purpose: str, *counters: int) -> np.uint64:
    """Return the 64-bit key with which `permute` draws for one purpose (shuffle, null, gradient).

    >>> stream_key(0, "shuffle") == stream_key(0, "null")
    np.False_
    """
    return np.uint64(int.from_bytes(_digest(seed, purpose, counters)[:8], "little"))


@njit(cache=True, nogil=True)
def _mix(state: np.uint64) -> np.uint64:
    state = (state ^ (state >> np.uint64(30))) * _MIX1
    state = (state ^ (state >> np.uint64(27))) * _MIX2
    return state ^ (state >> np.uint64(31))


@njit(cache=True, nogil=True)
def permute(items: NDArray[np.int64], key: np.uint64, counter: int) -> None:
    """Shuffle `items` in place; the result depends on its contents, `key` and `counter` alone.

    Draws 32 random bits an item, so at most 2**32 items; the bias of an index is below n / 2**32.
    """
    state = _mix(key + _mix(np.uint64(counter) + _GOLDEN))
    for i in range(items.shape[0] - 1, 0, -1):
        state = state + _GOLDEN
        high = _mix(state) >> np.uint64(32)
        j = np.int64((high * np.uint64(i + 1)) >> np.uint64(32))
        items[i], items[j] = items[j], items[i]
