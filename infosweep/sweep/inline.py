"""Packs in this process, one after another, on threads over their networks."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from infosweep.sweep.pack import run_pack, warm_up

if TYPE_CHECKING:
    from infosweep.plan.trial import Pack
    from infosweep.store.store import StudyStore
    from infosweep.sweep.interrupts import Interrupts
    from infosweep.sweep.progress import Progress


def run_inline(
    packs: Sequence[Pack],
    held: StudyStore,
    *,
    workers: int,
    device: str,
    retries: int,
    extra: Mapping[str, str],
    interrupts: Interrupts,
    progress: Progress,
) -> None:
    """Run packs on `workers` threads, until all are run or an interrupt drains.

    Raises:
        StoreError: the store cannot be written.
        Aborted: a second interrupt; threads are left to end at their next checkpoint.
    """
    warm_up(packs)
    stop = threading.Event()
    progress.begin()
    try:
        for pack in packs:
            if interrupts.draining:
                return
            run_pack(
                pack,
                held,
                cpus=workers,
                device=device,
                retries=retries,
                extra=extra,
                on_progress=progress.take,
                stop=stop,
            )
    finally:
        stop.set()
