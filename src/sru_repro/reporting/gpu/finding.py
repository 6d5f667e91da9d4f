"""What a GPU has shown: SRU beside the fastest LSTM and beside the paper's claim, whether it is right, how fast the
kernel is, and what the host costs."""

from collections.abc import Sequence
from pathlib import Path

from ...records.bench import Entry
from ..answer import Answer, shortened
from ..bench.ratios import (
    CLAIM,
    Shapes,
    Times,
    against,
    between,
    extremes,
    level,
    reached,
    share_reached,
    spanned,
    timed,
    verdict,
)
from ..bench.speed_findings import QUESTION
from ..bench.speed_tables import fastest_lstm, spread
from ..document import NONE, Table
from ..layout import bold
from ..numbers import significant
from .claims import COLUMNS, MET, MISSED, claims, host_seconds, kernels
from .pages import GPUCheck, load_gpu_checks

GRAPH, LOOP = "graph_training", "training"
_SAME = "float32"
"""The type in which the paper's LSTM and SRU ran."""


def cuda_answer(results: Path) -> Answer | None:
    """The answer of `cuda.md`, from all pages below `results/cuda`; None where no GPU has shown anything."""
    return answer_of_all(load_gpu_checks(results))


def cuda_beside(results: Path) -> str:
    """Whether that is as in the paper, of the check that the answer is about; "" where no LSTM was timed."""
    latest = sorted(load_gpu_checks(results), key=lambda check: check.date, reverse=True)
    check = next((check for check in latest if answer_of(check)), None)
    entries = check.graphed if check else ()
    ways = {"as graphs": timed(entries, GRAPH), "in a loop": timed(entries, LOOP)}
    return "; ".join(f"{way} {share_reached(shapes)}" for way, shapes in ways.items() if shapes)


def answer_of_all(checks: Sequence[GPUCheck]) -> Answer | None:
    """That of the latest check, and the first sentence of each other."""
    latest = sorted(checks, key=lambda check: check.date, reverse=True)
    return Answer.together(map(answer_of, latest))


def answer_of(check: GPUCheck) -> Answer | None:
    """The answer of one GPU on one date."""
    graphs, loop = timed(check.graphed, GRAPH), timed(check.graphed, LOOP)
    told = [_compared(check, graphs), _in_a_loop(check, loop), _as_the_paper(check)]
    told += [_right(check), _fast(check)]
    sentences = tuple(sentence for sentence in told if sentence)
    if not sentences:
        return None
    sentences += (_verdicts(check),)
    short = sentences[0]
    if graphs:
        low, high = CLAIM
        short = f"On one {check.first.gpu.name} SRU is {spanned(graphs)}× as fast as the fastest LSTM as CUDA graphs"
        short += f", {spanned(loop)}× in a loop; the paper says {low} to {high}." if loop else "."
    return Answer(QUESTION.replace("an LSTM", "cuDNN's LSTM on a GPU"), shortened(short), sentences)


def findings(check: GPUCheck) -> Table | None:
    """The one table that answers: a row for each shape, where SRU gains most first."""
    shapes = timed(check.graphed, GRAPH)
    if not shapes:
        return None
    same = {entry.name: known for entry, known in _in_the_same_type(check)}
    loops = {entry.name: known for entry, known in timed(check.graphed, LOOP)}
    best = shapes[0][1].value
    body = []
    for entry, graph in shapes:
        loop = loops.get(entry.name)
        cells = [entry.label, spread(entry.row("sru"), GRAPH), spread(entry.baseline(GRAPH), GRAPH)]
        cells += [fastest_lstm(entry, GRAPH).partition(", ")[2].partition(",")[0]]
        cells += [bold(str(graph)) if graph.value == best else str(graph)]
        cells += [NONE if one is None else str(one) for one in (loop, same.get(entry.name))]
        body.append([*cells, verdict(entry, ("as graphs", graph), ("", loop))])
    heads = ["forward and backward", "SRU's graph, ms", "the fastest LSTM's, ms", "which", "as graphs"]
    heads += ["in a loop", f"both in {_SAME}, in a loop", "as in the paper?"]
    source = " (probes)" if check.by_probes else ""
    title = f"SRU in bfloat16: times as fast as the fastest nn.LSTM{source}"
    return Table(title, heads, body, words=("which", heads[-1]))


