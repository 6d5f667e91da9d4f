"""What dashboards have in common whose library may hang or fail.

A run waits for it so long and no longer; a failure is said once, stands in the record's notes, and ends the dashboard,
not the run.
"""

from abc import abstractmethod
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any

from ...records.run import RunRecord
from ._base import Dashboard, Media
from .bounded import Bounded
from .extremes import best_and_last

LOST_S = 14.0
"""Seconds that a dashboard may cost a run in all, opening and closing together."""
EXTRA = "pip install 'sru-repro[dashboards]' brings it"


class Guarded(Dashboard):
    """`_call` is handed what `_open` returned, in a thread of its own."""

    NAME: str

    def __init__(
        self, content: RunRecord, say: Callable[[str], None], media: bool, lost_s: float = LOST_S
    ) -> None:
        self._run: Any = None
        self._content, self._say, self._shows = content, say, media
        self._calls = Bounded(lost_s)

    @property
    def wants_media(self) -> bool:  # type: ignore[override]
        return self._run is not None and self._shows

    @abstractmethod
    def _point(self, run: Any, point: Mapping[str, float]) -> None:
        """Logs a point."""

    def _media(self, run: Any, name: str, media: Media, axes: Mapping[str, float]) -> None:
        """Shows one of the things to look at."""

    @abstractmethod
    def _close(self, run: Any, summary: Mapping[str, float], failed: bool) -> None:
        """Writes the final figures and closes."""

    def log(self, point: Mapping[str, float]) -> None:
        self._later(lambda run: self._point(run, point))

    def show(self, media: Mapping[str, Media], axes: Mapping[str, float]) -> None:
        for name, one in media.items():
            self._later(partial(self._show, name=name, media=one, axes=axes))

    def _show(self, run: Any, name: str, media: Media, axes: Mapping[str, float]) -> None:
        try:
            self._media(run, name, media, axes)
        except Exception as error:  # the curves go on
            self._content.notes.append(f"{name} is not shown by {self.NAME} ({reason(error)})")

    def finish(self, summary: Mapping[str, float], failed: bool) -> None:
        run, self._run = self._run, None
        if run is None:
            return
        try:
            self._calls.now(lambda: self._close(run, summary, failed), self._calls.left_s)
        except Exception as error:
            self._give_up(error)
        self._calls.close()

    def _summary(self, summary: Mapping[str, float], curves: Collection[str]) -> dict[str, float]:
        """The final figures and the best of each curve, by names that no curve has; its last is to be seen."""
        found = {key: value for key, value in best_and_last(self._content).items() if key.startswith("best/")}
        found |= summary
        taken = {key for key in found if key.startswith("best/") or key in curves}
        return {f"summary/{key}" if key in taken else key: value for key, value in found.items()}

    def _begin(self, opened: Callable[[], Any]) -> None:
        """Takes what `opened` returns for the run from here on."""
        try:
            self._run = self._calls.now(opened, LOST_S)
        except Exception as error:
            self._give_up(error)

    def _later(self, call: Callable[[Any], object]) -> None:
        """Has the library called when its turn comes."""
        run = self._run
        if run is not None:
            self._calls.later(lambda: call(run))
            if self._calls.failure is not None:
                self._give_up(self._calls.failure)

    def _give_up(self, error: BaseException) -> None:
        self._run = None
        self._reset()
        self._note(
            f"{self.NAME} stopped ({reason(error)}): no dashboard from here on, curves are in metrics.csv"
        )

    def _reset(self) -> None:
        """Leaves the library to itself."""
        self._calls.close()

    def _missing(self) -> None:
        self._note(f"{self.NAME} is not installed: no dashboard, curves are in metrics.csv; {EXTRA}")

    def _note(self, line: str) -> None:
        self._content.notes.append(line)
        self._say(line)


def reason(error: BaseException) -> str:
    """An error in a line."""
    line = next(iter(str(error).strip().splitlines()), "")
    return f"{type(error).__name__}: {line}" if line else type(error).__name__
