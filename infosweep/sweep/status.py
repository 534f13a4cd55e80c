"""How far a study is: derived from commits, failures and claims each time, never stored."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from infosweep.errors import NotFoundError
from infosweep.plan import trials_of
from infosweep.store import open_store
from infosweep.study import study_from_mapping


def study_status(store: str | Path, name: str) -> dict[str, Any]:
    """Return how many of a study's trials are done, diverged, failed, running and lost.

    Counted are the trials that the study asks for as it was last run; each is in at most one count, and
    what is left of `trials` has not begun. `other` trials are in the store though the study no longer asks
    for them.

    Args:
        store: folder or URL.
        name: the study.

    Raises:
        NotFoundError: there is no such store or study.

    Returns:
        study, trials, done (diverged ones left out), diverged, failed, running, lost (begun by a worker
        that is gone or has not reported for 60 s; the next run takes them up), other, damaged (committed, but a
        file of theirs is nowhere; `infosweep doctor --repair` lets the next run make them anew).
    """
    import yaml

    held = open_store(store, create=False).study(name)
    text = held.load_study_text()
    if text is None:
        raise NotFoundError(f"there is no study '{name}' in {store}")
    study = study_from_mapping(yaml.safe_load(text), source=f"{name}/_meta/study.yaml")
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
        "done": len(done & ours - diverged),
        "diverged": len(diverged & ours),
        "failed": len(failed),
        "running": len(running),
        "lost": len(lost),
        "other": len(done - ours),
        "damaged": len(damaged),
    }
