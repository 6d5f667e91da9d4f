"""A section's page: opened or begun, planned, filled piece by piece, on disk at every step."""

import functools
import hashlib
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from ..core import machine
from ..core.errors import ConfigError
from ..core.layout import sources
from ..reporting.gpu.record import SCHEMA, read_page, write_page
from . import gpu
from .plan import Options

SETTLED = ("ok", "skipped")
"""States of pieces that need not be run again."""


class Page:
    """`content` as it lies in the file (results/cuda/README.md says what is in it)."""

    def __init__(self, options: Options) -> None:
        self.path, self.since = options.page, options.since
        head = {
            "schema": SCHEMA,
            "section": options.section,
            "rehearsal": options.rehearse,
            "device": options.device,
            "hardware": machine.hardware(options.device),
            "card": gpu.facts(options.torch_device),
            "packages": machine.packages(),
        }
        before = require_same(options)
        self.content: dict[str, Any] = {
            **head,
            "planned": before["planned"] if before else [],
            "running": None,
            "pieces": before["pieces"] if before else [],
        }
        self._begun = 0.0

    def plan(self, names: Sequence[str]) -> None:
        """Says which pieces there are; what was recorded of others is dropped."""
        self.content["planned"] = list(names)
        found = {piece["name"]: piece for piece in self.content["pieces"]}
        self.content["pieces"] = [found[name] for name in names if name in found]
        self.save()

    def has(self, name: str) -> bool:
        """Whether a piece was done by the code at hand, or tried by it in this call."""
        piece = next((piece for piece in self.content["pieces"] if piece["name"] == name), None)
        if piece is None:
            return False
        return same_code(piece["measured"]) and (
            piece["state"] in SETTLED or piece["measured"]["date"] >= self.since > ""
        )

    def begin(self, name: str) -> None:
        """Notes what is in progress: should the process die, the file says in what."""
        self.content["running"] = name
        self._begun = time.perf_counter()
        self.save()

    def end(self, name: str, state: str, values: Mapping[str, object], error: str | None = None) -> float:
        """Notes what came of a piece; the seconds it took."""
        seconds = time.perf_counter() - self._begun
        _place(self.content, name, state, error, seconds, values)
        self.save()
        return seconds

    def save(self) -> None:
        """Writes the file whole."""
        write_page(self.path, self.content)


def now() -> str:
    """The time in UTC, ISO 8601."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def bury(path: Path, error: str, seconds: float) -> str | None:
    """A process has died: the piece that it was at has failed; its name. None when it was at none."""
    page: dict[str, Any] = dict(read_page(path)) if path.exists() else {"running": None}
    name: str | None = page["running"]
    if name is None:
        return None
    _place(page, name, "failed", error, seconds, {})
    write_page(path, page)
    return name


def stamp() -> dict[str, Any]:
    """The code at hand: its revision for people, and what tells one working copy from another, by which a piece is
    known to be done."""
    code = machine.code_revision()
    told = {"revision": code["revision"], "dirty": code["dirty"], "torch": torch.__version__}
    return told | {"sources": _sources()}


@functools.cache
def _sources() -> str:
    """A checksum of everything that is run."""
    found = hashlib.sha256()
    for name, path in sources():
        if path.is_file() and path.suffix in (".py", ".yaml", ".h", ".cu", ".cuh", ".cpp", ".json"):
            found.update(f"{name}\0".encode() + path.read_bytes())
    return found.hexdigest()[:12]


def same_code(measured: Mapping[str, Any]) -> bool:
    """Whether a piece was run by the code and the PyTorch at hand."""
    mine = stamp()
    return all(measured.get(key) == mine[key] for key in ("sources", "torch"))


def _place(
    page: dict[str, Any],
    name: str,
    state: str,
    error: str | None,
    seconds: float,
    values: Mapping[str, object],
) -> None:
    """Puts a piece where it is planned, in the place of an earlier one; nothing is in progress then."""
    piece: dict[str, Any] = {"name": name, "state": state, "error": error, "seconds": seconds}
    piece |= {"measured": {"date": now(), **stamp()}, "values": values}
    places = {name: number for number, name in enumerate(page["planned"])}
    others = [other for other in page["pieces"] if other["name"] != name]
    page["pieces"] = sorted([*others, piece], key=lambda piece: places[piece["name"]])
    page["running"] = None


def require_same(options: Options) -> dict[str, Any] | None:
    """The page of a section that is there already, None where there is none.

    Raises:
        ConfigError: it is of another GPU, of another section, or a rehearsal where this is none: nothing is mixed.
        DataError: it is broken.
    """
    if not options.page.exists():
        return None
    before = dict(read_page(options.page))
    for key, mine, theirs in (
        ("GPU", gpu.name(options.torch_device), before["card"]["name"]),
        ("rehearsal", options.rehearse, before["rehearsal"]),
        ("section", options.section, before["section"]),
    ):
        if mine != theirs:
            raise ConfigError(
                f"{options.page}: expected {key} {mine!r}, found {theirs!r}; name another folder by out="
            )
    return before
