"""What the CUDA kernels are asked to reach, and whether a GPU has shown it.

Shapes: B batch, D columns of a row (both directions); a recurrence has B·D columns.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median

from ...records.bench import Entry, Rates, Timed
from ..bench.speed_tables import MODES, against_lstm
from ..document import NONE
from ..numbers import ratio, times
from .pages import GPUCheck

COLUMNS, COPY_SHARE = 1 << 16, 0.8
"""From so many columns on, a recurrence must reach this share of the speed of a copy."""
AUTHORS_TIMES, LSTM_TIMES = 3.0, 5.0
"""Times as fast as the authors' kernel, and as cuDNN's LSTM."""
LSTM_SHAPES = {"figure-256": "paper's figure, L32 B32 d256", "figure-512": "paper's figure, L128 B32 d512"}
DTYPES = ("bfloat16", "float32")
PASSES = {"inference": "forward", "training": "forward+backward"}

MET, MISSED, OPEN = "met", "missed", "not measured yet"


@dataclass(frozen=True)
class Claim:
    """What is asked, what was measured in full and in a word, and the verdict."""

    asked: str
    measured: str
    short: str
    verdict: str


def claims(check: GPUCheck | None) -> list[Claim]:
    """All of them, in order; without a check none is measured."""
    found = [_correct(check)]
    found += [_bandwidth(check, dtype, mode) for dtype in DTYPES for mode in MODES]
    found += [_authors(check, mode) for mode in MODES]
    return found + [_lstm(check, shape, dtype) for shape in LSTM_SHAPES for dtype in DTYPES]


def recurrences(check: GPUCheck | None, dtype: str = "") -> Iterator[tuple[Entry, Timed, Timed | None]]:
    """Every recurrence that was timed: its entry, our kernel's row, and the authors', where there is one."""
    for entry in check.speed.recurrence if check and check.speed else ():
        rows = {row.backend: row for row in entry.rows}
        if "cuda" in rows and dtype in ("", entry.dtype):
            yield entry, rows["cuda"], rows.get("authors")


def copy_share(row: Timed, mode: str, rates: Rates) -> float | None:
    """The bytes that a recurrence must move, in its time, against the speed of a copy."""
    return ratio(ratio(row.moved_bytes(mode), row.seconds(mode)), rates.copy_bytes_per_s)


def against_authors(ours: Timed, theirs: Timed | None, mode: str) -> float | None:
    """Times as fast as their kernel; None where one of them was not timed."""
    return ratio(theirs.seconds(mode), ours.seconds(mode)) if theirs else None


def _judged(met: bool, check: GPUCheck) -> str:
    """The verdict on recurrences: "met" only when all that were planned were timed."""
    page = check.pages["speed"]
    planned = [name for name in page.planned if name.startswith("recurrence/")]
    timed = len(set(planned) & set(page.named("ok")))
    if not met:
        return MISSED
    return MET if timed == len(planned) else f"{MET} so far ({timed} of {len(planned)} timed)"


def _correct(check: GPUCheck | None) -> Claim:
    asked = "Correctness: every piece of `correct` is right"
    page = check.pages.get("correct") if check else None
    if page is None or not page.pieces:
        return _open(asked)
    cases = sum(piece.values.cases or 0 for piece in page.pieces if piece.state == "ok")
    right, planned = len(page.named("ok")), len(page.planned)
    named = {state: page.named(state) for state in ("failed", "skipped")}
    others = [f"{len(names)} {state} ({', '.join(names)})" for state, names in named.items() if names]
    left = planned - len(page.pieces)
    counts = [f"{right} of {planned} pieces ok ({cases:,} cases)", *others]
    counts += [f"{left} not run yet"] if left else []
    verdict = MISSED if named["failed"] else MET if right and not left else OPEN
    return Claim(asked, ", ".join(counts), ", ".join([f"{cases:,} cases", *others]), verdict)


def _bandwidth(check: GPUCheck | None, dtype: str, mode: str) -> Claim:
    asked = (
        f"Recurrence, {PASSES[mode]}, {dtype}: {COPY_SHARE:.0%} of a copy's speed from {COLUMNS:,} columns on"
    )
    shares: dict[str, float] = {}
    for entry, ours, _ in recurrences(check, dtype):
        if check and entry.columns >= COLUMNS:
            if error := ours.why_not(mode):
                return _open(asked, error, MISSED)
            share = copy_share(ours, mode, check.rates)
            shares |= {} if share is None else {f"{entry.label} ({entry.columns:,} columns)": share}
    if check is None or not shares:
        return _open(asked)
    lowest = min(shares, key=lambda label: shares[label])
    value = shares[lowest]
    text = f"{value:.1%}, {lowest}" + (f", the lowest of {len(shares)}" if len(shares) > 1 else "")
    return Claim(asked, text, f"{value:.1%}", _judged(value >= COPY_SHARE, check))


def _authors(check: GPUCheck | None, mode: str) -> Claim:
    asked = f"Recurrence, {PASSES[mode]}: {AUTHORS_TIMES:g}× the authors' kernel's speed wherever that builds"
    found, errors = [], []
    for entry, ours, theirs in recurrences(check):
        if own := ours.why_not(mode):
            return _open(asked, f"ours, at {entry.label}: {own}", MISSED)
        found += [faster] if (faster := against_authors(ours, theirs, mode)) else []
        errors += [error] if theirs and (error := theirs.why_not(mode)) else []
    if check is None or not found:
        return _open(asked, errors[0] if errors else "")
    lowest = min(found)
    text = f"at least {times(lowest)}, median {times(median(found))}, of {len(found)} recurrences"
    text += f"; theirs does not run at {len(errors)} more: {errors[0]}" if errors else ""
    return Claim(asked, text, times(lowest), _judged(lowest >= AUTHORS_TIMES, check))


def _lstm(check: GPUCheck | None, shape: str, dtype: str) -> Claim:
    asked = f"SRU, forward+backward, {dtype}: {LSTM_TIMES:g}× nn.LSTM's speed at the {LSTM_SHAPES[shape]}"
    entries = check.speed.shapes if check and check.speed else ()
    entry = next((one for one in entries if (one.name, one.dtype) == (shape, dtype)), None)
    if entry is None:
        return _open(asked)
    faster = against_lstm(entry, entry.row("sru"), "training")
    if faster is not None:
        return Claim(asked, times(faster), times(faster), MET if faster >= LSTM_TIMES else MISSED)
    own, other = (row.why_not("training") if (row := entry.row(name)) else "" for name in ("sru", "lstm"))
    return _open(asked, own or other, MISSED if own else OPEN)


def _open(asked: str, error: str = "", verdict: str = OPEN) -> Claim:
    """Nothing was measured, or nothing came of it: then why."""
    return Claim(asked, f"does not run: {error}" if error else NONE, "does not run" if error else "", verdict)
