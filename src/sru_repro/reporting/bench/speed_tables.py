"""What `sru-repro bench` measured, as tables.

"Against LSTM" is how many times as fast as nn.LSTM in the same process, "over floor" how many times the time of the
model's matrix products alone.
"""

from collections.abc import Iterator, Sequence

from ...records.bench import Entry, SpeedRecord, Timed
from ..document import NONE, Table
from ..numbers import ratio, shown, significant, times

MODES = ("inference", "training")
_HEADS = {"inference": "inference, ms", "training": "forward+backward, ms"}


def speed_tables(record: SpeedRecord) -> Iterator[Table]:
    """All tables of one hardware, the overview first."""
    if any(not entry.stepwise for entry in record.shapes):
        yield overview(record)
    for entry in record.shapes:
        yield _shape(entry, record)
    if record.recurrence:
        yield _recurrence(record)
    for entry in record.overhead:
        yield _overhead(entry)
    for entry in record.graphs:
        yield _graphs(entry)
    for dtype in dict.fromkeys(entry.dtype for entry in record.growth):
        yield _growth([entry for entry in record.growth if entry.dtype == dtype], dtype)


def overview(record: SpeedRecord) -> Table:
    """Forward and backward against LSTM: a row per shape, a column per model."""
    entries = [entry for entry in record.shapes if not entry.stepwise]
    models = {row.contender or "": row.label for entry in entries for row in entry.rows}
    models.pop("lstm", None)
    body = [
        [entry.title, *(times(against_lstm(entry, entry.row(name), "training")) for name in models)]
        for entry in entries
    ]
    return Table("Forward and backward: times as fast as nn.LSTM", ["shape", *models.values()], body)


def against_lstm(entry: Entry, row: Timed | None, mode: str) -> float | None:
    """How many times as fast as the LSTM of that shape; None where one of them was not timed."""
    base = entry.baseline(mode)
    return ratio(base.seconds(mode), row.seconds(mode)) if base and row else None


def spread(row: Timed | None, mode: str, scale: float = 1e3) -> str:
    """Median and quartiles, or the error."""
    if row is None:
        return NONE
    if error := row.why_not(mode):
        return error
    timing = row.timing(mode)
    median, low, high = (
        significant(None if value is None else scale * value)
        for value in (timing.median_s, timing.q1_s, timing.q3_s)
    )
    return f"{median} ({low}–{high})" if timing.repeats > 1 else median


def _shape(entry: Entry, record: SpeedRecord) -> Table:
    rows = entry.rows
    modes = [mode for mode in MODES if any(getattr(row, mode) for row in rows)]
    ragged = [f"ragged_{mode}" for mode in MODES if any(getattr(row, f"ragged_{mode}") for row in rows)]
    paper = {name: found for name, *found in entry.paper_ms}
    heads = ["model"]
    for mode in modes:
        heads += [_HEADS[mode], "against LSTM", "over floor"]
    heads += ["tokens/s"] + (["peak, MB"] if "training" in modes else [])
    heads += [f"lengths differ: {_HEADS[mode.removeprefix('ragged_')]}" for mode in ragged]
    heads += ["paper: against LSTM"] if paper else []
    body = []
    for row in rows:
        cells = [row.label]
        for mode in modes:
            over = ratio(row.seconds(mode), row.seconds(f"floor_{mode}"))
            cells += [spread(row, mode), times(against_lstm(entry, row, mode)), times(over)]
        cells.append(shown(ratio(entry.tokens, row.seconds(modes[-1]))))
        if "training" in modes:
            cells.append(significant(ratio(row.peak_training_bytes, 1e6)))
        cells += [spread(row, mode) for mode in ragged]
        if paper:
            cells.append(_in_paper(paper, row.contender or ""))
        body.append(cells)
    return Table(entry.title, heads, [*body, *_floors(entry, modes, len(heads), record)])


def _in_paper(paper: dict[str, list[float]], name: str) -> str:
    """Forward, and forward and backward, times as fast as the paper's LSTM."""
    if name not in paper:
        return NONE
    return " / ".join(f"{lstm / own:.1f}×" for lstm, own in zip(paper["lstm"], paper[name], strict=True))


def _floors(entry: Entry, modes: Sequence[str], width: int, record: SpeedRecord) -> Iterator[list[str]]:
    """Lines beneath the models: what SRU's products take alone, and on CUDA what moving its bytes takes."""
    sru = entry.row("sru")
    if sru is None:
        return
    copy = record.rates.copy_bytes_per_s
    lines = [("SRU's matrix products alone", [sru.seconds(f"floor_{mode}") for mode in modes])]
    if record.device == "cuda":
        moved = [ratio(sru.moved_bytes(mode), copy) for mode in modes]
        lines.append(("bytes of SRU's recurrence at the speed of a copy", moved))
    for label, found in lines:
        cells = [label]
        for value in found:
            cells += [significant(None if value is None else 1e3 * value), NONE, NONE]
        if any(value is not None for value in found):
            yield cells + [NONE] * (width - len(cells))


def _recurrence(record: SpeedRecord) -> Table:
    heads = ["shape, one layer", "back end"]
    for mode in MODES:
        heads += [_HEADS[mode], "GB/s", "of a copy"]
    body = []
    for entry in record.recurrence:
        for row in entry.rows:
            cells = [entry.title, row.label]
            for mode in MODES:
                rate = ratio(row.moved_bytes(mode), row.seconds(mode))
                share = ratio(rate, record.rates.copy_bytes_per_s)
                cells += [spread(row, mode), significant(ratio(rate, 1e9)), shown(share, "{:.0%}")]
            body.append(cells)
    return Table("The recurrence alone", heads, body)


def _overhead(entry: Entry) -> Table:
    body = [[row.label, *(spread(row, mode, 1e6) for mode in MODES)] for row in entry.rows]
    heads = ["a layer", "inference, µs", "forward+backward, µs"]
    return Table(f"The cost of a call: {entry.title}, host time", heads, body)


def _graphs(entry: Entry) -> Table:
    heads = ["model"]
    for mode in MODES:
        heads += [_HEADS[mode], "as a graph"]
    modes = [way + mode for mode in MODES for way in ("", "graph_")]
    body = [[row.label, *(spread(row, mode) for mode in modes)] for row in entry.rows]
    return Table(f"Called as usual and as a CUDA graph: {entry.title}", heads, body)


def _growth(entries: Sequence[Entry], dtype: str) -> Table:
    body = []
    for entry in entries:
        cells = [entry.label]
        for mode in MODES:
            cells += [spread(entry.row(name), mode, 1e6 / entry.tokens) for name in ("sru", "lstm")]
            cells.append(times(against_lstm(entry, entry.row("sru"), mode)))
        body.append(cells)
    heads = ["shape, one layer"]
    for mode in ("inference", "forward+backward"):
        heads += [f"SRU, {mode}, µs/token", "nn.LSTM", "SRU against LSTM"]
    return Table(f"How cost grows with length, batch and width ({dtype})", heads, body)
