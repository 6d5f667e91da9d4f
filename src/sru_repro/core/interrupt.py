"""Signals that ask a process to stop: the run saves where it is, says so in its record, and ends with the customary
exit status, 128 and the signal's number.

Ctrl-C and SIGTERM come from people, `kill` and schedulers; SIGHUP from a terminal that is closed; SIGUSR1, SIGUSR2 and
SIGXCPU from schedulers whose time limit is near (Slurm's `--signal`, SGE's `-notify`, LSF's limits).
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

IMPATIENT = (signal.SIGTERM, signal.SIGINT)
"""Where the same again means at once. The others come twice by themselves: a closed terminal tells its shell and its
processes, a scheduler the job and each of its steps."""
NOTICES = tuple(
    getattr(signal, name) for name in ("SIGHUP", "SIGUSR1", "SIGUSR2", "SIGXCPU") if hasattr(signal, name)
)
"""Ignored where whoever started the process ignored them, as `nohup` does."""


class Interrupted(BaseException):
    """Raised at a safe point after a signal. Like KeyboardInterrupt no ordinary `except` catches it."""

    def __init__(self, signum: int) -> None:
        super().__init__(f"interrupted by {signal.Signals(signum).name}")
        self.status = 128 + signum


class Signals:
    """Remembers the first signal until `raise_if_any` is called at a safe point; Ctrl-C or SIGTERM again stops at once.

    Not another one: Ctrl-C reaches a run in a campaign directly, and again as SIGTERM from the campaign.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        self.deferred = False
        ignored = [number for number in NOTICES if signal.getsignal(number) == signal.SIG_IGN]
        self.numbers = [number for number in (*IMPATIENT, *NOTICES) if number not in ignored]

    def install(self) -> None:
        """Handles the signals from now on; in another thread than the main one, which alone may, it cannot."""
        if threading.current_thread() is threading.main_thread():
            for number in self.numbers:
                signal.signal(number, self.handle)

    def handle(self, signum: int, frame: FrameType | None) -> None:
        """The handler."""
        again = signum == self.received
        self.received = self.received or signum
        if again and signum not in IMPATIENT:
            return
        if again or not self.deferred:
            raise Interrupted(signum)

    def raise_if_any(self) -> None:
        """Raises `Interrupted` if a signal came."""
        if self.received is not None:
            raise Interrupted(self.received)


@contextmanager
def signals() -> Iterator[Signals]:
    """Handles the signals inside the block; at first at once, after `deferred = True` at safe points."""
    state = Signals()
    before = {number: signal.getsignal(number) for number in state.numbers}
    state.install()
    try:
        yield state
    finally:
        if threading.current_thread() is threading.main_thread():
            for number, handler in before.items():
                signal.signal(number, handler)
                outer = getattr(handler, "__self__", None)
                if isinstance(outer, Signals):  # a block within a block
                    outer.received = outer.received or state.received
