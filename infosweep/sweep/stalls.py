"""When a pack counts as stalled: without progress for ten minutes, or twenty times what it should take.

Generous, because a pack that is merely slow must never be taken for one that hangs.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from infosweep.plan.cost import pack_seconds

if TYPE_CHECKING:
    from infosweep.plan.trial import Pack

AT_LEAST = 600.0  # seconds
TIMES_ESTIMATE = 20.0
# Of the time between two looks at most so much counts: where more has passed, the machine or this process
# slept, and the pack with it.
_LONGEST_LOOK = 5.0  # seconds


class Stalled(Exception):  # noqa: N818 - its name is the failure's kind
    """A pack that made no progress for too long; its name stands in `failures`."""


def patience_with(pack: Pack) -> float:
    """Return the seconds that a pack may be without progress."""
    return max(AT_LEAST, TIMES_ESTIMATE * pack_seconds(pack.trials))


class StallClock:
    """Adds up how long there was no progress, while somebody looks.

    Args:
        patience: seconds.
        clock: seconds, for tests.
    """

    def __init__(self, patience: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.patience = patience
        self._clock = clock
        self._looked = clock()
        self._without = 0.0

    def moved(self) -> None:
        """Say that there was progress."""
        self._without = 0.0

    def has_run_out(self) -> bool:
        """Look: say whether patience has run out. To be called every few seconds."""
        now = self._clock()
        self._without += min(now - self._looked, _LONGEST_LOOK)
        self._looked = now
        return self._without > self.patience
