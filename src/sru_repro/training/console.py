"""What a person sees of a run: a bar with time left on a terminal, a line per validation anywhere else."""

import os
import sys
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from ..core.home import without_home
from ..records.run import Validation


class Console:
    """Use as a context manager. `title` names the run; its lines go to the file `log`, too."""

    def __init__(self, title: str, headline: str, log: Path) -> None:
        self.title, self.headline, self.log = title, headline, log
        self._bar: Any = None

    def __enter__(self) -> "Console":
        if sys.stderr is not None and sys.stderr.isatty():
            from rich.console import Console as Terminal
            from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("{task.percentage:3.0f}%"),
                TimeElapsedColumn(),
                TextColumn("left"),
                TimeRemainingColumn(),
                TextColumn("{task.fields[note]}"),
                console=Terminal(stderr=True),
            )
            self._task = self._bar.add_task(self.title, total=1.0, note="")
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def say(self, text: str) -> None:
        """One line."""
        self._keep(text)
        if self._bar is not None:
            self._bar.console.print(text, highlight=False)
        elif sys.stderr is not None:  # closed, under some daemons
            with suppress(OSError):  # who read it has gone; log.txt has it
                print(text, file=sys.stderr, flush=True)

    def _keep(self, text: str) -> None:
        with suppress(OSError), self.log.open("a", encoding="utf-8") as file:
            if not _is_standard_error(file.fileno()):  # as it is when `sru-repro reproduce` started the run
                print(without_home(text), file=file)

    def progress(self, fraction: float, left_s: float | None) -> None:
        """Moves the bar."""
        if self._bar is not None:
            self._bar.update(self._task, completed=fraction)

    def validated(self, entry: Validation) -> None:
        """The figures of a validation."""
        parts = [f"epoch {entry.epoch + 1}", f"{entry.wall_s:.0f} s"]
        parts += [
            f"{key} {entry.figures[key]:.4f}"
            for key in ("train/loss", "val/loss", f"val/{self.headline}")
            if key in entry.figures
        ]
        note = "  ".join(dict.fromkeys(parts))
        if self._bar is not None:
            self._keep(f"{self.title}: {note}")
            self._bar.update(self._task, note=note)
        else:
            self.say(f"{self.title}: {note}")


def _is_standard_error(file: int) -> bool:
    try:
        return os.path.sameopenfile(file, sys.stderr.fileno())
    except (OSError, ValueError, AttributeError):  # standard error is no file, in a notebook, or closed
        return False
