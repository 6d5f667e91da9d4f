"""sru-repro bench [device=cpu|cuda] [shapes=sst,...] [sections=growth,...] [repeats=N] [budget=SECONDS] [threads=N]
sru-repro bench task=decode [device=cpu|cuda] [contexts=16,1024,...] [repeats=N] [budget=SECONDS] [threads=N]

Times SRU, SRU v1 and QRNN against nn.LSTM, nn.GRU, convolutions and the authors' package, in one process, interleaved:
inference, forward and backward, peak memory; then the recurrence alone on every back end, the cost of a call, and
how cost grows. Before that the back ends are checked against the float64 reference; where one is wrong nothing is
timed. Writes results/speed-HARDWARE.json, results/speed.md and results/speed-HARDWARE.png; what was measured before
on the same hardware and is not measured now stays. shapes=... alone leaves overhead and growth out.

task=decode times how language models generate, token by token, one stream and 32 at once, after contexts of so many
tokens: SRU of 2 to 16 layers, SRU++, LSTM, GRU, minGRU and Transformer-XL, at equal parameters and at equal width; no
number before each model's steps are known to equal its pass over the whole text. Writes results/decode-HARDWARE.json
in the place of an earlier one, results/decode.md and results/decode-HARDWARE.png.
"""

import os
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core.errors import ConfigError
from ..core.interrupt import signals
from .words import only

if TYPE_CHECKING:
    from ..training.console import Console

KEYS = ("task", "device", "shapes", "sections", "contexts", "repeats", "budget", "threads")


def run(words: Sequence[str]) -> int:
    """Measures, prints the tables, writes the files."""
    found, _ = only(words, KEYS)
    task = found.get("task")
    if task not in (None, "decode"):
        raise ConfigError(f"task: expected decode, or no task= to measure whole models, found {task!r}")
    for key in ("shapes", "sections") if task else ("contexts",):
        if key in found:
            raise ConfigError(f"{key}: expected it {'without' if task else 'beside'} task=decode")
    import torch

    threads = _number("threads", found.get("threads"))
    before = torch.get_num_threads()
    torch.set_num_threads(threads or before)
    try:
        return _decoded(found) if task else _measured(found)
    finally:
        torch.set_num_threads(before)


def _measured(found: dict[str, str]) -> int:
    import torch

    from .. import bench
    from ..reporting.bench.speed import console_speed, publish_speed

    device = _device(found)
    sections = _some("sections", found.get("sections"), bench.SECTIONS)
    if found.get("shapes") and not found.get("sections"):
        sections = ["shapes", "recurrence"]
    names = _some("shapes", found.get("shapes"), bench.SHAPES)
    settings = bench.Settings(
        device,
        repeats=_number("repeats", found.get("repeats")) or bench.Settings.repeats,
        budget_s=_number("budget", found.get("budget")),
        sections=sections,
        shapes={name: bench.SHAPES[name] for name in names},
        growth_shapes=bench.GROWTH,
    )
    _back_end(lambda: bench.choice(torch.device(device)))
    facts = {"sections": ", ".join(sections), "shapes": ", ".join(names)}
    record = _recorded(device, facts, bench.budget_s(settings), lambda watch: bench.measure(settings, watch))
    written = publish_speed(record, Path("results"))
    _show(console_speed(record), written)
    return 0


def _decoded(found: dict[str, str]) -> int:
    import torch

    from ..bench import choice, decode
    from ..reporting.bench.decode import console_decode, publish_decode

    device = _device(found)
    settings = decode.Settings(device)
    contexts = settings.contexts
    if "contexts" in found:
        contexts = sorted({_number("contexts", text) or 0 for text in found["contexts"].split(",")})
    settings = replace(
        settings,
        contexts=contexts,
        repeats=_number("repeats", found.get("repeats")) or settings.repeats,
        budget_s=_number("budget", found.get("budget")) or settings.budget_s,
    )
    _back_end(lambda: choice(torch.device(device)))
    facts = {"contexts": ", ".join(map(str, contexts))}
    record = _recorded(device, facts, settings.budget_s, lambda watch: decode.measure(settings, watch))
    written = publish_decode(record, Path("results"))
    _show(console_decode(record), written)
    return 0


def _device(found: dict[str, str]) -> str:
    import torch

    device = found.get("device") or ("cuda" if torch.cuda.is_available() else "cpu")
    if device not in ("cpu", "cuda"):
        raise ConfigError(f"device: expected cpu or cuda, found {device!r}")
    if device == "cuda" and not torch.cuda.is_available():
        raise ConfigError("device=cuda: expected a CUDA device, found none; device=cpu measures this machine")
    return device


def _back_end(choose: Callable[[], object]) -> None:
    try:
        choose()
    except ValueError as error:
        raise ConfigError(f"SRU_REPRO_BACKEND: {error}") from None


def _recorded(
    device: str,
    facts: dict[str, str],
    budget_s: float,
    measure: Callable[[Callable[[float, str], None]], dict[str, Any]],
) -> dict[str, Any]:
    """Says what is going to happen, measures, and adds what the machine is."""
    from ..core import machine
    from ..training.console import Console

    hardware = machine.hardware(device)
    facts = {"machine": hardware["name"], **facts}
    width = max(map(len, facts)) + 1
    print("\n".join(f"{key:<{width}}{value}" for key, value in facts.items()))
    print(
        f"{'expected':<{width}}{_duration(budget_s)}, then checks and what is compiled the first time",
        flush=True,
    )
    with signals(), Console("bench", "", Path(os.devnull)) as console:
        record = measure(_watch(console, budget_s))
    return record | {"hardware": hardware, "code": machine.code_revision(), "packages": machine.packages()}


def _show(tables: Iterable[object], written: Iterable[Path]) -> None:
    from rich.console import Console as Terminal

    terminal = Terminal(width=None if sys.stdout.isatty() else 200)
    for table in tables:
        terminal.print(table)
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


def _number(key: str, text: str | None) -> int | None:
    """A whole number from 1 on, None where none was given."""
    if text is None:
        return None
    if not text.isdecimal() or int(text) < 1:
        raise ConfigError(f"{key}: expected a whole number from 1 on, found {text!r}")
    return int(text)


def _some(key: str, text: str | None, known: Iterable[str]) -> list[str]:
    """The names given with commas, in the order of all; all where none was given."""
    names = list(known)
    wanted = text.split(",") if text is not None else names
    for name in wanted:
        if name not in names:
            raise ConfigError(f"{key}: expected some of {', '.join(names)}, found {name!r}")
    return [name for name in names if name in wanted]
