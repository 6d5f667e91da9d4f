"""What stands in the place of record, console and dashboard in all ranks but the first: there is one of each a run."""

from collections.abc import Mapping, Sequence
from typing import Any

from ..run_folder import RunFolder


class Unwritten(RunFolder):
    """The record that the first rank writes, as the others hold it."""

    def save(self) -> None:
        pass

    def curve(self, points: Sequence[Mapping[str, object]]) -> None:
        pass


class Mute:
    """Takes whatever it is told and does nothing; in the place of a console or a dashboard."""

    wants_media = False

    def __enter__(self) -> "Mute":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def __getattr__(self, name: str) -> Any:
        return lambda *args, **words: None
