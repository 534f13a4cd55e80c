"""From trials to packs: which trials are trained together, and the form in which a pack is kept.

A pack is fixed once: what a store holds of an uncommitted pack is run whole, as it stands, so that a late
worker of a killed run and the next run do the same work under the same name.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from infosweep.errors import StoreError, StudyError
from infosweep.plan.cost import TORCH_PACK, trial_seconds
from infosweep.plan.engine import engine_of
from infosweep.plan.ids import pack_id_of
from infosweep.plan.trial import Pack
from infosweep.plan.trials import trial_from_content
from infosweep.study.settings import MlpSettings, OwnModelSettings, OwnTaskSettings

if TYPE_CHECKING:
    from infosweep.plan.trial import Trial

# A pack takes some seconds, so that scheduling (0.1-0.24 s a Tune trial) is little beside it and a kill
# loses little; each worker gets several, for balance; and Tune gets no more than it handles well.
LEAST_SECONDS, MOST_SECONDS, PACKS_PER_WORKER, MOST_PACKS = 2.0, 20.0, 4, 2000


def make_packs(
    trials: Sequence[Trial], size: int | str, workers: int, taken: Collection[str] = ()
) -> list[Pack]:
    """Group trials of equal shapes and settings, and cut the groups into packs.

    Args:
        trials: what is to be packed.
        size: trials in a pack, or `auto`: by estimated seconds.
        workers: how many will run packs at once.
        taken: ids of packs that are committed already.
    """
    groups: dict[tuple[Any, ...], list[Trial]] = {}
    for trial in trials:
        groups.setdefault(_shape(trial), []).append(trial)
    seconds = {key: trial_seconds(group[0], TORCH_PACK) for key, group in groups.items()}
    total = sum(seconds[key] * len(group) for key, group in groups.items())
    target = min(max(total / (PACKS_PER_WORKER * workers), LEAST_SECONDS), MOST_SECONDS)
    target = max(target, total / MOST_PACKS)
    packs = []
    for key, group in groups.items():
        if isinstance(size, int):
            chunks = [group[i : i + size] for i in range(0, len(group), size)]
        else:
            count = round(seconds[key] * len(group) / target)
            if engine_of(group[0]) == "torch" and isinstance(group[0].model, MlpSettings):
                # Small packs are slow there, and large ones no faster.
                count = min(max(count, -(-len(group) // TORCH_PACK)), -(-len(group) // 8))
            chunks = _even(group, count)
        packs += [Pack(_free_id(chunk, taken), tuple(chunk)) for chunk in chunks]
    return packs


def pack_to_json(pack: Pack) -> dict[str, Any]:
    """Return what a store keeps of a pack: all that is needed to run it."""
    trials = [
        {"trial_id": trial.trial_id, "content": trial.content, "extra": trial.extra}
        for trial in pack.trials
    ]
    return {"pack_id": pack.pack_id, "trials": trials}


def pack_from_json(payload: Mapping[str, Any]) -> Pack:
    """Rebuild a pack from what a store keeps of it.

    Raises StoreError if the payload is damaged or written by a version that this one cannot read.
    """
    try:
        trials = tuple(
            trial_from_content(trial["content"], trial["extra"]) for trial in payload["trials"]
        )
        return Pack(payload["pack_id"], trials)
    except (KeyError, TypeError, ValueError, StudyError) as error:
        raise _unreadable(error) from error


def reused(
    fixed: Iterable[Pack | Mapping[str, Any]],
    wanted: Mapping[str, Trial],
    done: Collection[str],
    committed: Collection[str],
) -> list[Pack]:
    """Return the fixed, uncommitted packs that hold at least one wanted trial.

    Their trials that are wanted are taken from the study (their further axes may have other columns by
    now), the rest stays as kept. A pack that holds a trial which is done elsewhere is left: run again,
    it would give that trial twice.
    """
    packs, covered = [], set(done)
    for each in fixed:
        pack_id, ids = _peek(each)
        if pack_id in committed or covered.intersection(ids) or not any(i in wanted for i in ids):
            continue
        covered.update(ids)
        pack = each if isinstance(each, Pack) else pack_from_json(each)
        known = next(wanted[trial_id] for trial_id in ids if trial_id in wanted)
        trials = tuple(
            wanted.get(trial.trial_id) or _at_home(trial, known) for trial in pack.trials
        )
        packs.append(Pack(pack_id, trials))
    return packs


def _at_home(trial: Trial, known: Trial) -> Trial:
    """Return a kept trial that the study lacks, tied to the folder of the study's own functions.

    A pack names no function that the study does not name: a store may come from anywhere, and what it
    names would be imported and called.
    """
    for name, cls in (("task", OwnTaskSettings), ("model", OwnModelSettings)):
        settings, ours = getattr(trial, name), getattr(known, name)
        if isinstance(settings, cls):
            if not isinstance(ours, cls) or settings.kind != ours.kind:
                raise _unreadable(ValueError(f"{name} {settings.kind!r} is not the study's"))
            trial = replace(trial, **{name: replace(settings, folder=ours.folder)})
    return trial


def _peek(pack: Pack | Mapping[str, Any]) -> tuple[str, list[str]]:
    """Return a pack's id and trial ids without rebuilding its trials."""
    if isinstance(pack, Pack):
        return pack.pack_id, [trial.trial_id for trial in pack.trials]
    try:
        return pack["pack_id"], [trial["trial_id"] for trial in pack["trials"]]
    except (KeyError, TypeError) as error:
        raise _unreadable(error) from error


def _unreadable(error: Exception) -> StoreError:
    reason = str(error).partition("\n")[0]
    return StoreError(
        f"a kept pack cannot be read ({type(error).__name__}: {reason})",
        "it is damaged or of another version of infosweep; run with that version, or remove its file "
        "from `_meta/packs`",
    )


def _shape(trial: Trial) -> tuple[Any, ...]:
    """Return what trials of one pack have in common: tensor shapes, steps, moments, and the optimiser."""
    return (
        trial.task.kind,
        trial.task.n_test,
        trial.hidden,
        trial.model.activation if isinstance(trial.model, MlpSettings) else trial.model,
        trial.training,
        trial.n_fit,
        trial.batch_used,
    )


def _even(group: Sequence[Trial], count: int) -> list[Sequence[Trial]]:
    """Cut a group into so many runs whose lengths differ by at most one."""
    count = min(max(count, 1), len(group))
    bounds = [len(group) * i // count for i in range(count + 1)]
    return [group[start:end] for start, end in pairwise(bounds)]


def _free_id(trials: Sequence[Trial], taken: Collection[str]) -> str:
    ids, generation = [trial.trial_id for trial in trials], 0
    while (pack_id := pack_id_of(ids, generation)) in taken:
        generation += 1
    return pack_id
