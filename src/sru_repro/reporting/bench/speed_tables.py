"""What `sru-repro bench` measured, as tables.

"Against LSTM" is how many times as fast as the fastest nn.LSTM, a plain call beside plain calls and a graph beside
graphs, "over floor" how many times the time of the model's matrix products alone.
"""

from collections.abc import Iterator, Sequence

from ...records.bench import Entry, SpeedRecord, Timed, Timing
from ..document import NONE, Table
from ..marks import marked
from ..numbers import ratio, shown, significant, times

MODES = ("inference", "training")
PEERS = ("lstm", "gru")
"""Models that count in whichever type of number they are fastest."""
_HEADS = {"inference": "inference, ms", "training": "forward+backward, ms"}
_WAYS = {"inference": "inference", "training": "forward+backward"}
_WAYS |= {f"graph_{mode}": words for mode, words in _WAYS.items()}


def speed_tables(record: SpeedRecord) -> Iterator[Table]:
    """All tables of one hardware, the overview first."""
    if any(not entry.stepwise for entry in record.shapes):
        yield overview(record.shapes)
        if any(row.graph_training for entry in record.shapes for row in entry.rows):
            yield overview(record.shapes, "graph_training")
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


def overview(entries: Sequence[Entry], mode: str = "training", source: str = "") -> Table:
    """Forward and backward against LSTM, plain or (`mode` "graph_training") as graphs: a row per shape, a column per
    model. Peers that were timed in several types count by the fastest, as LSTM does. `source` stands in the title."""
    whole = [entry for entry in entries if not entry.stepwise]
    models = {row.contender or "": row.label for entry in whole for row in entry.rows if not row.dtype}
    if mode != "training":
        known = (
            name
            for name in models
            if any(against_lstm(entry, row_of(entry, name, mode), mode) for entry in whole)
        )
        models = {name: models[name] for name in known}
    models.pop("lstm", None)
    several = any(map(several_types, whole))
    heads = ["shape", *["the fastest nn.LSTM"] * several, *models.values()]
    body = []
    for entry in whole:
        cells = [entry.title, *[fastest_lstm(entry, mode)] * several]
        body.append([*cells, *(faster(entry, row_of(entry, name, mode), mode) for name in models)])
    way = "as CUDA graphs, " if mode.startswith("graph_") else ""
    than = "the fastest nn.LSTM" if several else "nn.LSTM"
    title = f"Forward and backward: {way}times as fast as {than}"
    return Table(title + (f" ({source})" if source else ""), heads, body, words=("the fastest nn.LSTM",))


def row_of(entry: Entry, name: str, mode: str) -> Timed | None:
    """The row of a model: of a peer that in its fastest type, of others that in the entry's own."""
    return entry.fastest((name,), mode) if name in PEERS else entry.row(name)


def against_lstm(entry: Entry, row: Timed | None, mode: str) -> float | None:
    """How many times as fast as the LSTM of that shape; None where one of them was not timed."""
    base = entry.baseline(mode)
    return ratio(base.seconds(mode), row.seconds(mode)) if base and row else None


def faster(entry: Entry, row: Timed | None, mode: str) -> str:
    """The same as text, marked where one of them had too little of the processor."""
    base = entry.baseline(mode)
    shares = [one.timing(mode).processor for one in (row, base) if one]
    return marked(times(against_lstm(entry, row, mode)), *shares)


def several_types(entry: Entry) -> bool:
    """Whether peers were timed in more types than the entry's own."""
    return any(row.dtype for row in entry.rows)


def fastest_lstm(entry: Entry, mode: str) -> str:
    """Which LSTM others are compared with: its type and, of a graph, that it is one."""
    base = entry.baseline(mode)
    if base is None:
        return NONE
    graph = ", as a graph" if mode.startswith("graph_") else ""
    return (base.label if base.dtype else f"{base.label}, {entry.dtype}") + graph


def spread(row: Timed | None, mode: str, scale: float = 1e3) -> str:
    """Median and quartiles, or the error."""
    if row is None:
        return NONE
    if error := row.why_not(mode):
        return error
    return spread_of(row.timing(mode), scale)


