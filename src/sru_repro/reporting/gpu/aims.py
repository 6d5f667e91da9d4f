"""What is asked next of a GPU, with what earlier measurements lead one to expect.

All of it is open until a piece of the check measures it; then it becomes a claim.
"""

from collections.abc import Callable
from dataclasses import dataclass

from ...records.gpu_page import FoundRuns
from .pages import GPUCheck


@dataclass(frozen=True)
class Aim:
    """What is asked, and what a check's probes tell of it, "" where they tell nothing."""

    asked: str
    known: Callable[[GPUCheck], str]


def _step(contender: str) -> Callable[[GPUCheck], str]:
    def known(check: GPUCheck) -> str:
        rows = check.probes.training if check.probes else ()
        row = next((row for row in rows if (row.contender, row.width) == (contender, 512)), None)
        return f"{1e3 * row.plain_s:.2f} ms plain, {1e3 * row.graph_s:.2f} ms as a graph" if row else ""

    return known


def _generation(*contenders: str) -> Callable[[GPUCheck], str]:
    def known(check: GPUCheck) -> str:
        rows = [row for row in (check.probes.generation if check.probes else ()) if row.streams == 1]
        found = [row for name in contenders for row in rows if row.contender == name]
        return ", ".join(
            f"{row.label}: {row.plain_per_s:,.0f} plain, {row.graph_per_s:,.0f} as a graph" for row in found
        )

    return known


def _run(name: str) -> Callable[[GPUCheck], str]:
    def known(check: GPUCheck) -> str:
        run = next((run for run in (check.probes.runs if check.probes else ()) if run.row == name), None)
        rate = check.rates.bfloat16_flop_per_s
        return f"{run.flop_per_s / rate:.0%}, {1e3 * run.step_s:.1f} ms a step" if run and rate else ""

    return known


def _sst(check: GPUCheck) -> str:
    for group in check.found(FoundRuns, "train-sst"):
        for run in group.finished:
            step_ms = run.metrics.get("throughput/step_ms")
            if run.row == "sru2" and step_ms:
                return f"{1e3 / step_ms:,.0f} a second, {group.side_by_side} runs side by side"
    return ""


_SIZE = "4 layers d512, L128 B32, bfloat16"
AIMS = (
    Aim(
        f"`sru-repro train`, SRU, {_SIZE}: a step in at most 0.90 ms (1.25 times an H100's graph), the GPU busy",
        _step("sru"),
    ),
    Aim(
        f"`sru-repro train`, SRU++, {_SIZE}: a step in at most 1.93 ms (the same), the GPU busy",
        _step("srupp"),
    ),
    Aim("SST, SRU of 2 layers alone: at least 2,000 steps/s", _sst),
    Aim("Generation, SRU of 2 layers d512, one stream: at least 35,000 symbols/s", _generation("sru-2")),
    Aim(
        "Generation, SRU of 16 layers: at least 0.6 times the symbols/s of nn.LSTM of 2",
        _generation("sru-16", "lstm"),
    ),
    Aim("SRU++ base: at least 35 % of the GPU's bfloat16 rate", _run("srupp-base")),
    Aim("SRU, 6 layers, the paper's size: at least 40 % of that rate", _run("sru6")),
    Aim("Transformer-XL, 12 layers d512: at least 25 % of that rate", _run("transformer-xl")),
    Aim("SST's table, 35 runs of 100 epochs: 15 minutes", lambda check: ""),
)
