"""What `sru-repro bench` measured, as tables of text: the same for Markdown and for the terminal.

"Against LSTM" is how many times as fast as nn.LSTM in the same process, "over floor" how many times the time of the
model's matrix products alone.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

NONE = "—"
MODES = ("inference", "training")
_HEADS = {"inference": "inference, ms", "training": "forward+backward, ms"}

Row = Mapping[str, Any]


@dataclass(frozen=True)
class SpeedTable:
    """A title, heads, and rows of text; the first column holds names."""

    title: str
    heads: Sequence[str]
    body: Sequence[Sequence[str]]


def speed_tables(record: Row) -> Iterator[SpeedTable]:
    """All tables of one hardware, the overview first."""
    if any(not entry["stepwise"] for entry in record["shapes"]):
        yield overview(record)
    for entry in record["shapes"]:
        yield _shape(entry, record)
    if record["recurrence"]:
        yield _recurrence(record)
    for entry in record["overhead"]:
        yield _overhead(entry)
    for entry in record["graphs"]:
        yield _graphs(entry)
    for dtype in dict.fromkeys(entry["dtype"] for entry in record["growth"]):
        yield _growth(record, dtype)


def overview(record: Row) -> SpeedTable:
    """Forward and backward against LSTM: a row per shape, a column per model."""
    entries = [entry for entry in record["shapes"] if not entry["stepwise"]]
    models = {row["contender"]: row["label"] for entry in entries for row in entry["rows"]}
    models.pop("lstm", None)
    body = []
    for entry in entries:
        rows = {row["contender"]: row for row in entry["rows"]}
        cells = [against(rows.get(name), baseline(entry, "training"), "training") for name in models]
        body.append([_titled(entry), *cells])
    return SpeedTable("Forward and backward: times as fast as nn.LSTM", ["shape", *models.values()], body)


def baseline(entry: Row, mode: str) -> Row | None:
    """The row of LSTM; where it was built in two ways, the faster one."""
    rows = [row for row in entry["rows"] if row["contender"] in ("lstm", "lstm-cells")]
    timed = [row for row in rows if seconds(row, mode) is not None]
    return min(timed, key=lambda row: seconds(row, mode) or 0.0, default=None)


def against(row: Row | None, base: Row | None, mode: str) -> str:
    """How many times as fast as the base."""
    value = ratio(seconds(base, mode), seconds(row, mode))
    return NONE if value is None else f"{value:.2f}×"


def seconds(row: Row | None, mode: str) -> float | None:
    """The median, None where nothing was measured."""
    value = ((row or {}).get(mode) or {}).get("median_s")
    return None if value is None else float(value)


def ratio(above: float | None, below: float | None) -> float | None:
    """Their quotient, None where one is missing."""
    return above / below if above is not None and below else None


def significant(value: float) -> str:
    """Three digits, with thousands commas and without exponents."""
    decimals = 2 - math.floor(math.log10(abs(value))) if value else 0
    return f"{value:,.{max(0, decimals)}f}"


def _shape(entry: Row, record: Row) -> SpeedTable:
    rows = entry["rows"]
    modes = [mode for mode in MODES if any(mode in row for row in rows)]
    ragged = [mode for mode in MODES if any(f"ragged_{mode}" in row for row in rows)]
    paper = {name: times for name, *times in entry.get("paper_ms") or ()}
    heads = ["model"]
    for mode in modes:
        heads += [_HEADS[mode], "against LSTM", "over floor"]
    heads += ["tokens/s"] + (["peak, MB"] if "training" in modes else [])
    heads += [f"lengths differ: {_HEADS[mode]}" for mode in ragged]
    heads += ["paper: against LSTM"] if paper else []
    body = []
    for row in rows:
        cells = [row["label"]]
        for mode in modes:
            over = ratio(seconds(row, mode), seconds(row, f"floor_{mode}"))
            cells += [
                spread(row, mode),
                against(row, baseline(entry, mode), mode),
                NONE if over is None else f"{over:.2f}×",
            ]
        pace = ratio(entry["length"] * entry["batch"], seconds(row, modes[-1]))
        cells.append(NONE if pace is None else f"{pace:,.0f}")
        if "training" in modes:
            peak = row.get("peak_training_bytes")
            cells.append(NONE if peak is None else significant(peak / 1e6))
        cells += [spread(row, f"ragged_{mode}") for mode in ragged]
        if paper:
            cells.append(_in_paper(paper, row["contender"]))
        body.append(cells)
    return SpeedTable(_titled(entry), heads, [*body, *_floors(rows, modes, len(heads), record)])


def _in_paper(paper: Mapping[str, Sequence[float]], name: str) -> str:
    """Forward, and forward and backward, times as fast as the paper's LSTM."""
    if name not in paper:
        return NONE
    return " / ".join(f"{lstm / own:.1f}×" for lstm, own in zip(paper["lstm"], paper[name], strict=True))


