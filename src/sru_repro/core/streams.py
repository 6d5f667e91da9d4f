"""Standard input, output and error that end nothing: closed, full, unread or unable to show a letter, work goes on."""

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from .errors import RunError


class Steady:
    """A standard stream (1: output, 2: error) that survives the one who reads it.

    From the first failure on nothing is written to its place any more, by C libraries and child processes neither.
    Letters that its encoding lacks are written as escapes. `lost` is why it failed. Where `stops` says that the
    output is all that was asked for, a reader who went away is told to the writer (BrokenPipeError).
    """

    def __init__(self, stream: Any, number: int, stops: bool) -> None:
        self.stream, self.number, self.stops = stream, number, stops
        self.lost: OSError | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)

    def write(self, text: str) -> int:
        """Writes what can be written."""
        try:
            self._attempt(lambda: self.stream.write(text))
        except UnicodeEncodeError:
            code = self.stream.encoding or "ascii"
            known = text.encode(code, "backslashreplace").decode(code)
            self._attempt(lambda: self.stream.write(known))
        return len(text)

    def writelines(self, lines: Any) -> None:
        """Writes them all."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Hands on what waits."""
        self._attempt(self.stream.flush)

    def _attempt(self, action: Any) -> None:
        try:
            action()
        except BlockingIOError:  # somebody has made the terminal one that does not wait: a line is lost
            return
        except OSError as error:
            self.lost = error
            self._leave()
            if self.stops and error.errno == errno.EPIPE:
                raise

    def _leave(self) -> None:
        """Points the descriptor to nowhere, so that what waits in the buffer can go."""
        with suppress(OSError, ValueError):
            if self.stream.fileno() == self.number:
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, self.number)
                os.close(nowhere)
                self.stream.flush()


@contextmanager
def steady_streams(matters: bool, stops: bool) -> Iterator[None]:
    """Inside the block the standard streams are steady; a closed one leads nowhere, or the next file that is opened
    would get its number and, with it, what C libraries have to say. `matters`: the output was asked for; `stops`: it is
    all that was.

    Raises:
        RunError: at the end, where the output matters and its place is full or broken.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.dup2(os.open(os.devnull, os.O_RDWR), number)  # the lowest free one: this one
            os.set_inheritable(number, True)
    if sys.stdin is None:
        sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
    if (
        os.environ.get("COLUMNS", "1").strip() == "0"
    ):  # of a terminal that was never asked; rich would show nothing
        del os.environ["COLUMNS"]
    before = [sys.stdout, sys.stderr]
    for number, stream in enumerate(before, 1):
        if stream is None:
            before[number - 1] = os.fdopen(number, "w", encoding="utf-8", closefd=False)
    out, err = Steady(before[0], 1, stops), Steady(before[1], 2, False)
    sys.stdout, sys.stderr = out, err
    try:
        yield
    finally:
        with suppress(BrokenPipeError):
            out.flush()
        err.flush()
        sys.stdout, sys.stderr = before
    if out.lost is not None and matters and out.lost.errno != errno.EPIPE:
        raise RunError(f"standard output: expected a place to write to, found: {out.lost.strerror}")
