"""Each check says what there is, fails where it must, and mends what it can tell."""

from __future__ import annotations

import importlib.metadata
import os
import resource
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from infosweep.errors import StoreError
from infosweep.plan import make_plan
from infosweep.store import open_store, probe
from infosweep.sweep import doctor
from infosweep.sweep.doctor import diagnose, exit_code_of


@pytest.fixture(autouse=True)
def private_home(tmp_path, monkeypatch):
    """A home of the test's own: nothing that this machine's says."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("RAY_AUTH_TOKEN_PATH", raising=False)
    return home


def found_by(store, *args, **options):
    return {check.name: check for check in diagnose(store, *args, **options)}


def test_a_sound_machine_passes_and_nothing_is_written(tmp_path):
    checks = found_by(tmp_path / "results")
    assert {name: c.found for name, c in checks.items() if c.result == "failed"} == {}
    assert exit_code_of(list(checks.values())) == 0
    assert set(checks) == {
        "python", "libraries", "cores", "gpu", "home", "open files", "shared memory", "ray token",
        "store", "clock", "disk", "ray",
    }  # fmt: skip
    assert f"numpy {importlib.metadata.version('numpy')}" in checks["libraries"].found
    assert "not there yet" in checks["store"].found
    assert "--ray" in checks["ray"].found
    assert [path.name for path in tmp_path.iterdir()] == ["home"]


def test_libraries_that_are_too_old_or_missing_are_named(tmp_path, monkeypatch):
    wanted = ["numpy>=999", "no-such-thing>=1", "click>=8", 'later>=1; extra == "serve"']
    monkeypatch.setattr(importlib.metadata, "requires", lambda _: wanted)
    check = found_by(tmp_path)["libraries"]
    assert (check.result, check.exit_code) == ("failed", 1)
    have = importlib.metadata.version("numpy")
    assert check.found == f"numpy is {have}, needed is >=999; no-such-thing is not installed"


@pytest.mark.parametrize(("mode", "code"), [(0o600, 0), (0o644, 4), (0o620, 4)])
def test_a_token_that_others_can_read_fails_as_ray(tmp_path, private_home, mode, code):
    token = private_home / ".ray" / "auth_token"
    token.parent.mkdir()
    token.write_text("secret")
    token.chmod(mode)
    check = found_by(tmp_path)["ray token"]
    assert check.exit_code == code
    assert f"{mode:04o}" in check.found
    assert "secret" not in check.found
    assert check.mend == (f"chmod 600 {token}" if code else None)


def test_a_home_that_cannot_be_written_fails_as_ray(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "nowhere"))
    check = found_by(tmp_path)["home"]
    assert (check.result, check.exit_code) == ("failed", 4)
    assert "no such file or directory" in check.found


def test_few_open_files_and_little_shared_memory_are_warnings(tmp_path, monkeypatch):
    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, 4096))
    monkeypatch.setattr(
        doctor.shutil, "disk_usage", lambda _: SimpleNamespace(free=64_000_000, total=64_000_000)
    )
    monkeypatch.setattr(probe, "free_bytes", lambda _: 10**12)
    checks = found_by(tmp_path)
    assert checks["open files"].mend == "ulimit -n 4096"
    assert "--shm-size" in checks["shared memory"].mend
    assert {checks[name].result for name in ("open files", "shared memory")} == {"warning"}
    assert exit_code_of(list(checks.values())) == 0


def test_a_store_that_cannot_be_written_fails_and_the_rest_is_still_told(tmp_path):
    (tmp_path / "results").write_text("a file")
    checks = found_by(tmp_path / "results")
    assert (checks["store"].result, checks["store"].exit_code) == ("failed", 6)
    assert "it is a file" in checks["store"].found
    assert "ray" in checks
    assert exit_code_of(list(checks.values())) == 6


def test_the_clock_of_the_store_is_compared(tmp_path, monkeypatch):
    for skew, told in ((90.0, "1m30s ahead of"), (-90.0, "1m30s behind")):
        monkeypatch.setattr(probe, "_clock", lambda *_, skew=skew: skew)
        check = found_by(tmp_path)["clock"]
        assert (check.result, check.exit_code) == ("failed", 6)
        assert told in check.found


def test_a_clock_from_before_the_installation_fails(tmp_path, monkeypatch):
    past = datetime(2001, 1, 1, tzinfo=UTC)
    monkeypatch.setattr(
        doctor,
        "datetime",
        SimpleNamespace(now=lambda _: past, fromtimestamp=datetime.fromtimestamp),
    )
    check = found_by(tmp_path)["clock"]
    assert (check.result, check.exit_code) == ("failed", 6)
    assert "2001-01-01" in check.found


def test_a_plan_needs_space_and_memory(tmp_path, tiny, monkeypatch):
    plan = make_plan(tiny())
    assert found_by(tmp_path, plan=lambda: plan)["disk"].result == "ok"
    monkeypatch.setattr(probe, "free_bytes", lambda _: plan.estimate.store_bytes - 1)
    monkeypatch.setattr(doctor, "_available_memory", lambda: plan.estimate.memory_bytes - 1)
    checks = found_by(tmp_path, plan=lambda: plan)
    assert (checks["disk"].result, checks["disk"].exit_code) == ("failed", 6)
    assert "the plan of tiny needs about" in checks["disk"].found
    assert checks["memory"].result == "warning"


def test_a_plan_that_the_store_cannot_tell_fails(tmp_path):
    def plan():
        raise StoreError("results/tiny/_meta/commits/1f.json is damaged", "mend it")

    check = found_by(tmp_path, plan=plan)["plan"]
    assert (check.result, check.exit_code, check.mend) == ("failed", 6, "mend it")


def test_studies_are_looked_at_each_for_itself(tmp_path):
    store = open_store(tmp_path / "results", create=True)
    for name in ("one", "two", "three"):
        store.study(name).save_study(f"name: {name}\n")
    store.objects.put("two/trials/notes.txt", b"x")
    newer = {**(store.study("three").provenance or {}), "schema_version": 99}
    store.objects.put_json("three/_meta/provenance.json", newer)
    checks = found_by(tmp_path / "results")
    assert checks["study one"].result == "ok"
    assert (checks["study two"].result, checks["study two"].found) == (
        "failed",
        "1 foreign of 1 files",
    )
    assert "doctor --repair two" in checks["study two"].mend
    assert "newer infosweep" in checks["study three"].found
    only = found_by(tmp_path / "results", ["one"])
    assert [name for name in only if name.startswith("study ")] == ["study one"]
    repaired = found_by(tmp_path / "results", ["two"], repair=True)["study two"]
    assert (repaired.result, repaired.exit_code) == ("warning", 0)
    assert list(Path(tmp_path).glob("results/two/_meta/damaged/*/trials/notes.txt"))


@pytest.mark.ray
@pytest.mark.usefixtures("ray_session")
def test_ray_is_started_where_that_is_asked_for(tmp_path):
    check = found_by(tmp_path, start_ray=True)["ray"]
    assert check.result == "ok"
    assert "with 2 cores" in check.found
    assert os.environ["HOME"].startswith(str(tmp_path))
