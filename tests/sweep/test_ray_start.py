from __future__ import annotations

import os
import signal
import stat
import sys
import time
from pathlib import Path

import pytest

from infosweep.errors import ClusterError
from infosweep.sweep.ray_start import ray_running, shared_bytecode


@pytest.fixture
def no_ray(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No Ray is running, as far as one asks; its token is in a folder of the test."""
    import ray

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "shutdown", lambda: None)
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(tmp_path / "ray" / "token"))


@pytest.mark.usefixtures("no_ray")
def test_ray_that_does_not_start_is_an_error_with_a_way_out(monkeypatch: pytest.MonkeyPatch):
    import ray

    def broken(**_: object) -> None:
        raise RuntimeError("no room in /dev/shm\nand much more")

    monkeypatch.setattr(ray, "init", broken)
    with pytest.raises(ClusterError) as caught, ray_running():
        pass
    assert caught.value.message == "Ray does not start on this machine: no room in /dev/shm"
    assert "--executor inline" in str(caught.value)
    assert caught.value.exit_code == 4


@pytest.mark.usefixtures("no_ray")
def test_an_address_where_nobody_listens_is_told_at_once(monkeypatch: pytest.MonkeyPatch):
    import ray

    def never(**_: object) -> None:
        raise AssertionError("Ray would try for minutes")

    monkeypatch.setattr(ray, "init", never)
    with pytest.raises(ClusterError) as caught, ray_running("127.0.0.1:9"):
        pass
    assert "127.0.0.1:9 does not answer: Connection refused" in caught.value.message


@pytest.mark.usefixtures("no_ray")
def test_the_token_is_readable_to_its_owner_only(monkeypatch: pytest.MonkeyPatch):
    import ray

    token = Path(os.environ["RAY_AUTH_TOKEN_PATH"])

    def start(**_: object) -> None:
        token.write_text("secret")
        token.chmod(0o644)

    monkeypatch.setattr(ray, "init", start)
    with ray_running():
        assert stat.S_IMODE(token.stat().st_mode) == 0o600
        assert stat.S_IMODE(token.parent.stat().st_mode) == 0o700


@pytest.mark.usefixtures("no_ray")
def test_the_folder_of_a_session_goes_with_it(monkeypatch: pytest.MonkeyPatch):
    import ray

    folders: list[Path] = []

    def start(*, _temp_dir: str, num_cpus: int, include_dashboard: bool, **_: object) -> None:
        assert (num_cpus, include_dashboard) == (3, False)
        folders.append(Path(_temp_dir))

    monkeypatch.setattr(ray, "init", start)
    with ray_running(workers=3):
        assert folders[0].is_dir()
        assert stat.S_IMODE(folders[0].stat().st_mode) == 0o700
    end = time.monotonic() + 30
    while folders[0].exists():  # it is removed in the background
        assert time.monotonic() < end
        time.sleep(0.01)


def test_bytecode_is_shared_only_where_python_writes_none(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "pycache_prefix", None)
    monkeypatch.delenv("PYTHONPYCACHEPREFIX", raising=False)
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    with shared_bytecode():
        folder = sys.pycache_prefix
        assert folder is not None
        assert Path(folder).is_dir()
        assert os.environ["PYTHONPYCACHEPREFIX"] == folder
        assert "PYTHONDONTWRITEBYTECODE" not in os.environ
        assert not sys.dont_write_bytecode
    assert sys.pycache_prefix is None
    assert os.environ["PYTHONDONTWRITEBYTECODE"] == "1"
    assert "PYTHONPYCACHEPREFIX" not in os.environ
    assert sys.dont_write_bytecode

    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    with shared_bytecode():
        assert sys.pycache_prefix is None


@pytest.mark.usefixtures("no_ray")
def test_our_handler_of_sigterm_outlives_rays_start(monkeypatch: pytest.MonkeyPatch):
    import ray

    masks = []

    def init(**_: object) -> None:
        masks.append(signal.pthread_sigmask(signal.SIG_BLOCK, ()))
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(15))  # as Ray does

    monkeypatch.setattr(ray, "init", init)
    before = signal.getsignal(signal.SIGTERM)
    with ray_running():
        assert signal.getsignal(signal.SIGTERM) is before
        assert signal.SIGHUP not in signal.pthread_sigmask(signal.SIG_BLOCK, ())
    assert signal.SIGHUP in masks[0], "Ray's processes inherit it"
