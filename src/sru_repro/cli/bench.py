"""sru-repro bench [device=cpu|cuda] [shapes=sst,...] [sections=growth,...] [repeats=N] [budget=SECONDS] [threads=N]

Times SRU, SRU v1 and QRNN against nn.LSTM, nn.GRU, convolutions and the authors' package, in one process, interleaved:
inference, forward and backward, peak memory; then the recurrence alone on every back end, the cost of a call, and
how cost grows. Before that the back ends are checked against the float64 reference; where one is wrong nothing is
timed. Writes results/speed-HARDWARE.json, results/speed.md and results/speed-HARDWARE.png; what was measured before
on the same hardware and is not measured now stays. shapes=... alone leaves overhead and growth out.
"""

import os
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ConfigError
from ..training.interrupt import signals
from .words import only

if TYPE_CHECKING:
    from ..training.console import Console

KEYS = ("device", "shapes", "sections", "repeats", "budget", "threads")


def run(words: Sequence[str]) -> int:
    """Measures, prints the tables, writes the files."""
    found, _ = only(words, KEYS)
    import torch

    threads = _number("threads", found.get("threads"))
    before = torch.get_num_threads()
    torch.set_num_threads(threads or before)
    try:
        return _measured(found)
    finally:
        torch.set_num_threads(before)


def _measured(found: dict[str, str]) -> int:
    import torch
    from rich.console import Console as Terminal

    from .. import bench
    from ..reporting.speed import console_speed, publish_speed
    from ..training import machine
    from ..training.console import Console

    device = found.get("device") or ("cuda" if torch.cuda.is_available() else "cpu")
    if device not in ("cpu", "cuda"):
        raise ConfigError(f"device: expected cpu or cuda, found {device!r}")
    if device == "cuda" and not torch.cuda.is_available():
        raise ConfigError("device=cuda: expected a CUDA device, found none; device=cpu measures this machine")
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
    try:
        bench.choice(torch.device(device))
    except ValueError as error:
        raise ConfigError(f"SRU_REPRO_BACKEND: {error}") from None
    hardware, budget_s = machine.hardware(device), bench.budget_s(settings)
    print(f"machine  {hardware['name']}\nsections {', '.join(sections)}\nshapes   {', '.join(names)}")
    print(f"expected {_duration(budget_s)}, then checks and what is compiled the first time", flush=True)
    with signals(), Console("bench", "", Path(os.devnull)) as console:
        record = bench.measure(settings, _watch(console, budget_s))
    record |= {"hardware": hardware, "code": machine.code_revision(), "packages": machine.packages()}
    written = publish_speed(record, Path("results"))
    terminal = Terminal(width=None if sys.stdout.isatty() else 200)
    for table in console_speed(record):
        terminal.print(table)
    print("  ".join(map(str, written)))
    return 0


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
