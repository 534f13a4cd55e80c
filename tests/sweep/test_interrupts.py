from __future__ import annotations

import os
import signal
import threading

import pytest

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