def _floors(rows: Sequence[Row], modes: Sequence[str], width: int, record: Row) -> Iterator[list[str]]:
    """Lines beneath the models: what SRU's products take alone, and on CUDA what moving its bytes takes."""
    sru = next((row for row in rows if row["contender"] == "sru"), {})
    copy = record["rates"].get("copy_bytes_per_s")
    lines = [("SRU's matrix products alone", {mode: seconds(sru, f"floor_{mode}") for mode in modes})]
    if record["device"] == "cuda":
        moved = {mode: ratio(sru.get(f"bytes_{mode}"), copy) for mode in modes}
        lines.append(("bytes of SRU's recurrence at the speed of a copy", moved))
    for label, times in lines:
        cells = [label]
        for mode in modes:
            value = times[mode]
            cells += [NONE if value is None else significant(1e3 * value), NONE, NONE]
        if any(value is not None for value in times.values()):
            yield cells + [NONE] * (width - len(cells))


def spread(row: Row, mode: str, scale: float = 1e3) -> str:
    """Median and quartiles, or the error."""
    timing = row.get(mode) or {}
    error = row.get("error") or timing.get("error")
    if error:
        return str(error)
    if "median_s" not in timing:
        return NONE
    median, low, high = (significant(scale * timing[key]) for key in ("median_s", "q1_s", "q3_s"))
    return f"{median} ({low}–{high})" if timing["repeats"] > 1 else median


def _recurrence(record: Row) -> SpeedTable:
    heads = ["shape, one layer", "back end"]
    for mode in MODES:
        heads += [_HEADS[mode], "GB/s", "of a copy"]
    copy, body = record["rates"].get("copy_bytes_per_s"), []
    for entry in record["recurrence"]:
        for row in entry["rows"]:
            cells = [_titled(entry), row["label"]]
            for mode in MODES:
                rate = ratio(row["bytes_" + mode], seconds(row, mode))
                share = ratio(rate, copy)
                cells += [spread(row, mode), NONE if rate is None else significant(rate / 1e9)]
                cells.append(NONE if share is None else f"{share:.0%}")
            body.append(cells)
    return SpeedTable("The recurrence alone", heads, body)


def _overhead(entry: Row) -> SpeedTable:
    body = [[row["label"], *(spread(row, mode, 1e6) for mode in MODES)] for row in entry["rows"]]
    heads = ["a layer", "inference, µs", "forward+backward, µs"]
    return SpeedTable(f"The cost of a call: {_titled(entry)}, host time", heads, body)


def _graphs(entry: Row) -> SpeedTable:
    heads, modes = ["model"], []
    for mode in MODES:
        modes += [mode, f"graph_{mode}"]
        heads += [_HEADS[mode], "as a graph"]
    body = [[row["label"], *(spread(row, mode) for mode in modes)] for row in entry["rows"]]
    return SpeedTable(f"Called as usual and as a CUDA graph: {_titled(entry)}", heads, body)


def _growth(record: Row, dtype: str) -> SpeedTable:
    body = []
    for entry in record["growth"]:
        if entry["dtype"] == dtype:
            rows = {row["contender"]: row for row in entry["rows"]}
            tokens = entry["length"] * entry["batch"]
            cells = [entry["label"]]
            for mode in MODES:
                cells += [spread(rows.get(name, {}), mode, 1e6 / tokens) for name in ("sru", "lstm")]
                cells.append(against(rows.get("sru"), baseline(entry, mode), mode))
            body.append(cells)
    heads = ["shape, one layer"]
    for mode in ("inference", "forward+backward"):
        heads += [f"SRU, {mode}, µs/token", "nn.LSTM", "SRU against LSTM"]
    return SpeedTable(f"How cost grows with length, batch and width ({dtype})", heads, body)


def _titled(entry: Row) -> str:
    return f"{entry['label']}, {entry['dtype']}"
