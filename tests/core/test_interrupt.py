"""Signals: at once before a run can save, at a safe point afterwards, at once again for the impatient."""

import os
import signal

import pytest

from sru_repro.core.interrupt import Interrupted, signals


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_is_an_exception_until_it_is_deferred(number: signal.Signals, status: int) -> None:
    with pytest.raises(Interrupted, match=f"^interrupted by {number.name}$") as stop, signals():
        os.kill(os.getpid(), number)
    assert stop.value.status == status and not isinstance(stop.value, Exception)


def test_a_deferred_signal_waits_for_the_safe_point() -> None:
    with signals() as caught:
        caught.raise_if_any()
        caught.deferred = True
        os.kill(os.getpid(), signal.SIGINT)
        assert caught.received == signal.SIGINT
        with pytest.raises(Interrupted) as stop:
            caught.raise_if_any()
    assert stop.value.status == 130


def test_the_same_signal_again_does_not_wait_and_another_one_does() -> None:
    with signals() as caught:
        caught.deferred = True
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGTERM)  # from a campaign that Ctrl-C reached, too
        assert caught.received == signal.SIGINT
        with pytest.raises(Interrupted):
            os.kill(os.getpid(), signal.SIGINT)


def test_the_handlers_of_before_come_back() -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    with signals() as caught:
        assert signal.getsignal(signal.SIGTERM) == caught.handle
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # somebody else's
        caught.install()
        assert signal.getsignal(signal.SIGTERM) == caught.handle
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before
