"""The CUDA ledger's files: a page for each section, `results/cuda/<name>/<section>.json`, and all pages of one card and
date. Written by `sru-repro gpu-check` at every step, read for tables and pictures; results/cuda/README.md says what
is in a page.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ...core.errors import DataError
from ...core.files import write_text
from ...record import Record, lookup
from ...records.published import published
from ..bench.speed_record import SCHEMA as SPEED_SCHEMA
from ..bench.speed_record import SECTIONS as SPEED_SECTIONS
from ..bench.speed_record import head_problem, read_measured
from .plan import SECTIONS

SCHEMA = 1
DIGITS = 5
"""Of a number in the file."""
STATES = ("ok", "failed", "skipped")
Page = Record
Piece = Mapping[str, Any]

_ALWAYS: dict[str, type] = {
    "section": str,
    "rehearsal": bool,
    "device": str,
    "hardware.name": str,
    "card.name": str,
    "packages": dict,
    "planned": list,
    "pieces": list,
}
_PIECE: dict[str, tuple[type, ...]] = {
    "name": (str,),
    "error": (str, type(None)),
    "seconds": (int, float),
    "measured.date": (str,),
    "measured.revision": (str, type(None)),
    "measured.dirty": (bool, type(None)),
    "measured.torch": (str,),
    "values": (dict,),
}
_VALUES: dict[str, tuple[str, ...]] = {
    "entry": ("name", "label", "dtype", "order", "rows", "length", "batch", "hidden_size", "stepwise"),
    "decode": ("contexts", "batches", "groups"),
    "kernel": ("dtype", "columns", "moved_bytes", "heuristic", "best", "gain", "variants"),
    "runs": ("side_by_side", "seconds_each"),
}
"""What must be there of a piece whose values have the key: inside it where it is a mapping, else beside it."""


def write_page(path: Path, page: Mapping[str, Any]) -> None:
    """Writes it whole: a line a piece, five digits a number, no folder of this machine."""
    head = json.dumps(published({**page, "pieces": []}, DIGITS), indent=1, ensure_ascii=False)
    pieces = ",\n".join(
        f"  {json.dumps(published(piece, DIGITS), ensure_ascii=False)}" for piece in page["pieces"]
    )
    if pieces:
        head = head.replace('\n "pieces": []', f'\n "pieces": [\n{pieces}\n ]', 1)
    write_text(path, head + "\n")


def read_page(path: Path) -> Page:
    """One page. Raises DataError when it is missing, broken or of another schema."""
    return read_measured(path, "sru-repro gpu-check", _problem)


@dataclass(frozen=True)
class Ledger:
    """What one card did on one date: the pages of a folder, in the order of the sections.

    number  counts from 1 where several folders are of one card and date
    """

    pages: Mapping[str, Page]
    number: int = 1

    @cached_property
    def first(self) -> Page:
        """The page that facts of the machine are taken from."""
        return next(iter(self.pages.values()))

    @property
    def card(self) -> str:
        """The card's name."""
        return str(self.first["card"]["name"])

    @cached_property
    def date(self) -> str:
        """The day of the first piece; what was taken up again later says so itself."""
        days = sorted(piece["measured"]["date"][:10] for piece in self.pieces())
        return days[0] if days else "undated"

    @property
    def title(self) -> str:
        """For heads and pictures."""
        return f"{self.card}, {self.date}" + (f" ({self.number})" if self.number > 1 else "")

    @property
    def stem(self) -> str:
        """Of the files that are made of it."""
        slug = re.sub(r"[^a-z0-9]+", "-", self.card.lower()).strip("-")
        return f"cuda-{slug}-{self.date}" + (f"-{self.number}" if self.number > 1 else "")

    def pieces(self, section: str = "", state: str = "") -> list[Piece]:
        """Those that were run, of one section or all, in one state or any."""
        pages = [page for name, page in self.pages.items() if section in ("", name)]
        return [piece for page in pages for piece in page["pieces"] if state in ("", piece["state"])]

    @cached_property
    def rates(self) -> dict[str, float]:
        """What the card copies (bytes/s) and multiplies (operations/s), from the first section that measured it."""
        found: dict[str, float] = {}
        for piece in self.pieces(state="ok"):
            for key, value in (piece["values"].get("rates") or {}).items():
                if value:
                    found.setdefault(key, value)
        return found

    @cached_property
    def speed(self) -> Record | None:
        """What the section `speed` measured, for the tables and pictures of speed; None where it measured nothing."""
        if "speed" not in self.pages:
            return None
        record = speed_record(self.pages["speed"]) | {"rates": self.rates}
        return record if any(record[section] for section in SPEED_SECTIONS) else None

    @cached_property
    def decode(self) -> Record | None:
        """The measurement of generation, None where there is none."""
        found = [
            piece["values"]["decode"] for piece in self.pieces("speed", "ok") if "decode" in piece["values"]
        ]
        return found[0] if found else None


