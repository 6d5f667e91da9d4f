"""sru-repro bench [device=cpu|cuda] [shapes=sst,...] [sections=growth,...] [repeats=N] [budget=SECONDS] [threads=N]
sru-repro bench task=decode [device=cpu|cuda] [contexts=16,1024,...] [repeats=N] [budget=SECONDS] [threads=N]

Times SRU, SRU v1 and QRNN against nn.LSTM, nn.GRU, convolutions and the authors' package, in one process, interleaved:
inference, forward and backward, peak memory; then the recurrence alone on every back end, the cost of a call, and
how cost grows. Before that the back ends are checked against the float64 reference; where one is wrong nothing is
timed. Writes results/speed-HARDWARE.json, results/speed.md and results/speed-HARDWARE.svg, .png; what was measured
before on the same hardware and is not measured now stays. shapes=... alone leaves overhead and growth out.

task=decode times how language models generate, token by token, one stream and 32 at once, after contexts of so many
tokens: SRU of 2 to 16 layers, SRU++, LSTM, GRU, minGRU and Transformer-XL, at equal parameters and at equal width, on
CUDA plainly and as a graph; no number before each model's steps are known to equal its pass over the whole text. Writes
results/decode-HARDWARE.json in the place of an earlier one, results/decode.md and results/decode-HARDWARE.svg and .png.
"""

import os
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar

from pydantic import model_validator

from ..core.errors import ConfigError
from ..core.interrupt import signals
from .options import Names, Options, available_device, numbers, some_of, whole

if TYPE_CHECKING:
    from ..reporting.answer import Answer
    from ..reporting.document import Block
    from ..training.console import Console

Count = Annotated[int, whole(1)]
_LINE = 80
"""Columns of the answer, so that its lines can be read."""
R = TypeVar("R")


class BenchOptions(Options):
    """What is measured, where, and for how long. None: as much as there is, or as is usual."""

    task: Literal["decode"] | None = None
    device: Literal["cpu", "cuda"] | None = None
    shapes: Names | None = None
    sections: Names | None = None
    contexts: Annotated[list[int], numbers(1)] | None = None
    repeats: Count | None = None
    budget: Count | None = None
    threads: Count | None = None

    @model_validator(mode="after")
    def _clashes(self) -> "BenchOptions":
        for key in ("shapes", "sections") if self.task else ("contexts",):
            if key in self.model_fields_set:
                raise ValueError(f"{key}: expected it {'without' if self.task else 'beside'} task=decode")
        return self


def run(args: Sequence[str]) -> int:
    """Measures, prints the tables, writes the files."""
    options = BenchOptions.parse(args)
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(options.threads or before)
    try:
        return _decoded(options) if options.task else _measured(options)
    finally:
        torch.set_num_threads(before)


def _measured(options: BenchOptions) -> int:
    import torch

    from .. import bench
    from ..records.base import read
    from ..records.bench import SpeedRecord
    from ..reporting.bench.speed import publish_speed
    from ..reporting.bench.speed_findings import answer_of
    from ..reporting.bench.speed_tables import speed_tables

    device = available_device(options.device, "device=cpu measures this machine")
    sections = some_of("sections", options.sections, bench.PARTS)
    if options.shapes and not options.sections:
        sections = ["shapes", "recurrence"]
    names = some_of("shapes", options.shapes, bench.SHAPES)
    settings = bench.BenchPlan(
        device,
        repeats=options.repeats or bench.BenchPlan.repeats,
        budget_s=options.budget,
        sections=sections,
        shapes={name: bench.SHAPES[name] for name in names},
        growth_shapes=bench.GROWTH,
    )
    _back_end(lambda: bench.choice(torch.device(device)))
    facts = {"sections": ", ".join(sections), "shapes": ", ".join(names)}
    record = _recorded(device, facts, bench.budget_s(settings), lambda watch: bench.measure(settings, watch))
    written = publish_speed(record, Path("results"))
    # From the file, which also holds what was measured before, and fewer digits.
    told = answer_of(read(SpeedRecord, written[0]))
    _show(told, speed_tables(record), written)
    return 0


def _decoded(options: BenchOptions) -> int:
    import torch

    from ..bench import choice, decode
    from ..records.base import read
    from ..records.decode import DecodeRecord
    from ..reporting.bench.decode import publish_decode
    from ..reporting.bench.decode_findings import generation_answer
    from ..reporting.bench.decode_tables import answers, decode_tables
    from ..reporting.document import Bullets

    device = available_device(options.device, "device=cpu measures this machine")
    settings = decode.DecodePlan(device)
    contexts = settings.contexts if options.contexts is None else sorted(options.contexts)
    settings = replace(
        settings,
        contexts=contexts,
        repeats=options.repeats or settings.repeats,
        budget_s=options.budget or settings.budget_s,
    )
    _back_end(lambda: choice(torch.device(device)))
    facts = {"contexts": ", ".join(map(str, contexts))}
    record = _recorded(device, facts, settings.budget_s, lambda watch: decode.measure(settings, watch))
    written = publish_decode(record, Path("results"))
    told = generation_answer(read(DecodeRecord, written[0]), record.hardware.name)
    _show(told, [*decode_tables(record), Bullets(answers(record))], written)
    return 0


def _back_end(choose: Callable[[], object]) -> None:
    try:
        choose()
    except ValueError as error:
        raise ConfigError(f"SRU_REPRO_BACKEND: {error}") from None


def _recorded(
    device: str,
    facts: dict[str, str],
    budget_s: float,
    measure: Callable[[Callable[[float, str], None]], R],
) -> R:
    """Says what is going to happen, and measures."""
    from ..core import machine
    from ..training.console import Console

    facts = {"machine": machine.hardware(device)["name"], **facts}
    width = max(map(len, facts)) + 1
    print("\n".join(f"{key:<{width}}{value}" for key, value in facts.items()))
    print(
        f"{'expected':<{width}}{_duration(budget_s)}, then checks and what is compiled the first time",
        flush=True,
    )
    with signals(), Console("bench", "", Path(os.devnull)) as console:
        return measure(_watch(console, budget_s))


def _show(answer: "Answer | None", blocks: "Iterable[Block]", written: Iterable[Path]) -> None:
    """The answer as on the page, in lines that a terminal of 80 columns has room for; the tables; the files."""
    from rich.console import Console as Terminal

    from ..reporting.document import Paragraph, terminal

    screen = Terminal(width=None if sys.stdout.isatty() else 200)
    told = [answer.question, *answer.paragraphs] if answer else []
    for shown in terminal(map(Paragraph, told)):
        screen.print(shown, width=min(_LINE, screen.width), end="\n\n")
    for shown in terminal(blocks):
        screen.print(shown)
    print("  ".join(map(str, written)))


def _watch(console: "Console", budget_s: float) -> Callable[[float, str], None]:
    """A bar on a terminal, elsewhere a line for each step."""

    def tell(share: float, what: str) -> None:
        left_s = budget_s * (1 - share)
        console.progress(share, left_s)
        if not sys.stderr.isatty() and share < 1:
            console.say(f"{share:.0%}, {_duration(left_s)} left: {what}")

    return tell


def _duration(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{max(1, seconds):.0f} s"