def _in_the_same_type(check: GPUCheck) -> list[tuple[Entry, Times]]:
    """SRU and LSTM of the check's own rounds, called as usual, both in the paper's type of number."""
    entries = check.speed.shapes if check.speed else ()
    return [
        (entry, known)
        for entry in entries
        if entry.dtype == _SAME
        and not entry.stepwise
        and (known := against(entry.row("sru"), entry.row("lstm"), LOOP))
    ]


def _compared(check: GPUCheck, graphs: Shapes) -> str:
    """SRU beside the fastest LSTM, both as graphs."""
    if not graphs:
        return ""
    types = sorted({entry.type_of(row) for entry, _ in graphs if (row := entry.baseline(GRAPH))})
    peer = f"the fastest nn.LSTM there is, in {' or '.join(types)}"
    text = f"Trained as CUDA graphs on one {check.first.gpu.name} ({check.date}), SRU in bfloat16 is "
    text += f"{level(graphs, peer)}{extremes(graphs)}"
    return f"{text}; the paper says {CLAIM[0]} to {CLAIM[1]}, reached at {reached(graphs)}."


def _in_a_loop(check: GPUCheck, loop: Shapes) -> str:
    """The same in a plain loop, where the host decides."""
    if not loop:
        return ""
    text = (
        f"In a plain PyTorch loop it is {spanned(loop)} times as fast, {CLAIM[0]} or more at {reached(loop)}"
    )
    if host := host_seconds(check, "sru"):
        cost = between([1e6 * seconds for seconds in host.values()], "{:.0f}")
        text += f": a call costs the host {cost} µs a layer, and the GPU waits"
    entry = check.graphed[0]
    sru = entry.row("sru")
    plain, graph = (sru.seconds(mode) if sru else None for mode in (LOOP, GRAPH))
    if plain and graph:
        text += f"; at the {entry.label}, forward and backward take {significant(1e6 * plain)} µs called from Python "
        text += f"and {significant(1e6 * graph)} µs as a CUDA graph"
    return f"{text}."


def _as_the_paper(check: GPUCheck) -> str:
    """The comparison that the paper made: one type, called as usual."""
    found = _in_the_same_type(check)
    if not found:
        return ""
    text = f"Compared as the paper did, both in {_SAME} and called as usual, SRU is {level(found, 'nn.LSTM')}"
    return f"{text}{extremes(found)}."


def _right(check: GPUCheck) -> str:
    page = check.pages.get("correct")
    cases = sum(piece.values.cases or 0 for piece in page.pieces if piece.state == "ok") if page else 0
    if page is None or not cases:
        return ""
    failed = page.named("failed")
    verdict = f"but {', '.join(failed)} failed" if failed else "and none was wrong"
    return (
        f"On this {check.first.gpu.name} ({check.date}) {cases:,} cases of the kernels were tried, {verdict}."
    )


def _fast(check: GPUCheck) -> str:
    """The kernel at the pace of memory."""
    shares = [100 * share for row, share, _ in kernels(check) if row.columns >= COLUMNS]
    if not shares:
        return ""
    return f"From {COLUMNS:,} columns on the kernel reaches {between(shares, '{:.1f}')} % of the speed of a copy."


def _verdicts(check: GPUCheck) -> str:
    """How many of the things asked of a GPU it has shown."""
    found = [claim.verdict for claim in claims(check)]
    met, missed = sum(one.startswith(MET) for one in found), found.count(MISSED)
    rest = len(found) - met - missed
    return f"Of {len(found)} things asked of a GPU {met} are met, {missed} missed, {rest} not measured yet."
