"""How far a study is: derived from commits, failures and claims each time, never stored."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from infosweep.errors import LimitError, NotFoundError, StoreError, StudyError
from infosweep.plan import trials_of
from infosweep.store import open_store

if TYPE_CHECKING:
    from infosweep.store.store import StudyStore
    from infosweep.study.settings import StudySettings

_MEND = "run the study again: its file is written anew then, and its results are kept"


def stored_study(held: StudyStore) -> StudySettings:
    """Return the study as it was last run. Its file is read as a user's is: nothing in it is run.

    Raises:
        NotFoundError: the store has no such study.
        StoreError: its file was damaged or exchanged, or written by a newer version.
    """
    from infosweep.study.faults import Source
    from infosweep.study.load import load_text

    held.check_version()
    path = held.objects.locate(f"{held.name}/_meta/study.yaml")
    try:
        text = held.load_study_text()
        if text is None:
            raise NotFoundError(f"there is no study '{held.name}' in {held.store.url}")
        study = load_text(text, Source(path))
    except (StudyError, LimitError, UnicodeDecodeError) as error:
        reason = str(error).partition("\n")[0].removeprefix("error: ")
        raise StoreError(f"{path} is damaged ({reason})", _MEND) from error
    if study.name != held.name:
        raise StoreError(f"{path} is that of another study, '{study.name}'", _MEND)
    return study


def study_status(store: str | Path, name: str) -> dict[str, Any]:
    """Return how many of a study's trials are done, diverged, failed, running and lost.

    Counted are the trials that the study asks for as it was last run. A trial is done once it is trained and
    stored; `diverged` ones are among the done. Else it is in at most one count of failed, running and lost, and
    what is left of `trials` has not begun. `other` trials are in the store though the study no longer asks
    for them.

    Args:
        store: folder or URL.
        name: the study.

    Raises:
        NotFoundError: there is no such store or study.
        StoreError: the file of the study in the store was damaged, or written by a newer version.

    Returns:
        study, trials, done (diverged ones among them), diverged, failed, running, lost (begun by a worker
        that is gone or has not reported for 60 s; the next run takes them up), other, damaged (committed, but a
        file of theirs is nowhere; `infosweep doctor --repair` lets the next run make them anew).
    """
    held = open_store(store, create=False).study(name)
    study = stored_study(held)
    ours = {trial.trial_id for trial in trials_of(study)}
    commits = held.commits()
    damaged = held.damaged_ids()
    done = {t for commit in commits.values() for t in commit.trial_ids} - damaged
    diverged = {t for commit in commits.values() for t in commit.diverged_ids} - damaged
    at_work: dict[str, set[str]] = {"running": set(), "lost": set()}
    claims = [claim for claim in held.claims() if claim.pack_id not in commits]
    packs = held.fixed_packs(uncommitted=True) if claims else {}
    for claim in claims:
        trials = packs.get(claim.pack_id, {}).get("trials", ())
        at_work[claim.state].update(trial["trial_id"] for trial in trials)
    running = at_work["running"] & ours - done
    failed = held.failed_ids() & ours - running - damaged
    lost = at_work["lost"] & ours - done - running - failed
    return {
        "study": name,
        "trials": len(ours),
        "done": len(done & ours),
        "diverged": len(diverged & ours),
        "failed": len(failed),
        "running": len(running),
        "lost": len(lost),
        "other": len(done - ours),
        "damaged": len(damaged),
    }
