"""What is asked next of a GPU, with what earlier measurements lead one to expect.

An aim is open until a piece of the check measures it; then it is a claim like the others.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ...records.gpu_page import FoundPaces, FoundPaperSize, FoundRuns, FoundSteps, Steps
from ..numbers import ratio, times
from .claims import MET, MISSED, Claim
from .pages import GPUCheck

WITHIN, BUSY = 1.25, 0.9
"""Times as long as the GPU needs for a step that one may take, and the part of it in which the GPU works."""
SENTENCES_PER_S = 2000
"""Steps of SST's smallest SRU."""
SYMBOLS_PER_S, DEPTH = 35_000, 0.6
"""Of a stack of two layers, and what sixteen may lose against an LSTM of two."""
TABLE_RUNS, TABLE_MINUTES = 35, 15
"""Seven rows and five seeds, and how long they may take together."""
Judged = tuple[str, bool]
"""What was measured, and whether that is enough."""


def _not_measured(check: GPUCheck) -> Judged | None:
    return None


@dataclass(frozen=True)
class Aim:
    """What is asked; what a check's other measurements tell of it, "" where they tell nothing; and its own."""

    asked: str
    known: Callable[[GPUCheck], str]
    judged: Callable[[GPUCheck], Judged | None] = _not_measured


def reached(check: GPUCheck | None) -> list[Claim]:
    """The aims that a piece of that check has measured."""
    found = [(aim, judged) for aim in AIMS if check and (judged := aim.judged(check))]
    return [Claim(aim.asked, text, text, MET if enough else MISSED) for aim, (text, enough) in found]


def still_open(checks: Sequence[GPUCheck]) -> list[Aim]:
    """Those that none has."""
    return [aim for aim in AIMS if not any(aim.judged(check) for check in checks)]


def _row(check: GPUCheck, piece: str, row: str) -> Steps | None:
    """A row of section `steps`, also of a piece in which another one went wrong."""
    found = [one.values for one in check.pieces("steps") if one.name == piece]
    rows = [step for values in found if isinstance(values, FoundSteps) for step in values.steps]
    return next((step for step in rows if step.row == row), None)


def _trained(row: str) -> Callable[[GPUCheck], Judged | None]:
    def judged(check: GPUCheck) -> Judged | None:
        step = _row(check, "language", row)
        if step is None or step.gpu_ms is None or step.busy is None:
            return None
        text = f"{step.graph_ms:.2f} ms, of which the GPU needs {step.gpu_ms:.2f} ({step.busy:.0%}); plain "
        text += f"{step.plain_ms:.2f}" + (f"; but {step.wrong}" if step.wrong else "")
        return text, step.graph_ms <= WITHIN * step.gpu_ms and step.busy >= BUSY and not step.wrong

    return judged


def _sst_judged(check: GPUCheck) -> Judged | None:
    step = _row(check, "sentences", "sru2")
    return (f"{1e3 / step.graph_ms:,.0f} a second", step.graph_ms <= 1e3 / SENTENCES_PER_S) if step else None


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


def _paces(*names: str) -> Callable[[GPUCheck], list[float]]:
    """Symbols/s of these models, one stream in float32; nothing where one of them is missing."""

    def paces(check: GPUCheck) -> list[float]:
        for found in check.found(FoundPaces, "speed"):
            known = [found.symbols_per_s.get(f"{name}, float32, 1 at once") for name in names]
            if all(known):
                return [pace for pace in known if pace]
        return []

    return paces


def _two_layers(check: GPUCheck) -> Judged | None:
    return next(((f"{pace:,.0f}", pace >= SYMBOLS_PER_S) for pace in _paces("sru-2")(check)), None)


def _deep(check: GPUCheck) -> Judged | None:
    paces = _paces("sru-16", "lstm")(check)
    if not paces:
        return None
    deep, lstm = paces
    return f"{deep:,.0f}, {times(deep / lstm)} those of nn.LSTM ({lstm:,.0f})", deep >= DEPTH * lstm


def _run(name: str) -> Callable[[GPUCheck], str]:
    def known(check: GPUCheck) -> str:
        run = next((run for run in (check.probes.runs if check.probes else ()) if run.row == name), None)
        rate = check.rates.bfloat16_flop_per_s
        return f"{run.flop_per_s / rate:.0%}, {1e3 * run.step_s:.1f} ms a step" if run and rate else ""

    return known


def _rate(row: str, least: float) -> Callable[[GPUCheck], Judged | None]:
    """A row of the papers at its own size, alone on the GPU, against that GPU's rate: its step, else its training."""

    def judged(check: GPUCheck) -> Judged | None:
        for step in check.found(FoundPaperSize, "papers"):
            if step.row == row and step.share is not None:
                return f"{step.share:.0%}", step.share >= least
        for group in check.found(FoundRuns, "train-enwik8"):
            for run in group.finished if group.side_by_side == 1 else ():
                share = ratio(run.flop_per_s, group.bfloat16_flop_per_s)
                if run.row == row and share is not None:
                    return f"{share:.0%}", share >= least
        return None

    return judged


def _table(check: GPUCheck) -> Judged | None:
    """All runs of SST's table, once so many have finished: their time, shared by those side by side."""
    seconds = [
        run.took_s / found.side_by_side
        for found in check.found(FoundRuns, "table1")
        for run in found.finished
        if run.took_s
    ]
    if len(seconds) < TABLE_RUNS:
        return None
    minutes = sum(seconds) * TABLE_RUNS / len(seconds) / 60
    return f"{minutes:.1f} minutes", minutes <= TABLE_MINUTES


def _sst(check: GPUCheck) -> str:
    for group in check.found(FoundRuns, "train-sst"):
        for run in group.finished:
            step_ms = run.metrics.get("throughput/step_ms")
            if run.row == "sru2" and step_ms:
                return f"{1e3 / step_ms:,.0f} a second, {group.side_by_side} runs side by side"
    return ""


_SIZE = "4 layers d512, L128 B32, bfloat16"
_PACE = f"a step within {WITHIN:g} times its own graph alone, the GPU busy at least {BUSY:.0%}"
_SENTENCES = f"at least {SENTENCES_PER_S:,} steps/s"
AIMS = (
    Aim(f"`sru-repro train`, SRU, {_SIZE}: {_PACE}", _step("sru"), _trained("sru")),
    Aim(f"`sru-repro train`, SRU++, {_SIZE}: {_PACE}", _step("srupp"), _trained("srupp")),
    Aim(f"SST, SRU of 2 layers alone: {_SENTENCES}", _sst, _sst_judged),
    Aim(
        f"Generation, SRU of 2 layers d512, one stream: at least {SYMBOLS_PER_S:,} symbols/s",
        _generation("sru-2"),
        _two_layers,
    ),
    Aim(
        f"Generation, SRU of 16 layers: at least {DEPTH:g} times the symbols/s of nn.LSTM of 2",
        _generation("sru-16", "lstm"),
        _deep,
    ),
    Aim(
        "SRU++ base: at least 35 % of the GPU's bfloat16 rate", _run("srupp-base"), _rate("srupp-base", 0.35)
    ),
    Aim("SRU, 6 layers, the paper's size: at least 40 % of that rate", _run("sru6"), _rate("sru6", 0.4)),
    Aim(
        "Transformer-XL, 12 layers d512: at least 25 % of that rate",
        _run("transformer-xl"),
        _rate("transformer-xl", 0.25),
    ),
    Aim(f"SST's table, {TABLE_RUNS} runs of 100 epochs: {TABLE_MINUTES} minutes", lambda check: "", _table),
)
