"""Signals: at once before a run can save, at a safe point afterwards, at once again for the impatient."""

import os
import signal
import threading

import pytest

from sru_repro.core.interrupt import NOTICES, Interrupted, signals


@pytest.mark.parametrize(
    ("number", "status"),
    [
        (signal.SIGTERM, 143),
        (signal.SIGINT, 130),
        (signal.SIGHUP, 129),
        (signal.SIGUSR1, 138),
        (signal.SIGUSR2, 140),
        (signal.SIGXCPU, 152),
    ],
)
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


@pytest.mark.parametrize("number", NOTICES)
def test_a_notice_that_comes_twice_is_no_impatience(number: signal.Signals) -> None:
    with signals() as caught:
        caught.deferred = True
        os.kill(os.getpid(), number)
        os.kill(os.getpid(), number)
        with pytest.raises(Interrupted):
            caught.raise_if_any()
        caught.deferred = False
        os.kill(os.getpid(), number)  # while the record is being closed


@pytest.mark.parametrize("number", NOTICES)
def test_what_nohup_ignores_stays_ignored(number: signal.Signals) -> None:
    before = signal.signal(number, signal.SIG_IGN)
    try:
        with signals() as caught:
            os.kill(os.getpid(), number)
            caught.install()
            os.kill(os.getpid(), number)
            assert caught.received is None
        assert signal.getsignal(number) == signal.SIG_IGN
    finally:
        signal.signal(number, before)


def test_a_block_within_a_block_has_heard_it_for_both() -> None:
    with signals() as outer:
        with pytest.raises(Interrupted), signals():
            os.kill(os.getpid(), signal.SIGHUP)
        os.kill(os.getpid(), signal.SIGHUP)  # a closed terminal's second
        assert outer.received == signal.SIGHUP


def test_in_another_thread_nothing_is_handled_and_nothing_fails() -> None:
    def work() -> None:
        with signals() as caught:
            ended.append(caught.received)

    ended: list[int | None] = []
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert ended == [None]


def test_the_handlers_of_before_come_back() -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    with signals() as caught:
        assert signal.getsignal(signal.SIGTERM) == caught.handle
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # somebody else's
        caught.install()
        assert signal.getsignal(signal.SIGTERM) == caught.handle
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before
