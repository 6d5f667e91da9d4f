"""SIGTERM and Ctrl-C: the run saves where it is, says so in its record, and ends with the customary exit status."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

STATUS = {signal.SIGTERM: 143, signal.SIGINT: 130}


class Interrupted(BaseException):
    """Raised at a safe point after a signal. Like KeyboardInterrupt no ordinary `except` catches it."""

    def __init__(self, signum: int) -> None:
        super().__init__(f"interrupted by {signal.Signals(signum).name}")
        self.status = STATUS[signal.Signals(signum)]


class Signals:
    """Remembers the first signal until `raise_if_any` is called at a safe point; the same again stops at once.

    Not another one: Ctrl-C reaches a run in a campaign directly, and again as SIGTERM from the campaign.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        self.deferred = False

    def install(self) -> None:
        """Handles the signals from now on."""
        for number in STATUS:
            signal.signal(number, self.handle)

    def handle(self, signum: int, frame: FrameType | None) -> None:
        """The handler."""
        if not self.deferred or signum == self.received:
            raise Interrupted(signum)
        self.received = self.received or signum

    def raise_if_any(self) -> None:
        """Raises `Interrupted` if a signal came."""
        if self.received is not None:
            raise Interrupted(self.received)


@contextmanager
def signals() -> Iterator[Signals]:
    """Handles SIGTERM and SIGINT inside the block; at first at once, after `deferred = True` at safe points."""
    state = Signals()
    before = {number: signal.getsignal(number) for number in STATUS}
    state.install()
    try:
        yield state
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
