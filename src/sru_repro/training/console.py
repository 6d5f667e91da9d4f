"""What a person sees of a run: a bar with loss and time left on a terminal, now and then a line anywhere else, and a
line for each validation. All lines go to the run's log, too."""

import os
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing import parent_process
from pathlib import Path
from textwrap import wrap
from types import TracebackType
from typing import Any, Literal

from ..core.home import without_home
from ..records.run import Validation
from .screen import IN, WIDTH, bar, duration, in_ascii, line

Show = Literal["auto", "bar", "lines", "none"]
FIRST_S, SECOND_S = 3.0, 10.0
"""Of training, until the first line after that of the first loss; and the pause behind it, from which pauses grow."""


class Console:
    """Use as a context manager.

    Args:
        title: names the run.
        headline: the figure of validations that is shown beside the loss.
        log: a file, to which all lines go, too.
        caveat: stands beside the last figure.
        show: a bar, lines, or neither; auto: a bar on a terminal that can move its cursor, else lines.
        refresh_s: seconds between two states of the bar.
        lines_every: the longest pause between two lines, in seconds.
    """

    def __init__(
        self,
        title: str,
        headline: str,
        log: Path,
        *,
        caveat: str = "",
        show: Show = "auto",
        refresh_s: float = 0.25,
        lines_every: float = 60.0,
    ) -> None:
        self.title, self.headline, self.log, self.caveat = title, headline, log, caveat
        self.show, self.refresh_s, self.lines_every = show, refresh_s, lines_every
        self._bar: Any = None
        self._since = time.perf_counter()
        self._line_due = self._since + FIRST_S
        self._encoding = "utf-8"
        self._state: tuple[float, float | None, str] = (0.0, None, "")

    def __enter__(self) -> "Console":
        self._since = time.perf_counter()
        self._line_due = self._since + FIRST_S
        self._encoding = (
            getattr(sys.stderr, "encoding", None) or "utf-8"
        )  # which rich hides behind a stream of its own
        # Of several processes that share a terminal, as under joblib, each would move the others' cursor.
        alone = parent_process() is None
        if self.show == "bar" or (self.show == "auto" and alone and _is_terminal()):
            from rich.console import Console as Terminal

            terminal = Terminal(stderr=True, force_terminal=True if self.show == "bar" else None)
            if not terminal.is_dumb_terminal:
                self._bar = _moving(self, terminal)
                self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def shown(self, text: str) -> str:
        """The text in the signs that standard error has."""
        try:
            text.encode(self._encoding)
        except (UnicodeEncodeError, LookupError):
            return in_ascii(text)
        return text

    @property
    def pause_s(self) -> float:
        """Seconds between two looks at a training that are worth while."""
        return self.refresh_s if self._bar is not None else min(1.0, FIRST_S)

    def say(self, text: str) -> None:
        """One line."""
        self._keep(text)
        if self._bar is not None:
            self._bar.console.print(self.shown(text), highlight=False, markup=False, soft_wrap=True)
        elif sys.stderr is not None:  # closed, under some daemons
            with suppress(OSError):  # who read it has gone; log.txt has it
                print(self.shown(text), file=sys.stderr, flush=True)

    def tell(self, parts: Sequence[str]) -> None:
        """What is to be said of the run, named by its title: one line, or where that is too long several."""
        told = line(self.title, parts)
        whole = f"{self.title}: {'  '.join(parts)}"
        for part in [told] if len(told) <= WIDTH else wrap(whole, WIDTH, subsequent_indent=IN):
            self.say(part)

    def _keep(self, text: str) -> None:
        with suppress(OSError), self.log.open("a", encoding="utf-8") as file:
            if not _is_standard_error(file.fileno()):  # as it is when `sru-repro reproduce` started the run
                print(without_home(text), file=file)

    def progress(self, fraction: float, left_s: float | None, note: str = "") -> None:
        """Moves the bar."""
        self._state = fraction, left_s, note

    def training(self, fraction: float, left_s: float | None, note: str, step: int, first: bool) -> None:
        """How far a training is: moves the bar, and where it is time, or the `first` loss is there, adds a line. Pauses
        between lines grow, so that a run of hours writes some hundreds."""
        self.progress(fraction, left_s, note)
        now = time.perf_counter()
        if self.show == "none" or not (first or now >= self._line_due):
            return
        since = now - self._since
        self._line_due = now + (FIRST_S if first else max(SECOND_S, min(self.lines_every, since / 10)))
        left = "" if left_s is None or first else f"{duration(left_s)} left"
        parts = (f"{fraction:.0%}", f"step {step:,}", note, duration(since), left)
        told = line(self.title, parts)
        self._keep(told) if self._bar is not None else self.say(told)

    def validated(self, entry: Validation) -> None:
        """The figures of a validation."""
        parts = [f"epoch {entry.epoch + 1}", f"{entry.wall_s:.0f} s"]
        for key in ("train/loss", "val/loss", f"val/{self.headline}"):
            if key in entry.figures:
                parts.append(f"{key.removeprefix('train/')} {entry.figures[key]:.4g}")
        self.tell(list(dict.fromkeys(parts)))

    def ended(self, figure: str, seconds: float, folder: str) -> None:
        """The last line: the figure on the test set, and where the run lies."""
        self.progress(1.0, None, self._state[2])
        told = line(self.title, (figure, f"{seconds:.0f} s", self.caveat))
        self.say(f"{told}  {folder}" if len(told) + 2 + len(folder) <= WIDTH else told)
        if len(told) + 2 + len(folder) > WIDTH:
            self.say(f"{IN}{folder}")


def _moving(console: Console, terminal: Any) -> Any:
    """rich's display of one line that is drawn anew every now and then."""
    from rich.progress import Progress, ProgressColumn, Task
    from rich.text import Text

    class Line(ProgressColumn):
        def render(self, task: Task) -> Text:
            fraction, left_s, note = console._state
            elapsed_s = time.perf_counter() - console._since
            title, done, open_, behind = bar(console.title, fraction, note, elapsed_s, left_s, terminal.width)
            shown = Text(console.shown(f"{title} " if title else ""), no_wrap=True, overflow="ellipsis")
            if done or open_:
                shown.append(
                    console.shown("━" * done), style="bar.complete" if fraction < 1 else "bar.finished"
                )
                shown.append(console.shown("─" * open_), style="bar.back")
                shown.append(" ")
            shown.append(console.shown(behind))
            return shown

    moving = Progress(Line(), console=terminal, refresh_per_second=1 / console.refresh_s, transient=True)
    moving.add_task(console.title, total=None)
    return moving


def _is_terminal() -> bool:
    return sys.stderr is not None and sys.stderr.isatty()


def _is_standard_error(file: int) -> bool:
    try:
        return os.path.sameopenfile(file, sys.stderr.fileno())
    except (OSError, ValueError, AttributeError):  # standard error is no file, in a notebook, or closed
        return False
