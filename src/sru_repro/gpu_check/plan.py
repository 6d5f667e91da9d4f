"""What a section's process is told, and its pieces: those that the manifest declares, with their functions."""

import importlib
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypedDict

import torch

from ..records import gpu_manifest
from ..records.gpu_manifest import SECTIONS


@dataclass(frozen=True)
class SectionOptions:
    """What a section's process is told.

    section    its name
    out        folder of the pages
    device     "cuda", or "cpu" for a rehearsal
    data_dir   where data lie
    budget_s   seconds for what is left of the section
    until      when they are over, in seconds since 1970; 0: they begin with the section
    rehearse   the smallest form of everything: shows that it runs, measures nothing
    since      ISO time from which on a failed piece counts as tried, and is left alone
    table      of a section that makes runs of a table: which, as `finished_runs.TableRuns` has them
    """

    section: str
    out: str
    device: str
    data_dir: str = "data"
    budget_s: float = 60.0
    until: float = 0.0
    rehearse: bool = False
    since: str = ""
    table: Mapping[str, Any] | None = None

    @property
    def page(self) -> Path:
        """The section's file."""
        return Path(self.out) / f"{self.section}.json"

    @property
    def launch_configs(self) -> Path:
        """The table of what `tune` has found on this GPU, followed by whatever runs after it."""
        return Path(self.out) / "launch_configs.json"

    @property
    def on_gpu(self) -> bool:
        """Whether there is a GPU to be measured."""
        return self.device == "cuda"

    @property
    def torch_device(self) -> torch.device:
        """Where tensors live."""
        return torch.device(self.device)

    def plain(self) -> dict[str, object]:
        """As JSON takes it."""
        return asdict(self)


class Checked(TypedDict):
    """What is kept of a piece that tries kernels: how many cases, and a note for who watches."""

    cases: int
    note: str


class Skipped(Exception):
    """Raised by a piece that cannot be carried out here and need not be; the text is the reason."""


class Failed(Exception):
    """Raised by a piece of which a part went wrong; the text is what, `values` is kept all the same."""

    def __init__(self, text: str, values: Mapping[str, object]) -> None:
        super().__init__(text)
        self.values = values


class Unfinished(Failed):
    """Raised by a piece for which there was not time enough; `values` is kept, and it is taken up again."""


@dataclass(frozen=True)
class Planned:
    """A piece of the manifest that is carried out here: `run(seconds)` returns what is to be kept (JSON) and raises
    when something is wrong."""

    name: str
    run: Callable[[float], Mapping[str, object]]
    weight: float = 1.0
    least_s: float = 0.0
    measured_s: Callable[[], float] | None = None

    @property
    def needs_s(self) -> float:
        """Seconds without which it is not begun: as declared, or what this machine has shown by now, where that is
        more."""
        return max(self.least_s, self.measured_s() if self.measured_s else 0.0)


@dataclass(frozen=True)
class Each:
    """One of what capitals in a piece's name stand for: their text, what its function is told of it, its weight beside
    the others', and the seconds it needs, where pieces before it tell them."""

    text: str
    told: tuple[object, ...]
    weight: float = 1.0
    measured_s: Callable[[], float] | None = None


Work = Callable[..., Mapping[str, object]]
"""Of a piece: (options, seconds, whatever `Each` tells of this one) -> what is to be kept."""


@dataclass(frozen=True)
class Several:
    """The function of a piece with capitals, and which there are of it."""

    run: Work
    each: Callable[[SectionOptions], Iterable[Each]]


Functions = Mapping[str, Work | Several]
"""By the names of `records.gpu_manifest`; every module of pieces has these as `FUNCTIONS`."""


def functions(module: str) -> Functions:
    """Those of a module of pieces."""
    found: Functions = importlib.import_module(f".{module}", __package__).FUNCTIONS
    return found


def pieces(options: SectionOptions) -> list[Planned]:
    """The pieces of a section, in order."""
    section = SECTIONS[options.section]
    found = functions(section.module)
    planned: list[Planned] = []
    for by_weight, group in itertools.groupby(section.pieces, key=lambda piece: piece.by_weight):
        each = [one for piece in group for one in _carried_out(piece, found[piece.name], options)]
        planned += sorted(each, key=lambda piece: piece.weight) if by_weight else each
    return planned


def _carried_out(
    declared: gpu_manifest.Declared, work: Work | Several, options: SectionOptions
) -> Iterator[Planned]:
    """A piece of the manifest, once for each of what its capitals stand for."""
    least_s = 0.0 if options.rehearse else declared.least_s
    if isinstance(work, Several):
        for one in work.each(options):
            run = partial(_run, work.run, options, one.told)
            measured_s = None if options.rehearse else one.measured_s
            yield Planned(
                f"{declared.head}{one.text}", run, declared.weight * one.weight, least_s, measured_s
            )
    else:
        yield Planned(declared.name, partial(_run, work, options, ()), declared.weight, least_s)


def _run(
    work: Work, options: SectionOptions, told: tuple[object, ...], seconds: float
) -> Mapping[str, object]:
    return work(options, seconds, *told)
