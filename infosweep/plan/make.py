"""The plan of a study: its cells and trials, what is done, the packs to run, what they will take."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from infosweep.errors import UsageError
from infosweep.plan.cells import Cell, cells_of
from infosweep.plan.cost import Estimate, estimate, pack_seconds
from infosweep.plan.engine import engine_of
from infosweep.plan.notes import notes_on
from infosweep.plan.packs import make_packs, reused
from infosweep.plan.trial import Pack, Trial
from infosweep.plan.trials import trials_of_cells
from infosweep.units import count, format_duration

if TYPE_CHECKING:
    from infosweep.study.settings import StudySettings


@dataclass(frozen=True, repr=False)
class Plan:
    """What a run would do.

    Attributes:
        study: the study.
        cells: its grid.
        trials: every cell with every seed.
        done: trials of the study that the store holds.
        other: trials of the store that the study lacks; kept, left out of findings.
        failed: trials of the study whose last attempt failed; run again.
        packs: what is to run, longest first.
        again: those of the packs that hold a trial which failed before.
        estimate: what that takes.
        notes: what the user should know before running, one sentence each.
    """

    study: StudySettings
    cells: tuple[Cell, ...]
    trials: tuple[Trial, ...]
    done: int
    other: int
    failed: int
    packs: tuple[Pack, ...]
    again: tuple[Pack, ...]
    estimate: Estimate
    notes: tuple[str, ...]

    @property
    def to_run(self) -> int:
        """Trials in the packs to run, those of reused packs that the study lacks included."""
        return sum(len(pack.trials) for pack in self.packs)

    def __repr__(self) -> str:
        text = f"{count(len(self.trials), 'trial')}, {self.done} done, {self.to_run} to run"
        if self.packs:
            took = format_duration(self.estimate.seconds)
            text += f" in {count(len(self.packs), 'pack')}, about {took}"
        return f"Plan({self.study.name!r}: {count(len(self.cells), 'cell')}; {text})"


def check_workers(workers: int | None) -> None:
    """Raise UsageError for a number of workers that is not one or more; None leaves it to the machine."""
    if workers is None:
        return
    if isinstance(workers, bool) or not isinstance(workers, int) or workers < 1:
        raise UsageError(
            f"workers is {workers!r}; it must be a whole number, 1 or more",
            "leave it out for one worker a usable core",
        )


def make_plan(
    study: StudySettings,
    *,
    done: Collection[str] = (),
    fixed: Iterable[Pack | Mapping[str, Any]] = (),
    failed: Collection[str] = (),
    committed: Collection[str] = (),
    workers: int = 2,
) -> Plan:
    """Plan what a store lacks of a study.

    Args:
        study: the study.
        done: ids of the trials that the store holds.
        fixed: packs that the store has fixed, as packs or as the store keeps them (`pack_to_json`); the
            uncommitted ones are reused whole.
        failed: ids of trials that failed and are not done since; they form packs of their own.
        committed: ids of committed packs: never reused, nor their ids given again.
        workers: how many will run packs at once.

    Raises LimitError if the study has more trials than `limits.trials`, StoreError if a fixed pack that is
    wanted cannot be read, UsageError if there are no workers.
    """
    check_workers(workers)
    cells = cells_of(study)
    trials = trials_of_cells(cells, study.seeds, study.record, study.estimators)
    done, failed, committed = set(done), set(failed), set(committed)
    wanted = {trial.trial_id: trial for trial in trials if trial.trial_id not in done}
    kept = reused(fixed, wanted, done, committed)
    covered = {trial.trial_id for pack in kept for trial in pack.trials}
    left = [trial for trial_id, trial in wanted.items() if trial_id not in covered]
    size = study.resources.pack
    packs = list(kept)
    for again in (False, True):
        part = [trial for trial in left if (trial.trial_id in failed) == again]
        packs += make_packs(part, size, workers, committed)
    packs.sort(key=lambda pack: -pack_seconds(pack.trials))
    n_again = len(failed & wanted.keys())
    return Plan(
        study=study,
        cells=tuple(cells),
        trials=tuple(trials),
        done=len(trials) - len(wanted),
        other=len(done) - (len(trials) - len(wanted)),
        failed=n_again,
        packs=tuple(packs),
        again=tuple(p for p in packs if any(t.trial_id in failed for t in p.trials)),
        estimate=estimate(packs, workers),
        notes=(
            *notes_on(study, cells),
            *_note_on_gpus(study, trials),
            *_notes_on_store(kept, wanted, n_again),
        ),
    )


def _note_on_gpus(study: StudySettings, trials: Sequence[Trial]) -> list[str]:
    if study.resources.gpus == 0:
        return []
    fused = sum(engine_of(trial) == "fused" for trial in trials)
    if not fused:
        return []
    some = "" if fused == len(trials) else f", which trains {fused:,} of {len(trials):,} trials"
    return [
        f"gpus are not used by engine fused{some}; write `training.engine: torch`, or "
        "`resources.gpus: 0`"
    ]


def _notes_on_store(kept: list[Pack], wanted: Mapping[str, Trial], again: int) -> list[str]:
    notes = []
    if kept:
        strange = sum(trial.trial_id not in wanted for pack in kept for trial in pack.trials)
        whole = f", with {count(strange, 'trial')} that the study lacks by now" if strange else ""
        are = "is run as it stands" if len(kept) == 1 else "are run as they stand"
        notes.append(f"{count(len(kept), 'pack')} that an earlier run left unfinished {are}{whole}")
    if again:
        are = "is" if again == 1 else "are"
        notes.append(f"{count(again, 'trial')} failed before and {are} run again")
    return notes
