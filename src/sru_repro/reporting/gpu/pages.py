"""The pages of the GPU check below `results/cuda`, put together: all that one GPU has shown on one date."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from ...core.errors import DataError
from ...records.base import read
from ...records.bench import Backend, Correctness, Entry, Rates, SpeedRecord, SpeedStamp, StampedEntry
from ...records.decode import Generation
from ...records.gpu_manifest import SECTIONS
from ...records.gpu_page import Found, FoundEntry, FoundGeneration, FoundRates, GPUPage, Piece
from ...records.gpu_probes import GPUProbes
from .peers import in_all_types

F = TypeVar("F", bound=Found)
PROBES = "probes.json"
"""Beside the pages of a folder."""


@dataclass(frozen=True)
class GPUCheck:
    """The pages of a folder, in the order of the sections.

    number  counts from 1 where several folders are of one GPU and date
    probes  what a script beside the check measured there that day
    """

    pages: Mapping[str, GPUPage]
    number: int = 1
    probes: GPUProbes | None = None

    @cached_property
    def first(self) -> GPUPage:
        """The page that facts of the machine are taken from."""
        return next(iter(self.pages.values()))

    @cached_property
    def date(self) -> str:
        """The day of the first piece; what was taken up again later says so itself."""
        return min((piece.measured.date[:10] for piece in self.pieces()), default="undated")

    @property
    def title(self) -> str:
        """For heads and pictures."""
        return f"{self.first.gpu.name}, {self.date}" + (f" ({self.number})" if self.number > 1 else "")

    @property
    def stem(self) -> str:
        """Of the files that are made of it."""
        slug = re.sub(r"[^a-z0-9]+", "-", self.first.gpu.name.lower()).strip("-")
        return f"cuda-{slug}-{self.date}" + (f"-{self.number}" if self.number > 1 else "")

    def pieces(self, section: str = "") -> Sequence[Piece]:
        """Those that were run, of one section or all."""
        return [piece for name, page in self.pages.items() if section in ("", name) for piece in page.pieces]

    def found(self, kind: type[F], section: str = "") -> Sequence[F]:
        """What came of the pieces that keep such values and went well."""
        return [
            piece.values
            for piece in self.pieces(section)
            if piece.state == "ok" and isinstance(piece.values, kind)
        ]

    @cached_property
    def rates(self) -> Rates:
        """What the GPU does by itself; of each rate, what the first section measured."""
        known: dict[str, float] = {}
        for one in self.found(FoundRates):
            known = {key: rate for key, rate in one.rates if rate} | known
        return Rates(**known)

    def rates_of(self, section: str) -> Rates:
        """The rates in the process of that section; where it has none, the GPU's."""
        return next((one.rates for one in self.found(FoundRates, section)), self.rates)

    @cached_property
    def speed(self) -> SpeedRecord | None:
        """What the section `speed` measured, for the tables and pictures of speed; None where it measured nothing."""
        page = self.pages.get("speed")
        if page is None:
            return None
        checked = page.piece("check")
        record = SpeedRecord(
            device=page.device,
            correctness=Correctness(cases=checked.values.cases or 0 if checked else 0),
            rates=self.rates,
            **{kind: [] for kind in SpeedRecord.ENTRIES},
            hardware=page.hardware,
            packages=page.packages,
        )
        for piece in page.pieces:
            kind, values = piece.name.partition("/")[0], piece.values
            if piece.state == "ok" and isinstance(values, FoundEntry):
                stamp = SpeedStamp(**piece.measured.plain(), backend=Backend(name=page.device))
                getattr(record, kind).append(StampedEntry.of(values.entry, stamp))
        record.order()
        record.shapes = in_all_types(record.shapes, self.probes.layers if self.probes else ())
        record.growth = in_all_types(record.growth)
        return record if any(record.entries()) else None

    @cached_property
    def graphed(self) -> Sequence[Entry]:
        """Shapes at which SRU in bfloat16 and nn.LSTM were timed plain and as graphs: by the check, else by probes."""
        own = self.speed.shapes if self.speed else ()
        for entries in (own, self.probes.layers if self.probes else ()):
            found = [entry for entry in entries if entry.dtype == "bfloat16" and _graphed(entry)]
            if found:
                return found
        return ()

    @property
    def by_probes(self) -> bool:
        """Whether `graphed` is what probes measured."""
        return bool(self.graphed) and not isinstance(self.graphed[0], StampedEntry)

    @cached_property
    def generation(self) -> Generation | None:
        """The measurement of generation, None where there is none."""
        return next((one.decode for one in self.found(FoundGeneration, "speed")), None)


def _graphed(entry: Entry) -> bool:
    sru = entry.row("sru")
    return bool(sru and sru.seconds("graph_training") and entry.baseline("graph_training"))


def load_gpu_checks(results: Path) -> list[GPUCheck]:
    """All folders of `results/cuda`, by GPU, then date. Raises DataError where a page is broken or no measurement."""
    found: list[tuple[str, GPUCheck]] = []
    for folder in sorted(path for path in (results / "cuda").glob("*") if path.is_dir()):
        places = {name: folder / f"{name}.json" for name in SECTIONS}
        pages = {name: _measured(path, name) for name, path in places.items() if path.exists()}
        beside = folder / PROBES
        probes = read(GPUProbes, beside) if pages and beside.exists() else None
        names = sorted({page.gpu.name for page in pages.values()} | ({probes.gpu} if probes else set()))
        if len(names) > 1:
            raise DataError(f"{folder}: expected pages of one GPU, found {', '.join(names)}; part them")
        if names:
            found.append((names[0], GPUCheck(pages, probes=probes)))
    checks: list[GPUCheck] = []
    for _, check in sorted(found, key=lambda one: (one[0], one[1].date)):
        same = sum(GPUCheck(other.pages).title == check.title for other in checks)
        checks.append(replace(check, number=same + 1))
    return checks


def _measured(path: Path, section: str) -> GPUPage:
    """A page that may be published."""
    page = read(GPUPage, path)
    if page.section != section:
        raise DataError(
            f"{path}: expected the page of section {section!r}, found {page.section!r}; rename it"
        )
    if page.rehearsal or page.device != "cuda":
        kind = "a rehearsal" if page.rehearsal else f"device {page.device!r}"
        raise DataError(
            f"{path}: expected what a CUDA GPU measured, found {kind}; move it out of the results"
        )
    return page
