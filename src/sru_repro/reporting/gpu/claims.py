"""What the CUDA kernels are asked to reach, and whether a card has shown it.

Shapes: B batch, D columns of a row (both directions); a recurrence has B·D columns.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any

from ...record import Record
from ..bench.speed_tables import MODES, NONE, baseline, ratio, seconds
from .record import Ledger

COLUMNS, COPY_SHARE = 1 << 16, 0.8
"""From so many columns on, a recurrence must reach this share of the speed of a copy."""
AUTHORS_TIMES, LSTM_TIMES = 3.0, 5.0
"""Times as fast as the authors' kernel, and as cuDNN's LSTM."""
LSTM_SHAPES = {"figure-256": "paper's figure, L32 B32 d256", "figure-512": "paper's figure, L128 B32 d512"}
DTYPES = ("bfloat16", "float32")
PASSES = {"inference": "forward", "training": "forward+backward"}

MET, MISSED, OPEN = "met", "missed", "not measured yet"

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Claim:
    """What is asked, what was measured in full and in a word, and the verdict."""

    asked: str
    measured: str
    short: str
    verdict: str


def claims(ledger: Ledger | None) -> list[Claim]:
    """All of them, in order; without a ledger none is measured."""
    found = [_correct(ledger)]
    found += [_bandwidth(ledger, dtype, mode) for dtype in DTYPES for mode in MODES]
    found += [_authors(ledger, mode) for mode in MODES]
    return found + [_lstm(ledger, shape, dtype) for shape in LSTM_SHAPES for dtype in DTYPES]


def columns(entry: Row) -> int:
    """B·D of a recurrence."""
    return int(entry["batch"] * entry["hidden_size"] * (2 if entry.get("bidirectional") else 1))


def recurrences(record: Record | None, dtype: str = "") -> Iterator[tuple[Row, Row, Row]]:
    """Every recurrence that was timed: its entry, our kernel's row, and the authors' ({} where there is none)."""
    for entry in record["recurrence"] if record else ():
        rows = {row["backend"]: row for row in entry["rows"]}
        if "cuda" in rows and dtype in ("", entry["dtype"]):
            yield entry, rows["cuda"], rows.get("authors", {})


def copy_share(row: Row, mode: str, rates: Mapping[str, float]) -> float | None:
    """The bytes that a recurrence must move, in its time, against the speed of a copy."""
    return ratio(ratio(row.get(f"bytes_{mode}"), seconds(row, mode)), rates.get("copy_bytes_per_s"))


def error_of(row: Row, mode: str) -> str:
    """Why nothing was measured, "" where something was or nobody tried."""
    return str(row.get("error") or (row.get(mode) or {}).get("error") or "")


def _judged(met: bool, ledger: Ledger | None) -> str:
    """The verdict on recurrences: "met" only when all that were planned were timed."""
    page = ledger.pages.get("speed") if ledger else None
    planned = [name for name in page["planned"] if name.startswith("recurrence/")] if page else []
    right = [piece["name"] for piece in page["pieces"] if piece["state"] == "ok"] if page else []
    timed = sum(name in right for name in planned)
    if not met:
        return MISSED
    return MET if timed == len(planned) else f"{MET} so far ({timed} of {len(planned)} timed)"


def _correct(ledger: Ledger | None) -> Claim:
    asked = "Correctness: every piece of `correct` is right"
    page = ledger.pages.get("correct") if ledger else None
    if page is None or not page["pieces"]:
        return _open(asked)
    states = [piece["state"] for piece in page["pieces"]]
    cases = sum(piece["values"].get("cases", 0) for piece in page["pieces"] if piece["state"] == "ok")
    right, planned = states.count("ok"), len(page["planned"])
    counts = [f"{right} of {planned} pieces ok ({cases:,} cases)"]
    named = {
        state: [piece["name"] for piece in page["pieces"] if piece["state"] == state]
        for state in ("failed", "skipped")
    }
    others = [f"{len(names)} {state} ({', '.join(names)})" for state, names in named.items() if names]
    counts += others
    counts += [f"{planned - len(states)} not run yet"] if planned > len(states) else []
    complete = right and planned == len(states)
    verdict = MISSED if "failed" in states else MET if complete else OPEN
    return Claim(asked, ", ".join(counts), ", ".join([f"{cases:,} cases", *others]), verdict)


def _bandwidth(ledger: Ledger | None, dtype: str, mode: str) -> Claim:
    asked = (
        f"Recurrence, {PASSES[mode]}, {dtype}: {COPY_SHARE:.0%} of a copy's speed from {COLUMNS:,} columns on"
    )
    shares: dict[str, float] = {}
    errors: list[str] = []
    for entry, ours, _ in recurrences(ledger.speed if ledger else None, dtype):
        if columns(entry) >= COLUMNS:
            share = copy_share(ours, mode, ledger.rates if ledger else {})
            errors += [error] if (error := error_of(ours, mode)) else []
            shares |= {} if share is None else {f"{entry['label']} ({columns(entry):,} columns)": share}
    if errors:
        return _open(asked, errors[0], MISSED)
    if not shares:
        return _open(asked)
    lowest = min(shares, key=lambda label: shares[label])
    value = shares[lowest]
    text = f"{value:.1%}, {lowest}" + (f", the lowest of {len(shares)}" if len(shares) > 1 else "")
    return Claim(asked, text, f"{value:.1%}", _judged(value >= COPY_SHARE, ledger))


def _authors(ledger: Ledger | None, mode: str) -> Claim:
    asked = f"Recurrence, {PASSES[mode]}: {AUTHORS_TIMES:g}× the authors' kernel's speed wherever that builds"
    times, errors = [], []
    for entry, ours, theirs in recurrences(ledger.speed if ledger else None):
        if own := error_of(ours, mode):
            return _open(asked, f"ours, at {entry['label']}: {own}", MISSED)
        times += [found] if (found := ratio(seconds(theirs, mode), seconds(ours, mode))) else []
        errors += [error] if (error := error_of(theirs, mode)) else []
    if not times:
        return _open(asked, errors[0] if errors else "")
    text = f"at least {min(times):.2f}×, median {median(times):.2f}×, of {len(times)} recurrences"
    text += f"; theirs does not run at {len(errors)} more: {errors[0]}" if errors else ""
    return Claim(asked, text, f"{min(times):.2f}×", _judged(min(times) >= AUTHORS_TIMES, ledger))


def _lstm(ledger: Ledger | None, shape: str, dtype: str) -> Claim:
    asked = f"SRU, forward+backward, {dtype}: {LSTM_TIMES:g}× nn.LSTM's speed at the {LSTM_SHAPES[shape]}"
    record = ledger.speed if ledger else None
    for entry in record["shapes"] if record else ():
        if (entry["name"], entry["dtype"]) == (shape, dtype):
            rows = {row["contender"]: row for row in entry["rows"]}
            base = baseline(entry, "training")
            times = ratio(seconds(base, "training"), seconds(rows.get("sru"), "training"))
            if times is not None:
                text = f"{times:.2f}×"
                return Claim(asked, text, text, MET if times >= LSTM_TIMES else MISSED)
            own, other = (error_of(rows.get(name, {}), "training") for name in ("sru", "lstm"))
            return _open(asked, own or other, MISSED if own else OPEN)
    return _open(asked)


def _open(asked: str, error: str = "", verdict: str = OPEN) -> Claim:
    """Nothing was measured, or nothing came of it: then why."""
    return Claim(asked, f"does not run: {error}" if error else NONE, "does not run" if error else "", verdict)
