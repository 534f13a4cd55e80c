"""Causes of failures: grouped, counted, the newest first."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from infosweep.errors import NotFoundError
from infosweep.plan import pack_to_json, trials_of
from infosweep.plan.trial import Pack
from infosweep.store.schemas import concat_tables
from infosweep.study import dump_yaml
from infosweep.sweep.logs import study_logs
from infosweep.sweep.rows import failure_rows

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
LOG = 'Traceback\n  File "own.py", line {line}, in build\nValueError: no\n'


@pytest.fixture
def study(held, tiny):
    held.save_study(dump_yaml(tiny()))
    return held


@pytest.fixture
def trials(tiny):
    return trials_of(tiny())


def fail(held, pack_id, trials, error, *, minutes=0, line=1, kind="ValueError"):
    attempt = {
        "pack_id": pack_id,
        "attempt": f"a{minutes}",
        "error_kind": kind,
        "error": error,
        "log": LOG.format(line=line),
    }
    rows = concat_tables([failure_rows(trial, "tiny", attempt, {}) for trial in trials])
    moment = [NOON + timedelta(minutes=minutes)] * len(rows)
    place = rows.schema.get_field_index("failed_at")
    rows = rows.set_column(place, rows.schema.field(place), [moment])
    held.write_failures(pack_id, f"a{minutes}", rows)


@pytest.mark.usefixtures("study")
def test_nothing_failed(store):
    assert study_logs(store, "tiny") == []


def test_failures_are_grouped_by_cause_the_newest_first(study, store, trials):
    fail(study, "p1", trials[:2], "not finite at step 12")
    fail(study, "p1", trials[:2], "not finite at step 7", minutes=5)
    fail(study, "p2", trials[2:3], "not finite at step 3", minutes=3, line=2)
    fail(study, "p3", trials[3:4], "no memory", minutes=9, kind="MemoryError")
    causes = study_logs(store, "tiny")
    assert [(c["error_kind"], c["error"], c["failures"]) for c in causes] == [
        ("MemoryError", "no memory", 1),
        ("ValueError", "not finite at step 7", 4),
        ("ValueError", "not finite at step 3", 1),
    ]
    two = causes[1]
    assert two["trials"] == sorted(trial.trial_id for trial in trials[:2]) == two["open"]
    assert (two["packs"], two["log"]) == (["p1"], LOG.format(line=1))
    assert (two["first_at"], two["last_at"]) == (NOON, NOON + timedelta(minutes=5))


def test_a_pack_or_a_trial_narrows_it_down(study, store, trials):
    fail(study, "p1", trials[:2], "one")
    fail(study, "p2", trials[2:4], "two", minutes=1)
    assert [cause["error"] for cause in study_logs(store, "tiny", "p1")] == ["one"]
    (cause,) = study_logs(store, "tiny", trials[3].trial_id)
    assert cause["trials"] == [trials[3].trial_id]
    with pytest.raises(NotFoundError, match=r"no pack 'p7'\n  mend: .* failed: p1, p2"):
        study_logs(store, "tiny", "p7")


def test_a_pack_that_did_not_fail_is_known(study, store, trials):
    study.fix_pack("p5", pack_to_json(Pack("p5", tuple(trials[:1]))))
    assert study_logs(store, "tiny", "p5") == []
    assert study_logs(store, "tiny", trials[0].trial_id) == []


@pytest.mark.usefixtures("study")
def test_a_study_that_is_not_there_is_said(store):
    with pytest.raises(NotFoundError, match="studies there: tiny"):
        study_logs(store, "tyni")
