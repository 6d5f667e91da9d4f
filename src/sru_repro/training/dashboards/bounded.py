"""Calls that may hang, in a thread of their own: waited for so long and no longer."""

import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import TypeVar

T = TypeVar("T")
MOST_WAITING = 10_000
"""Calls in the queue; from then on whoever takes them is taken for dead, and memory does not grow."""


class Bounded:
    """Carries out calls one after the other. `left_s` are the seconds that may still be waited, of all calls together;
    `failure` is the first error of a call that nobody waited for. After it, and after a call that took too long, no
    other is carried out."""

    def __init__(self, seconds: float) -> None:
        self.left_s = seconds
        self.failure: BaseException | None = None
        self._calls: SimpleQueue[Callable[[], object] | None] = SimpleQueue()
        threading.Thread(target=self._work, args=(self._calls,), daemon=True).start()

    def later(self, call: Callable[[], object]) -> None:
        """Carries it out when its turn comes; returns at once."""
        if self._calls.qsize() >= MOST_WAITING:
            self.failure = self.failure or TimeoutError("it takes nothing in any more")
        if self.failure is None:
            self._calls.put(call)

    def now(self, call: Callable[[], T], most_s: float) -> T:
        """What it returns or raises.

        Raises:
            TimeoutError: it, and what waited before it, were not through in time.
        """
        ended, found, raised = threading.Event(), list[T](), list[BaseException]()

        def told() -> None:
            try:
                found.append(call())
            except BaseException as error:  # the caller's, whatever it is
                raised.append(error)
            ended.set()

        if self.failure is not None:
            raise self.failure
        self._calls.put(told)
        started = time.monotonic()
        try:
            while not ended.wait(0.05):  # in turns, so that signals are handled on every system
                if time.monotonic() - started >= min(most_s, self.left_s):
                    raise TimeoutError(f"no answer in {time.monotonic() - started:.0f} s")
                if self.failure is not None:
                    raise self.failure
        finally:
            self.left_s -= time.monotonic() - started
        if raised:
            raise raised[0]
        return found[0]

    def close(self) -> None:
        """The thread ends with what it is at."""
        self.failure = self.failure or RuntimeError("closed")
        self._calls.put(None)

    def _work(self, calls: SimpleQueue[Callable[[], object] | None]) -> None:
        while (call := calls.get()) is not None:
            try:
                if self.failure is None:
                    call()
            except BaseException as error:  # told to whoever calls next
                self.failure = error