def spread_of(timing: Timing, scale: float = 1e3) -> str:
    """Median and quartiles, or the error."""
    if timing.error:
        return timing.error
    median, low, high = (
        significant(None if value is None else scale * value)
        for value in (timing.median_s, timing.q1_s, timing.q3_s)
    )
    told = f"{median} ({low}–{high})" if timing.repeats > 1 else median
    return marked(told, timing.processor)


def _shape(entry: Entry, record: SpeedRecord) -> Table:
    rows = entry.rows
    modes = [mode for mode in MODES if any(getattr(row, mode) for row in rows)]
    graphs = [f"graph_{mode}" for mode in MODES if any(getattr(row, f"graph_{mode}") for row in rows)]
    ragged = [f"ragged_{mode}" for mode in MODES if any(getattr(row, f"ragged_{mode}") for row in rows)]
    paper = {name: found for name, *found in entry.paper_ms}
    heads = ["model"]
    for mode in modes:
        heads += [_HEADS[mode], "against LSTM", "over floor"]
    for mode in graphs:
        heads += [f"as a graph: {_HEADS[mode.removeprefix('graph_')]}", "against LSTM"]
    heads += ["tokens/s"] + (["peak, MB"] if "training" in modes else [])
    heads += [f"lengths differ: {_HEADS[mode.removeprefix('ragged_')]}" for mode in ragged]
    heads += ["paper: against LSTM"] if paper else []
    body = []
    for row in rows:
        cells = [row.label]
        for mode in modes:
            over = times(ratio(row.seconds(mode), row.seconds(f"floor_{mode}")))
            cells += [spread(row, mode), faster(entry, row, mode)]
            cells.append(marked(over, *(row.timing(way).processor for way in (mode, f"floor_{mode}"))))
        for mode in graphs:
            cells += [spread(row, mode), faster(entry, row, mode)]
        pace = shown(ratio(entry.tokens, row.seconds(modes[-1])))
        cells.append(marked(pace, row.timing(modes[-1]).processor))
        if "training" in modes:
            cells.append(significant(ratio(row.peak_training_bytes, 1e6)))
        cells += [spread(row, mode) for mode in ragged]
        if paper:
            cells.append(_in_paper(paper, row.contender or "") if not row.dtype else NONE)
        body.append(cells)
    notes = []
    if several_types(entry):
        named = [f"{_WAYS[mode]} {fastest_lstm(entry, mode)}" for mode in (*modes, *graphs)]
        notes = [f"LSTM is the fastest there is: {'; '.join(named)}."]
    return Table(entry.title, heads, [*body, *_floors(entry, modes, len(heads), record)], notes=notes)


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
    """Where the GPU's own time was measured, that follows the time of the calls."""
    heads, modes = ["shape, one layer", "back end"], list(MODES)
    if any(row.kernel_inference for entry in record.recurrence for row in entry.rows):
        modes += [f"kernel_{mode}" for mode in MODES]
    for mode in modes:
        own = "kernel, " if mode.startswith("kernel_") else ""
        heads += [own + _HEADS[mode.removeprefix("kernel_")], "GB/s", "of a copy"]
    body = []
    for entry in record.recurrence:
        for row in entry.rows:
            cells = [entry.title, row.label]
            for mode in modes:
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
    body, several = [], any(map(several_types, entries))
    for entry in entries:
        cells = [entry.label]
        for mode in MODES:
            cells += [
                spread(row, mode, 1e6 / entry.tokens)
                for row in (entry.row("sru"), entry.baseline(mode) or entry.row("lstm"))
            ]
            cells += [fastest_lstm(entry, mode)] * several
            cells.append(faster(entry, entry.row("sru"), mode))
        body.append(cells)
    heads = ["shape, one layer"]
    for mode in ("inference", "forward+backward"):
        heads += [
            f"SRU, {mode}, µs/token",
            "the fastest nn.LSTM" if several else "nn.LSTM",
            *["which"] * several,
        ]
        heads += ["SRU against LSTM"]
    return Table(f"How cost grows with length, batch and width ({dtype})", heads, body, words=("which",))
