"""When a trial is measured: checkpoints over its epochs, or over its steps where `steps` was given.

Epoch 0 and the last are always among them, duplicates merge, and there are at most `record.checkpoints`.
From 8 checkpoints on at least 3 lie in the last 20 % of the training (as far as there are epochs), since
findings compare a peak with the mean of that end window.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from infosweep.plan.trial import Trial

END_WINDOW = 0.2  # share of the training
END_CHECKPOINTS = 3
LEAST_FOR_WINDOW = 8


def checkpoints_of(trial: Trial) -> tuple[tuple[int, int], ...]:
    """Return the moments of measurement as (epoch, step); the first is (0, 0), the last the end.

    `epoch` counts finished passes over the training examples. Where training is given in steps, the moments
    are spaced in steps, and several may lie in one epoch.
    """
    moments, steps_per_epoch = _moments(trial), trial.steps_per_epoch
    if trial.training.steps is not None:
        return tuple((step // steps_per_epoch, step) for step in moments)
    return tuple((epoch, epoch * steps_per_epoch) for epoch in moments)


def count_checkpoints(trial: Trial) -> int:
    """Return how many moments of measurement a trial has."""
    return len(_moments(trial))


def _moments(trial: Trial) -> tuple[int, ...]:
    training, record = trial.training, trial.record
    last = training.epochs if training.steps is None else training.steps
    return spaced(last, record.checkpoints, record.spacing)


@cache
def spaced(last: int, at_most: int, spacing: Literal["log", "linear"]) -> tuple[int, ...]:
    """Return sorted distinct integers from 0 to `last`, at most `at_most` of them.

    >>> spaced(1000, 8, "log")
    (0, 1, 6, 32, 178, 840, 920, 1000)
    >>> spaced(1000, 5, "linear")
    (0, 250, 500, 750, 1000)
    """
    if at_most < LEAST_FOR_WINDOW:
        return tuple(sorted(_grid(last, at_most, spacing)))
    size = at_most
    while True:
        points = _grid(last, size, spacing)
        if sum(point > (1 - END_WINDOW) * last for point in points) < END_CHECKPOINTS:
            points |= _end_points(last)
        if len(points) <= at_most:
            return tuple(sorted(points))
        size -= 1


def _grid(last: int, size: int, spacing: Literal["log", "linear"]) -> set[int]:
    if spacing == "linear":
        return {round(last * i / (size - 1)) for i in range(size)}
    if size == 2:
        return {0, last}
    return {0, *(round(last ** (i / (size - 2))) for i in range(size - 1))}


def _end_points(last: int) -> set[int]:
    """Return three points (as far as there are) for an end window that the grid leaves too empty."""
    points = (last - max(k, round(0.4 * END_WINDOW * last * k)) for k in range(END_CHECKPOINTS))
    return {point for point in points if point >= (1 - END_WINDOW) * last}
