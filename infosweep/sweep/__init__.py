"""Who does the work: `run_pack`, which trains and measures a pack, and its callers.

run.py         a study's run: plan what the store lacks, fix packs, call an executor, sum up
pack.py        the one function that trains and measures a pack and commits its rows
rows.py        a trial's rows
inline.py      executor: threads of this process
ray_tune.py    executor: Ray Tune, one Tune trial a pack
trainable.py   what Ray's workers run
progress.py    how far a run is, on stderr
interrupts.py  the first signal drains, the second aborts
look.py        looks at tasks and networks of the user's own before anything runs
status.py      how far a study is, from what the store holds
logs.py        why trials failed, by cause
doctor.py      whether this machine and a store are fit for a run
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from infosweep.sweep.pack import PackOutcome, run_pack
    from infosweep.sweep.run import RunSummary, run_study
    from infosweep.sweep.status import study_status

__all__ = ["PackOutcome", "RunSummary", "run_pack", "run_study", "study_status"]


def __getattr__(name: str) -> Any:
    match name:
        case "run_study" | "RunSummary":
            from infosweep.sweep import run as module
        case "run_pack" | "PackOutcome":
            from infosweep.sweep import pack as module
        case "study_status":
            from infosweep.sweep import status as module
        case _:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(module, name)
