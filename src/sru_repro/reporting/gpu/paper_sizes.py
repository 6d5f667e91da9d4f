"""The papers' models at their own size: a step, what of the GPU it uses, and where its time goes."""

from collections.abc import Iterator

from ...records.gpu_page import FoundBlocks, FoundPaperSize
from ..bench.speed_tables import spread_of
from ..document import Table
from ..numbers import ratio, shown, significant
from ..runs.cells import count
from .pages import GPUCheck

SHOWN = 6
"""Kernels of a step that are listed; the page has more."""


def paper_sizes(check: GPUCheck) -> Iterator[Table]:
    """Steps, their kernels, and attention by the size of its blocks; what was not measured is left out."""
    steps = check.found(FoundPaperSize, "papers")
    if steps:
        heads = ["a step of", "called, ms", "as a graph, ms", "tokens/s", "TFLOP", "of the bfloat16 rate"]
        heads += ["asked", "GPU peak"]
        yield Table("The papers' sizes", heads, [_step(step) for step in steps])
        body = [
            [step.row, kernel.kernel, significant(kernel.calls), significant(kernel.ms)]
            for step in steps
            for kernel in step.profile[:SHOWN]
        ]
        heads = ["a step of", "kernel", "calls", "ms"]
        yield Table("Where their time goes", heads, body, words=("kernel",))
    for found in check.found(FoundBlocks, "papers"):
        body = [[str(one.queries), f"{one.scores:,}", spread_of(one.time)] for one in found.blocks]
        yield Table(
            "Attention of SRU++ base, both passes, by blocks", ["queries", "scores at once", "ms"], body
        )


def _step(step: FoundPaperSize) -> list[str]:
    best_s = min((t.median_s for t in (step.called, step.graph) if t.median_s), default=None)
    cells = [step.row, spread_of(step.called), spread_of(step.graph)]
    cells += [count(ratio(step.tokens, best_s)), significant(step.flop / 1e12)]
    cells += [shown(step.share, "{:.0%}"), f"{step.aim:.0%}"]
    return [*cells, shown(ratio(step.peak_bytes, 2**20), "{:,.0f} MiB")]
