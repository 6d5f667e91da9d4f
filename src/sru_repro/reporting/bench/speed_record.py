"""The file `results/speed-<hardware>.json`: written after a measurement, read for the table and the picture."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ...core.errors import DataError
from ...core.files import write_text
from ...record import Record, lookup
from ...records.published import published

SCHEMA = 1
DIGITS = 4
"""Of a number in the file."""
SECTIONS = ("shapes", "recurrence", "overhead", "graphs", "growth")
_ALWAYS: dict[str, type] = {
    "hardware.name": str,
    "hardware.slug": str,
    "device": str,
    "rates": dict,
    "correctness.cases": int,
    **dict.fromkeys(SECTIONS, list),
}
_ENTRY = ("name", "label", "dtype", "rows", "measured", "length", "batch", "hidden_size")


def write_speed(record: Mapping[str, Any], results: Path) -> Path:
    """Writes what was measured beside what the file of the same hardware holds already; its place.

    A shape or section that was measured again is replaced. Every entry says when and on which code it was measured.
    """
    place = results / f"speed-{record['hardware']['slug']}.json"
    before: Record = read_speed(place) if place.exists() else {section: [] for section in SECTIONS}
    code, stamp = record["code"], {key: record[key] for key in ("date", "backend", "repeats")}
    stamp |= {"revision": code["revision"], "dirty": code["dirty"], "torch": record["packages"]["torch"]}
    merged: Record = {
        key: value for key, value in record.items() if key not in ("date", "backend", "repeats", "code")
    }
    for section in SECTIONS:
        new = [{**entry, "measured": stamp} for entry in record[section]]
        known = {_identity(entry) for entry in new}
        kept = [entry for entry in before[section] if _identity(entry) not in known]
        merged[section] = sorted([*new, *kept], key=lambda entry: (entry["order"], entry["dtype"]))
    write_text(place, _dump(merged))
    return place


def read_speed(path: Path) -> Record:
    """One file. Raises DataError when it is broken or of another schema."""
    return read_measured(path, "sru-repro bench", _problem)


def read_measured(path: Path, command: str, problem_of: Callable[[object], str]) -> Record:
    """A file that `command` wrote. Raises DataError when it is no JSON or `problem_of` finds a fault."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: expected JSON of `{command}`, found {error}; run it again") from None
    problem = problem_of(record)
    if problem:
        raise DataError(f"{path}: {problem}; delete the file and run `{command}` again")
    return dict(record)


def head_problem(record: object, schema: int, always: Mapping[str, type]) -> str:
    """What is wrong with a measurement's schema and the keys that it must always have; "" for nothing."""
    if not isinstance(record, dict) or record.get("schema") != schema:
        found = record.get("schema") if isinstance(record, dict) else type(record).__name__
        return f"key 'schema': expected {schema}, found {found!r}"
    for name, kind in always.items():
        if not isinstance(lookup(record, name), kind):
            return f"key {name!r}: expected {kind.__name__}, found {lookup(record, name)!r:.60}"
    return ""


def _problem(record: Any) -> str:
    if problem := head_problem(record, SCHEMA, _ALWAYS):
        return problem
    for section in SECTIONS:
        for entry in record[section]:
            missing = [key for key in _ENTRY if key not in entry]
            if missing:
                return f"an entry of {section!r}: key {missing[0]!r} is missing"
    return ""


def _identity(entry: Mapping[str, Any]) -> tuple[str, str]:
    return entry["name"], entry["dtype"]


def _dump(record: Record) -> str:
    """Four digits a number, a line a row, no folder of this machine."""
    text = json.dumps({**record, **{section: [] for section in SECTIONS}}, indent=1, ensure_ascii=False)
    for section in SECTIONS:
        entries = ",\n".join(f"  {_entry(published(entry, DIGITS))}" for entry in record[section])
        if entries:
            text = text.replace(f'\n "{section}": []', f'\n "{section}": [\n{entries}\n ]', 1)
    return text + "\n"


def _entry(entry: dict[str, Any]) -> str:
    rows = ",\n".join(f"    {json.dumps(row, ensure_ascii=False)}" for row in entry["rows"])
    head = json.dumps({**entry, "rows": []}, ensure_ascii=False)
    return head.replace('"rows": []', f'"rows": [\n{rows}\n  ]', 1)
