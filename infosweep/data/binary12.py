"""The 12-bit task of Shwartz-Ziv & Tishby 2017 (arXiv 1703.00810), label for label the authors' data.

The bits sit on the vertices of an icosahedron. The label depends on three counts alone: bits set, edges
with both ends set, antipodal pairs with both set; so it is the same for all rotations (the paper's
"spherically symmetric" rule). P(y = 1) = 2118/4096, H(Y) = .99916 bits. The same labels come from a
threshold on n + |sum of the set vertices|, which the tests check; counts need no rounding.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# The five neighbours of each vertex, in the bit order of the published file.
NEIGHBOURS = (
    *((1, 3, 5, 10, 11), (0, 2, 3, 4, 11), (1, 3, 4, 8, 9), (0, 1, 2, 8, 10)),
    *((1, 2, 6, 9, 11), (0, 6, 7, 10, 11), (4, 5, 7, 9, 11), (5, 6, 8, 9, 10)),
    *((2, 3, 7, 9, 10), (2, 4, 6, 7, 8), (0, 3, 5, 7, 8), (0, 1, 4, 5, 6)),
)
ANTIPODES = ((0, 9), (1, 7), (2, 5), (3, 6), (4, 10), (8, 11))


def make() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return inputs (4096, 12) float32, each 0 or 1 as in the authors' file, and labels (4096,) int64.

    Row i is the number i in binary, bit 0 the most significant: far from a random order, so permute
    before splitting.
    """
    bits = (np.arange(4096)[:, None] >> np.arange(11, -1, -1)) & 1  # (4096, 12)
    adjacent = np.zeros((12, 12), np.int64)
    for vertex, neighbours in enumerate(NEIGHBOURS):
        adjacent[vertex, list(neighbours)] = 1
    ones = bits.sum(axis=1)
    edges = ((bits @ adjacent) * bits).sum(axis=1) // 2
    pairs = sum(bits[:, a] * bits[:, b] for a, b in ANTIPODES)
    labels = np.select(
        [ones <= 4, ones == 5, ones == 6, ones == 7],
        [
            np.zeros(4096, bool),
            edges == 7,
            (edges >= 7) | ((edges == 6) & (pairs == 0)),
            ~((edges == 8) & (pairs == 2)),
        ],
        default=True,
    )
    return bits.astype(np.float32), labels.astype(np.int64)
