from __future__ import annotations

import os
import signal
import threading

import pytest

from infosweep.errors import LockedError
from infosweep.sweep.interrupts import Aborted, Interrupts


def test_the_first_signal_drains_and_the_second_aborts():
    said: list[str] = []
    before = signal.getsignal(signal.SIGINT)
    with Interrupts(said.append) as interrupts:
        assert not interrupts.draining
        os.kill(os.getpid(), signal.SIGINT)
        assert interrupts.draining
        assert interrupts.exit_code == 130
        with pytest.raises(Aborted):
            os.kill(os.getpid(), signal.SIGINT)
    assert said == ["interrupted: finishing the packs that are running; Ctrl-C again aborts"]
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_each_signal_has_its_exit_code(number: signal.Signals, code: int):
    with Interrupts(lambda _: None) as interrupts:
        os.kill(os.getpid(), number)
    assert interrupts.exit_code == code


def test_a_signal_that_is_ignored_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Interrupts(lambda _: None) as interrupts:
            os.kill(os.getpid(), signal.SIGHUP)
            assert not interrupts.draining
    finally:
        signal.signal(signal.SIGHUP, before)


def test_an_abort_is_a_keyboard_interrupt_that_nothing_swallows():
    assert issubclass(Aborted, KeyboardInterrupt)
    assert not issubclass(Aborted, Exception)


def test_off_the_main_thread_nothing_is_taken_over():
    before = signal.getsignal(signal.SIGINT)
    seen = []

    def work() -> None:
        with Interrupts(lambda _: None):
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [before]


def test_what_comes_twice_of_one_event_is_one_signal():
    with Interrupts(lambda _: None) as interrupts:
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)  # `timeout` sends it to the process and to its group
        os.kill(os.getpid(), signal.SIGHUP)
        assert interrupts.draining
    assert interrupts.exit_code == 143


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_grace_period_ends_the_draining(number: signal.Signals):
    said: list[str] = []
    with Interrupts(said.append, grace=0.2) as interrupts:
        os.kill(os.getpid(), number)
        with pytest.raises(Aborted):
            threading.Event().wait(30)
    assert interrupts.exit_code == 128 + number
    assert said == [
        "interrupted: finishing the packs that are running; a second signal aborts, as do 0.2 s"
    ]


def test_the_grace_period_ends_with_the_run():
    with Interrupts(lambda _: None, grace=0.1):
        os.kill(os.getpid(), signal.SIGTERM)
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_trouble_drains_without_a_signal():
    error = LockedError("another run has taken over")
    asked = []
    interrupts = Interrupts(
        lambda _: None, lambda: asked.append(1) or (error if asked[1:] else None)
    )
    assert not interrupts.draining
    assert interrupts.draining
    assert interrupts.draining
    assert (interrupts.error, len(asked), interrupts.exit_code) == (error, 2, 0)
