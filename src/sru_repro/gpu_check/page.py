"""A section's page: opened or begun, planned, filled piece by piece, on disk at every step."""

import functools
import hashlib
import json
import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from ..bench.run import now
from ..core import machine
from ..core.errors import ConfigError
from ..core.layout import sources
from ..records.base import read, write
from ..records.gpu_page import GPU, GPUPage, Piece, PieceStamp
from ..records.origin import Hardware
from . import gpu
from .plan import SectionOptions

SETTLED = ("ok", "skipped")
"""States of pieces that need not be run again."""


class Page:
    """`content` is what lies in the file."""

    def __init__(self, options: SectionOptions) -> None:
        self.path, self.since = options.page, options.since
        self._asked = _checksum(json.dumps(options.table, sort_keys=True)) if options.table else None
        before = require_same(options)
        self.content = GPUPage(
            section=options.section,
            rehearsal=options.rehearse,
            device=options.device,
            hardware=Hardware(**machine.hardware(options.device)),
            gpu=GPU(**gpu.facts(options.torch_device)),
            packages=machine.packages(),
            planned=before.planned if before else [],
            running=None,
            pieces=before.pieces if before else [],
        )
        self._begun = 0.0

    def plan(self, names: Sequence[str]) -> None:
        """Says which pieces there are; what was recorded of others is dropped."""
        self.content.planned = list(names)
        self.content.pieces = [piece for name in names if (piece := self.content.piece(name))]
        self.save()

    def has(self, name: str) -> bool:
        """Whether a piece was done by the code at hand and told the same, or tried by it in this call."""
        piece = self.content.piece(name)
        if piece is None:
            return False
        same = same_code(piece.measured) and piece.measured.asked == self._asked
        return same and (piece.state in SETTLED or piece.measured.date >= self.since > "")

    def begin(self, name: str) -> None:
        """Notes what is in progress: should the process die, the file says in what."""
        self.content.running = name
        self._begun = time.perf_counter()
        self.save()

    def end(self, name: str, state: str, values: Mapping[str, object], error: str | None = None) -> float:
        """Notes what came of a piece; the seconds it took."""
        seconds = time.perf_counter() - self._begun
        _place(self.content, name, state, error, seconds, values)
        if self._asked and (piece := self.content.piece(name)):
            piece.measured.asked = self._asked
        self.save()
        return seconds

    def save(self) -> None:
        """Writes the file whole."""
        write(self.content, self.path)


def bury(path: Path, error: str, seconds: float) -> str | None:
    """A process has died: the piece that it was at has failed; its name. None when it was at none."""
    page = read(GPUPage, path) if path.exists() else None
    if page is None or page.running is None:
        return None
    name = page.running
    _place(page, name, "failed", error, seconds, {})
    write(page, path)
    return name


def stamp() -> PieceStamp:
    """The code at hand: its revision for people, and what tells one working copy from another, by which a piece is
    known to be done."""
    return PieceStamp(date=now(), **machine.code_revision(), torch=torch.__version__, sources=_sources())


@functools.cache
def _sources() -> str:
    """A checksum of everything that is run."""
    found = hashlib.sha256()
    for name, path in sources():
        if path.is_file() and path.suffix in (".py", ".yaml", ".h", ".cu", ".cuh", ".cpp", ".json"):
            found.update(f"{name}\0".encode() + path.read_bytes())
    return found.hexdigest()[:12]


def _checksum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def same_code(measured: PieceStamp) -> bool:
    """Whether a piece was run by the code and the PyTorch at hand."""
    mine = stamp()
    return (measured.sources, measured.torch) == (mine.sources, mine.torch)


def _place(
    page: GPUPage, name: str, state: str, error: str | None, seconds: float, values: Mapping[str, object]
) -> None:
    """Puts a piece where it is planned, in the place of an earlier one; nothing is in progress then."""
    told = {"name": name, "state": state, "error": error, "seconds": seconds}
    piece = Piece.model_validate({**told, "measured": stamp(), "values": values})
    others = [other for other in page.pieces if other.name != name]
    page.pieces = sorted([*others, piece], key=lambda piece: page.planned.index(piece.name))
    page.running = None


def _machine(name: str) -> str:
    """A machine's name without its memory, of which a part is another size in every virtual machine, and threads."""
    return re.sub(r", \d+ (GB|threads?)\b", "", name)


def require_same(options: SectionOptions) -> GPUPage | None:
    """The page of a section that is there already, None where there is none.

    Raises:
        ConfigError: it is of another GPU or machine, of another section, or a rehearsal where this is none: nothing is
            mixed.
        DataError: it is broken.
    """
    if not options.page.exists():
        return None
    before = read(GPUPage, options.page)
    for key, mine, theirs in (
        ("GPU", gpu.name(options.torch_device), before.gpu.name),
        ("machine", _machine(machine.hardware(options.device)["name"]), _machine(before.hardware.name)),
        ("rehearsal", options.rehearse, before.rehearsal),
        ("section", options.section, before.section),
    ):
        if mine != theirs:
            raise ConfigError(
                f"{options.page}: expected {key} {mine!r}, found {theirs!r}; name another folder by out="
            )
    return before
