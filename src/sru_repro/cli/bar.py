"""The progress of a campaign: one bar for all its runs, with the time left."""

import heapq
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any


def duration(seconds: float) -> str:
    """In seconds, minutes, or hours and minutes."""
    minutes = round(seconds / 60)
    if seconds < 60:
        return f"{seconds:.0f} s"
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"


def makespan(durations: Iterable[float], side_by_side: int) -> float:
    """Seconds until all runs are through, each begun, in this order, as soon as one of the places is free."""
    places = [0.0] * side_by_side
    for seconds in durations:
        heapq.heapreplace(places, places[0] + seconds)
    return max(places)


class Bar:
    """Progress of the whole campaign; on a terminal a bar with time left, elsewhere a line a run."""

    def __init__(self, title: str, expected: dict[Path, float | None], side_by_side: int = 1) -> None:
        self.title, self.expected, self.side_by_side = title, dict(expected), side_by_side
        self._spent: dict[Path, float] = {}
        self._running: dict[Path, tuple[float, float | None]] = {}
        self._bar: Any = None
        # As it is now: a member that trains in this process turns it to its own log.
        self._stream = sys.stderr

    def __enter__(self) -> "Bar":
        if self._stream.isatty() and self.expected:
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                TimeElapsedColumn(),
                TextColumn("{task.fields[left]}"),
            )
            self._bar = Progress(*columns, console=Console(file=self._stream))
            self._task = self._bar.add_task(self.title, total=1.0, left="")
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def say(self, text: str) -> None:
        """One line."""
        if self._bar is not None:
            self._bar.console.print(text, highlight=False)
        else:
            print(text, file=self._stream, flush=True)

    def _left(self) -> float | None:
        """Seconds left for the whole campaign, rows never run before taken as the mean of the others."""
        known = [
            *filter(None, self._spent.values()),
            *(value for value in self.expected.values() if value is not None),
        ]
        known += [left_s for _, left_s in self._running.values() if left_s is not None]
        if not known:
            return None
        usual = sum(known) / len(known)
        ahead = []
        for folder, value in self.expected.items():
            if folder not in self._spent:
                _, left_s = self._running.get(folder, (0.0, None))
                ahead.append(value or usual if left_s is None else left_s)
        return makespan(ahead, self.side_by_side)

    def at(self, folder: Path, row: str, fraction: float, left_s: float | None) -> None:
        """A run in progress is that far."""
        self._running[folder] = (fraction, left_s)
        if self._bar is not None:
            left = self._left()
            share = (len(self._spent) + sum(part for part, _ in self._running.values())) / len(self.expected)
            note = f"{row} {fraction:.0%}" + (f", {duration(left)} left" if left is not None else "")
            self._bar.update(self._task, completed=share, left=note)

    def skip(self, folder: Path) -> None:
        """A run was through before."""
        self._spent[folder] = 0.0

    def done(self, folder: Path, wall_s: float | None, what: str = "", why: str = "") -> None:
        """A run is through; `what` came of it, where that is not its folder and its time, and `why`."""
        self._running.pop(folder, None)
        self._spent[folder] = wall_s or 0.0
        left = self._left()
        note = f", {duration(left)} left" if left else ""
        self.say(
            f"{len(self._spent)}/{len(self.expected)} {what or f'{folder} {wall_s or 0:.0f} s'}{note}{why}"
        )
