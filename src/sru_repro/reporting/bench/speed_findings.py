"""What measured speed says of the SRU paper's claim: how many times as fast as an LSTM, with which certainty, and why.

An interval of a shape is that of the rounds (`statistics.ratio_of_medians`), of a mean that over shapes
(`statistics.geometric`).
"""

from pathlib import Path

from ...records.base import read
from ...records.bench import Entry, SpeedRecord
from ..answer import Answer, shortened
from ..document import NONE, Table
from ..layout import bold
from ..marks import marked
from ..numbers import listed, ratio, significant
from .ratios import (
    CLAIM,
    Shapes,
    against,
    between,
    counted,
    extremes,
    in_figure,
    level,
    mean_of,
    reached,
    share_reached,
    short_name,
    spanned,
    timed,
    verdict,
)
from .speed_tables import several_types, spread

QUESTION = f"Is SRU {CLAIM[0]} to {CLAIM[1]} times as fast as an LSTM, as its paper says?"
_RECURRENT = {"sru": "SRU: times as fast", "qrnn": "QRNN", "authors": "the authors' package"}
"""Heads of the table of findings by contender."""


def speed_answer(results: Path) -> Answer | None:
    """The answer of `speed.md`, from all `speed-*.json` there: the first machine's, and a sentence of each other;
    None where no SRU was timed beside an LSTM."""
    records = [read(SpeedRecord, path) for path in sorted(results.glob("speed-*.json"))]
    return Answer.together(map(answer_of, records))


def speed_beside(results: Path) -> str:
    """Whether that is as in the paper, of the machine that the answer is about; "" where nothing was timed."""
    records = (read(SpeedRecord, path) for path in sorted(results.glob("speed-*.json")))
    record, shapes = next(((one, found) for one in records if (found := timed(one.shapes))), (None, ()))
    if record is None:
        return ""
    there = "" if record.device == "cuda" else ", on a GPU"
    return f"{share_reached(shapes)}: {CLAIM[0]} to {CLAIM[1]}× there{there}"


def answer_of(record: SpeedRecord, machine: str = "") -> Answer | None:
    """The answer of one machine; `machine` is its name where that of the record says too much."""
    shapes = timed(record.shapes)
    if not shapes:
        return None
    machine = machine or record.hardware.name
    told = [
        _level(machine, record, shapes),
        _claim(shapes),
        _bound(shapes),
        _ragged(record),
        _stepwise(record),
    ]
    told += [_authors(record, shapes), _checks(record)]
    peer = "the fastest LSTM" if any(map(several_types, record.shapes)) else "an LSTM of equal width"
    short = f"{_on(short_name(machine), record)} SRU trains {mean_of(shapes)[0]:.1f}× as fast as {peer} "
    short += f"({spanned(shapes)} at {counted(shapes)}); the paper says {CLAIM[0]} to {CLAIM[1]}"
    short += "." if record.device == "cuda" else ", on a GPU."
    return Answer(QUESTION, shortened(short), tuple(sentence for sentence in told if sentence))


def findings(record: SpeedRecord) -> Table | None:
    """The one table that answers: a row for each shape, where SRU gains most first; the fastest recurrence in bold."""
    shapes = timed(record.shapes)
    if not shapes:
        return None
    types = {entry.dtype for entry, _ in shapes}
    there = "" if record.device == "cuda" else " on its GPU"
    body = []
    for entry, known in shapes:
        base = entry.baseline("training")
        found = [against(entry.row(name), base, "training") for name in _RECURRENT]
        best = max(one.value for one in found if one)
        label = entry.title if len(types) > 1 else entry.label
        cells = [label, spread(entry.row("sru"), "training"), spread(base, "training")]
        for one in found:
            cells.append(NONE if one is None else bold(str(one)) if one.value == best else str(one))
        part = _part(entry)
        cells += [NONE if part is None else f"{part:.0%}", verdict(entry, ("", known), there=there)]
        body.append(cells)
    peer = "the fastest nn.LSTM" if any(several_types(entry) for entry, _ in shapes) else "nn.LSTM"
    heads = ["forward and backward", "SRU, ms", f"{peer}, ms", *_RECURRENT.values()]
    heads += ["products' part of SRU", "as in the paper?"]
    title = f"Times as fast as {peer} of equal width" + (f", {min(types)}" if len(types) == 1 else "")
    note = "In brackets: quartiles of a time, the 95 % interval of a ratio. Bold: the fastest recurrence."
    return Table(title, heads, body, words=heads[-1:], notes=[note])


