"""The grid of axes without building it: combinations of some axes only, as far as they can be walked."""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

MOST_POINTS = 100_000  # that are walked to check a study; a larger grid is past any limit of trials


def combinations(
    axes: Mapping[str, Sequence[Any]], groups: Sequence[Sequence[str]], names: Collection[str]
) -> Iterator[dict[str, Any]] | None:
    """Return the distinct combinations of values that the named axes take, or None if they are too many.

    Args:
        axes: axis -> values.
        groups: axes that advance together.
        names: the axes asked for.
    """
    joined = {name: tuple(group) for group in groups for name in group}
    parts: dict[tuple[str, ...], list[tuple[Any, ...]]] = {}
    for name in axes:
        if name not in names:
            continue
        group = tuple(member for member in joined.get(name, (name,)) if member in names)
        if group not in parts:
            parts[group] = list(
                dict.fromkeys(zip(*(axes[member] for member in group), strict=True))
            )
    if math.prod(len(values) for values in parts.values()) > MOST_POINTS:
        return None
    order = list(itertools.chain.from_iterable(parts))
    return (
        dict(zip(order, itertools.chain.from_iterable(point), strict=True))
        for point in itertools.product(*parts.values())
    )
