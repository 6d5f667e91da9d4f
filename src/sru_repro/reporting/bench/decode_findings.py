"""What measured generation says: whether SRU keeps its lead over an LSTM as layers are added, and what attention costs.

An interval is that of a ratio of two timings by their quartiles (`statistics.ratio_of_medians`). Contexts are levels,
chosen, not drawn: over them a median stands with the lowest and the highest.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from statistics import median

from ...records.base import read
from ...records.decode import Comparison, DecodeRecord, Generated, Generation
from ..answer import Answer, shortened
from ..document import NONE, Table
from ..layout import bold
from ..marks import marked
from ..numbers import listed, ratio, significant, size, times
from .decode_tables import against_lstm, by_depth, lead_of, shares_of, streams, told_by_depth, told_by_length
from .ratios import Times, faster, short_name

QUESTION = "Does SRU generate faster than an LSTM, and how many layers may it have?"
PAPER_PACES = {"transformer-xl": 3_200, "srupp-all": 15_000, "srupp-last": 22_000}
"""Tokens/s of whole texts: SRU++ paper, Table 7 (WikiText-103, a V100): Transformer-XL, SRU++ large, and that with
attention in every fifth layer."""
NO_CLAIM = "cannot say: no such claim"
"""Of what no paper tells."""
_BESIDE = {"srupp-all": "transformer-xl", "srupp-last": "srupp-all"}
"""Whom the paper compares a model with there."""


@dataclass(frozen=True)
class _Pair:
    """One model's tokens/s as a multiple of another's, after the longest context, here and in the paper."""

    label: str
    other: str
    context: int
    here: Times
    paper: float


def decode_answer(results: Path) -> Answer | None:
    """The answer of `decode.md`, from all `decode-*.json` there: the first machine's, and a sentence of each other;
    None where no SRU generated beside an LSTM."""
    records = [read(DecodeRecord, path) for path in sorted(results.glob("decode-*.json"))]
    return Answer.together(generation_answer(record, record.hardware.name) for record in records)


def decode_beside(results: Path) -> str:
    """Whether generation is as in a paper: attention's models stand in the order of the SRU++ paper's Table 7, or not;
    no paper tells of SRU beside an LSTM here."""
    records = (read(DecodeRecord, path) for path in sorted(results.glob("decode-*.json")))
    record = next((one for one in records if generation_answer(one, one.hardware.name)), None)
    pairs = _pairs(record.groups[0], record.batches[0]).values() if record else ()
    if not pairs:
        return NO_CLAIM
    turned = sum((pair.here.high or pair.here.value) < 1 for pair in pairs)
    ahead = sum((pair.here.low or pair.here.value) > 1 for pair in pairs)
    order = "yes" if ahead == len(pairs) else "cannot say"
    if turned:
        order = f"no, {turned} of {len(pairs)} pairs reversed"
    here = listed([f"{pair.here.value:.1f}×" for pair in pairs])
    there = listed([f"{pair.paper:.1f}×" for pair in pairs])
    table = f"order of the SRU++ paper's Table 7: {order} ({here} here, {there} there)"
    return f"{table}; SRU against LSTM: no such claim"


def generation_answer(record: Generation, machine: str) -> Answer | None:
    """The answer of one machine: depth and context of the first comparison, the paper, then depth of the others."""
    depths = {
        (group.name, batch): _depths(group, batch, "" if place else f", on a {machine}")
        for place, (group, batch) in enumerate(product(record.groups, record.batches))
    }
    if not any(depths.values()):
        return None
    group, batch = record.groups[0], record.batches[0]
    own = [text for (name, _), told in depths.items() for text in told if name == group.name]
    others = [text for (name, _), told in depths.items() for text in told if name != group.name]
    context = told_by_length(group, batch)
    own += [f"{context[:1].upper()}{context[1:]}."] if context else []
    papers = [_paper(pair, batch) for pair in _pairs(group, batch).values()]
    return Answer.of(QUESTION, _short(record, machine), own, papers, others)


def _depths(group: Comparison, batch: int, where: str) -> list[str]:
    """A sentence on depth, and another where graphs were measured."""
    lead = f"{streams(batch).capitalize()}, {group.label[:1].lower()}{group.label[1:]}{where}: "
    found = (told_by_depth(group, batch, graph=graph) for graph in (False, True))
    return [f"{lead}{marked(text, *shares_of(group, batch))}." for text in found if text]


def _short(record: Generation, machine: str) -> str:
    """Of the first comparison and batch."""
    group, batch = record.groups[0], record.batches[0]
    found = by_depth(group, batch)
    if not found:
        return ""
    depth, value = next(iter(found.items()))
    text = f"On a {short_name(machine)} SRU of {depth} layers generates {value:.1f}× an LSTM's tokens/s"
    return shortened(f"{text} at equal {group.name}; {lead_of(found).partition(', and')[0]}.")


def decode_findings(record: Generation) -> Table | None:
    """The one table that answers: models of the first comparison, those first that generate fastest as one stream."""
    group = next(iter(record.groups), None)
    if group is None or not any(row.median_s for row in group.rows):
        return None
    contexts = record.contexts
    pairs = _pairs(group, record.batches[0])
    paces = {
        batch: {name: _pace(group, name, batch) for name in group.contenders()} for batch in record.batches
    }
    first = paces[record.batches[0]]
    body = []
    for name in sorted(group.contenders(), key=lambda name: -(first[name] or 0.0)):
        rows = {batch: group.by_context(name, batch) for batch in record.batches}
        one = next((row for of in rows.values() for row in of.values()), None)
        if one is None:
            continue
        cells = [one.label, f"{one.layers} × {one.width:,}"]
        for batch, of in rows.items():
            parts = [row.processor for row in of.values()]
            pace = marked(significant(paces[batch][name]), *parts)
            best = paces[batch][name] == max(
                (found for found in paces[batch].values() if found), default=None
            )
            cells += [bold(pace) if best else pace, marked(_relative(group, name, batch), *parts)]
        last = next(iter(rows.values())).get(contexts[-1])
        cells += [size(last.state_bytes if last else None), _verdict(name, pairs.get(name))]
        body.append(cells)
    heads = ["model", "layers × width"]
    for batch in record.batches:
        heads += [f"tokens/s, {streams(batch)}", "against LSTM" + f", {batch}" * (batch > 1)]
    heads += [f"state after {contexts[-1]:,}", "as in the paper?"]
    notes = ["Medians over contexts, in brackets the lowest and the highest. Bold: the fastest."]
    return Table(group.label, heads, body, words=heads[-1:], notes=notes)


def _pace(group: Comparison, name: str, batch: int) -> float | None:
    """Tokens/s, the median over contexts."""
    found = [row.tokens_per_s for row in group.by_context(name, batch).values() if row.tokens_per_s]
    return median(found) if found else None


def _relative(group: Comparison, name: str, batch: int) -> str:
    found = [
        pace
        for context, row in group.by_context(name, batch).items()
        if (pace := ratio(row.tokens_per_s, group.lstm_pace(context, batch)))
    ]
    if len(found) < 2:
        return times(against_lstm(group, name, batch))
    return f"{times(against_lstm(group, name, batch))} ({min(found):.2f}–{max(found):.2f})"


def _pairs(group: Comparison, batch: int) -> Mapping[str, _Pair]:
    """By model: beside whom the paper sets it."""
    found = {}
    for name, other in _BESIDE.items():
        rows: list[Mapping[int, Generated]] = [group.by_context(one, batch) for one in (name, other)]
        context = max(rows[0].keys() & rows[1].keys(), default=None)
        if context is None:
            continue
        one, beside = (of[context] for of in rows)
        if one.median_s and beside.median_s:
            paper = PAPER_PACES[name] / PAPER_PACES[other]
            found[name] = _Pair(one.label, beside.label, context, faster(beside, one), paper)
    return found


def _paper(pair: _Pair, batch: int) -> str:
    here, how = pair.here, f"{streams(batch)}, after {pair.context:,} tokens"
    if here.low is not None and here.high is not None:
        how = f"95 % interval {here.low:.1f} to {here.high:.1f}, {how}"
    return (
        f"{pair.label} generates {here.value:.1f} times the tokens/s of {pair.other} ({how}); the SRU++ paper's "
        f"Table 7, of models that read whole texts, has {pair.paper:.1f}."
    )


def _verdict(name: str, pair: _Pair | None) -> str:
    """Whether the one that is faster in the paper is it here, too: all of the paper's pairs have it first."""
    if pair is None:
        return NO_CLAIM if name.startswith("sru") else NONE
    here = pair.here
    low, high = here.low or here.value, here.high or here.value
    if low <= 1 <= high:
        return f"cannot say: {here.value:.2f}× {pair.other} ({low:.2f}–{high:.2f})"
    order = "yes" if low > 1 else "no"
    return f"{order}, the order: {here.value:.1f}× {pair.other} (there {pair.paper:.1f}×)"
