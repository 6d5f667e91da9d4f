"""The sections of the ledger with their shares of the time, and what a section is made of."""

import importlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch


@dataclass(frozen=True)
class Section:
    """The module with its `pieces(options)`, and its share of the time."""

    module: str
    weight: float


SECTIONS = {
    "correct": Section("correct", 160),
    "speed": Section("speed", 110),
    "tune": Section("tune", 30),
    "train-sst": Section("training", 45),
    "train-enwik8": Section("training", 85),
    "train-squad": Section("training", 60),
}
"""By the names of `reporting.cuda_plan.SECTIONS`, which says what each answers."""
BUDGET_S = sum(section.weight for section in SECTIONS.values())
"""Seconds for everything. With what surrounds it (a pack is installed, the last section ends) under ten minutes."""


@dataclass(frozen=True)
class Options:
    """What a section's process is told.

    section    its name
    out        folder of the pages
    device     "cuda", or "cpu" for a rehearsal
    data_dir   where data lie
    budget_s   seconds for what is left of the section
    until      when they are over, in seconds since 1970; 0: they begin with the section
    rehearse   the smallest form of everything: shows that it runs, measures nothing
    since      ISO time from which on a failed piece counts as tried, and is left alone
    """

    section: str
    out: str
    device: str
    data_dir: str = "data"
    budget_s: float = 60.0
    until: float = 0.0
    rehearse: bool = False
    since: str = ""

    @property
    def page(self) -> Path:
        """The section's file."""
        return Path(self.out) / f"{self.section}.json"

    @property
    def on_card(self) -> bool:
        """Whether there is a card to be measured."""
        return self.device == "cuda"

    @property
    def torch_device(self) -> torch.device:
        """Where tensors live."""
        return torch.device(self.device)

    def plain(self) -> dict[str, Any]:
        """As JSON takes it."""
        return asdict(self)


class Skipped(Exception):
    """Raised by a piece that cannot be carried out here and need not be; the text is the reason."""


class Failed(Exception):
    """Raised by a piece of which a part went wrong; the text is what, `values` is kept all the same."""

    def __init__(self, text: str, values: dict[str, Any]) -> None:
        super().__init__(text)
        self.values = values


@dataclass(frozen=True)
class Piece:
    """The smallest thing that is done whole: a name, a share of the section's time, and `run(seconds)`, which returns
    what is to be kept (JSON) and raises when something is wrong.

    least_s  seconds without which it is not begun
    """

    name: str
    run: Callable[[float], dict[str, Any]]
    weight: float = 1.0
    least_s: float = 0.0


def pieces(options: Options) -> list[Piece]:
    """The pieces of a section, in order."""
    module = importlib.import_module(f".{SECTIONS[options.section].module}", __package__)
    found: list[Piece] = module.pieces(options)
    return found
