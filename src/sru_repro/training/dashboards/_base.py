"""What a dashboard promises: curves as they grow, things to look at, the final figures. It may fail, a run may not."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class TableMedia:
    """Rows under heads; cells are texts and numbers."""

    heads: Sequence[str]
    rows: Sequence[Sequence[str | int | float]]


@dataclass(frozen=True)
class TextMedia:
    """A text, such as a sample that a language model has drawn."""

    text: str


@dataclass(frozen=True)
class PictureMedia:
    """A PNG file, with a line that says what it shows."""

    file: Path
    caption: str = ""


@dataclass(frozen=True)
class ConfusionMedia:
    """How often a class (row) was taken for each class (column)."""

    classes: Sequence[str]
    counts: Sequence[Sequence[int]]


Media = TableMedia | TextMedia | PictureMedia | ConfusionMedia


class Dashboard(ABC):
    """Use as a context manager: a run that fails is closed as failed, and the next one of a sweep gets its own."""

    def __enter__(self) -> "Dashboard":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.finish({}, failed=kind is not None)

    @abstractmethod
    def log(self, point: Mapping[str, float]) -> None:
        """Adds a point to the curves. It carries its own x axes: step, tokens, wall_s."""

    def show(self, media: Mapping[str, Media], axes: Mapping[str, float]) -> None:  # noqa: B027  some show curves only
        """Things to look at, by name, and where in the run they were made."""

    @abstractmethod
    def finish(self, summary: Mapping[str, float], failed: bool) -> None:
        """Writes the final figures and closes; called again, it does nothing."""


class NoDashboard(Dashboard):
    """`logger=csv`: metrics.csv and run.json, which every run writes, are all."""

    def log(self, point: Mapping[str, float]) -> None:
        pass

    def finish(self, summary: Mapping[str, float], failed: bool) -> None:
        pass