def load_ledgers(results: Path) -> list[Ledger]:
    """All folders of `results/cuda`, by card, then date. Raises DataError where a page is broken or no measurement."""
    found: dict[tuple[str, str, str], dict[str, Page]] = {}
    for folder in sorted(path for path in (results / "cuda").glob("*") if path.is_dir()):
        pages = {name: path for name in SECTIONS if (path := folder / f"{name}.json").exists()}
        read = {name: _measured(path, name) for name, path in pages.items()}
        if cards := sorted({page["card"]["name"] for page in read.values()}):
            if len(cards) > 1:
                raise DataError(f"{folder}: expected pages of one card, found {', '.join(cards)}; part them")
            found[cards[0], Ledger(read).date, folder.name] = read
    ledgers: list[Ledger] = []
    for card, date, folder_name in sorted(found):
        same = sum((ledger.card, ledger.date) == (card, date) for ledger in ledgers)
        ledgers.append(Ledger(found[card, date, folder_name], same + 1))
    return ledgers


def speed_record(page: Page) -> Record:
    """The page of section `speed` as the record that `speed_tables` and `write_speed_figure` take."""
    record: Record = {
        "schema": SPEED_SCHEMA,
        "device": page["device"],
        "hardware": page["hardware"],
        "packages": page["packages"],
        "rates": {},
        "correctness": {"cases": 0},
        **{section: [] for section in SPEED_SECTIONS},
    }
    for piece in page["pieces"]:
        values, section = piece["values"], piece["name"].partition("/")[0]
        if piece["state"] != "ok":
            continue
        if section == "rates":
            record["rates"] = values["rates"]
        elif section == "check":
            record["correctness"] = {"cases": values["cases"]}
        elif section in SPEED_SECTIONS:
            stamp = {**piece["measured"], "backend": {"name": page["device"], "why": ""}}
            record[section].append({**values["entry"], "measured": stamp})
    for section in SPEED_SECTIONS:
        record[section].sort(key=lambda entry: (entry["order"], entry["dtype"]))
    return record


def _measured(path: Path, section: str) -> Page:
    """A page that may be published."""
    page = read_page(path)
    if page["section"] != section:
        raise DataError(
            f"{path}: expected the page of section {section!r}, found {page['section']!r}; rename it"
        )
    if page["rehearsal"] or page["device"] != "cuda":
        kind = "a rehearsal" if page["rehearsal"] else f"device {page['device']!r}"
        raise DataError(
            f"{path}: expected what a CUDA GPU measured, found {kind}; move it out of the results"
        )
    return page


def _problem(page: Any) -> str:
    if problem := head_problem(page, SCHEMA, _ALWAYS):
        return problem
    planned, places = page["planned"], []
    for piece in page["pieces"]:
        name = piece.get("name") if isinstance(piece, dict) else None
        if name not in planned:
            return f"a piece: expected a name from 'planned', found {name!r:.60}"
        for key, kinds in _PIECE.items():
            value = lookup(piece, key)
            if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
                return f"piece {name!r}, key {key!r}: found {value!r:.60}"
        if piece.get("state") not in STATES:
            return f"piece {name!r}: expected state {', '.join(STATES)}, found {piece.get('state')!r:.60}"
        for key, wanted in _VALUES.items():
            inside = piece["values"].get(key)
            holder = inside if isinstance(inside, dict) else piece["values"]
            missing = [inner for inner in wanted if inner not in holder]
            if inside is not None and missing:
                return f"piece {name!r}, values: key {missing[0]!r} is missing"
        places.append(planned.index(name))
    if places != sorted(set(places)):
        return "'pieces': expected each once and in the order of 'planned'"
    return ""
