"""What a dashboard promises: curves as they grow, things to look at, the final figures. It may fail, a run may not."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...tasks._media import ConfusionMedia, TableMedia, TextMedia

__all__ = ["ConfusionMedia", "Dashboard", "Media", "NoDashboard", "PictureMedia", "TableMedia", "TextMedia"]


@dataclass(frozen=True)
class PictureMedia:
    """A PNG file, with a line that says what it shows."""

    file: Path
    caption: str = ""


Media = TableMedia | TextMedia | PictureMedia | ConfusionMedia


class Dashboard(ABC):
    """Use as a context manager: a run that fails is closed as failed, and the next one of a sweep gets its own."""

    wants_media = False
    """Whether `show` does anything: of a run that nobody looks at no media are made."""

    def __enter__(self) -> "Dashboard":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.finish({}, failed=kind is not None)

    @abstractmethod
    def log(self, point: Mapping[str, float]) -> None:
        """Adds a point to the curves. It carries its own x axes: step, tokens, wall_s."""

    def go_on(self, points: Sequence[Mapping[str, float]]) -> None:  # noqa: B027  wandb knows its run by its id
        """The run goes on from a checkpoint, whose curves are these points: what came after them is to be forgotten."""

    def show(self, media: Mapping[str, Media], axes: Mapping[str, float]) -> None:  # noqa: B027  some show curves only
        """Things to look at, by key ("media/predictions"), and where in the run they were made."""

    @abstractmethod
    def finish(self, summary: Mapping[str, float], failed: bool) -> None:
        """Writes the final figures and closes; called again, it does nothing."""


class NoDashboard(Dashboard):
    """`logger=csv`: metrics.csv and run.json, which every run writes, are all."""

    def log(self, point: Mapping[str, float]) -> None:
        pass

    def finish(self, summary: Mapping[str, float], failed: bool) -> None:
        pass
