"""Ctrl-C from a real terminal: the first drains, the second aborts; both say how to continue."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from infosweep.store import open_store
from infosweep.sweep import study_status


@pytest.mark.slow
@pytest.mark.parametrize("executor", ["inline", pytest.param("ray", marks=pytest.mark.ray)])
def test_the_first_ctrl_c_finishes_the_packs_that_are_running(
    executor: str, start, study_file, wait_for, store: str
):
    path = study_file(2)
    process = start(str(path), "--store", store, "--executor", executor, "--workers", "2")
    held = open_store(store, create=True).study("slow")
    wait_for(lambda: len(held.commits()) >= 1 or process.is_over())
    wait_for(lambda: bool(held.claims()) or process.is_over())
    running = {claim.pack_id for claim in held.claims()}
    process.press_ctrl_c()
    code = process.wait()
    assert code == 130, process.screen
    assert "interrupted: finishing the packs that are running" in process.screen
    assert f"to continue: infosweep run {path}" in process.screen
    assert "Traceback" not in process.screen
    assert process.out.read_bytes() == b"", "stdout is for data"
    assert running <= set(held.commits()), "packs that were running are finished"
    status = study_status(store, "slow")
    assert 0 < status["done"] < 16
    assert status["done"] % 2 == 0, "whole packs"
    assert (status["failed"], status["running"], status["lost"]) == (0, 0, 0)
    assert held.claims() == []
    assert not (Path(store) / "slow" / "_meta" / "lease.json").exists()


@pytest.mark.slow
def test_the_second_ctrl_c_aborts(start, study_file, wait_for, store: str):
    path = study_file(16)
    process = start(str(path), "--store", store, "--executor", "inline", "--workers", "1")
    held = open_store(store, create=True).study("slow")
    wait_for(lambda: bool(held.claims()) or process.is_over())
    process.press_ctrl_c()
    wait_for(lambda: "Ctrl-C again aborts" in process.screen or process.is_over())
    process.press_ctrl_c()
    assert process.wait() == 130, process.screen
    assert f"to continue: infosweep run {path}" in process.screen
    assert "Traceback" not in process.screen
    status = study_status(store, "slow")
    assert (status["done"], status["failed"], status["running"]) == (0, 0, 0)
    assert not (Path(store) / "slow" / "_meta" / "lease.json").exists()


@pytest.mark.slow
def test_sigterm_drains_too(start, study_file, wait_for, store: str):
    process = start(str(study_file(2)), "--store", store, "--executor", "inline")
    held = open_store(store, create=True).study("slow")
    wait_for(lambda: len(held.commits()) >= 1 or process.is_over())
    process.send(signal.SIGTERM)
    assert process.wait() == 143, process.screen
    assert "to continue: infosweep run" in process.screen
    assert 0 < study_status(store, "slow")["done"] < 16