def _part(entry: Entry) -> float | None:
    """What of SRU's time its matrix products take alone."""
    sru = entry.row("sru")
    return ratio(sru.seconds("floor_training"), sru.seconds("training")) if sru else None


def _on(machine: str, record: SpeedRecord) -> str:
    return f"On {'one' if record.device == 'cuda' else 'a'} {machine}"


def _level(machine: str, record: SpeedRecord, shapes: Shapes) -> str:
    peer = "the fastest nn.LSTM" if any(map(several_types, record.shapes)) else "nn.LSTM"
    text = f"{_on(machine, record)}, SRU trains {level(shapes, f'{peer} of equal width')}{extremes(shapes)}"
    return marked(text, *(share for _, known in shapes for share in known.processor)) + "."


def _claim(shapes: Shapes) -> str:
    text = f"The paper's {CLAIM[0]} to {CLAIM[1]} times, against cuDNN's LSTM on a GPU, are reached at "
    text += reached(shapes)
    # Of a size in several types the fastest comes last, and stays.
    by_size = sorted(reversed(shapes), key=lambda one: one[0].order)
    pairs = {entry.name: (known.value, figure) for entry, known in by_size if (figure := in_figure(entry))}
    if pairs:
        here = listed([f"{value:.1f}" for value, _ in pairs.values()])
        there = listed([f"{figure:.2g}" for _, figure in pairs.values()])
        text += f"; at the sizes of its speed figure SRU is {here} times as fast, where the figure shows about {there}"
    return f"{text}."


def _bound(shapes: Shapes) -> str:
    """What is left to gain: the products alone, and how fast SRU were without anything else."""
    known = [(part, found.value / part) for entry, found in shapes if (part := _part(entry))]
    if not known:
        return ""
    parts, free = zip(*known, strict=True)
    text = (
        f"SRU's matrix products alone take {between([100 * part for part in parts], '{:.0f}')} % of its time"
    )
    text += ": with a recurrence that cost nothing it would train"
    return f"{text} {between(free, '{:.1f}')} times as fast as the LSTM."


def _ragged(record: SpeedRecord) -> str:
    shapes = timed(record.shapes, "ragged_training")
    if not shapes:
        return ""
    return f"Where lengths differ in a batch, nn.LSTM packs its input and SRU trains {spanned(shapes)} times as fast."


def _stepwise(record: SpeedRecord) -> str:
    entries = [entry for entry in record.shapes if entry.stepwise]
    told = []
    for entry in entries:
        base = entry.baseline("inference")
        if base and (known := against(entry.row("sru"), base, "inference")):
            kind = f" in {entry.dtype}" if len(entries) > 1 else ""
            told.append(f"{known.value:.2f} times as fast as {base.label.partition(', ')[0]}{kind}")
    return f"Step by step, as in generation, it is {listed(told)}." if told else ""


def _authors(record: SpeedRecord, shapes: Shapes) -> str:
    """SRU beside the authors' package: in training, and step by step."""
    said = []
    pairs = ((entry, against(entry.row("sru"), entry.row("authors"), "training")) for entry, _ in shapes)
    found = [(entry, known) for entry, known in pairs if known]
    if found:
        mean = f", {significant(mean_of(found)[0])} in the geometric mean" if len(found) > 1 else ""
        said.append(
            f"in training SRU is {spanned(found)} times as fast as the authors' own package here{mean}"
        )
    for entry in (entry for entry in record.shapes if entry.stepwise):
        sru, authors = entry.row("sru"), entry.row("authors")
        known = against(sru, authors, "inference")
        if sru is None or authors is None or known is None:
            continue
        level = (known.low or known.value) <= 1 <= (known.high or known.value)
        quicker, slower = ("SRU", "the package") if known.value > 1 else ("the package", "SRU")
        far = max(known.value, 1 / known.value)
        rest = "the two are level" if level else f"{quicker} is {far:.2f} times as fast as {slower}"
        ours, theirs = (significant(1e3 * (row.seconds("inference") or 0.0)) for row in (sru, authors))
        said.append(f"step by step {rest} (SRU {ours} ms, the package {theirs} ms)")
    text = "; ".join(said)
    return f"{text[:1].upper()}{text[1:]}." if text else ""


def _checks(record: SpeedRecord) -> str:
    cases = record.correctness.cases
    return f"Before anything was timed {cases:,} checks of the recurrences were right." if cases else ""
