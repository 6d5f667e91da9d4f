"""Whose seconds can be compared: those of the clock where the processor was free, else those of the processor."""

from collections.abc import Sequence

from ...core.processor import ENOUGH
from ...records.run import RunRecord
from ..marks import least
from ..runs.line import Line

CLOCK, PROCESSOR = "training", "processor time"


def comparable(lines: Sequence[Line]) -> str:
    """CLOCK where other work left the processor alone, or nobody counted; PROCESSOR where it did not, and the part that
    each run had is known; else ""."""
    share = least(line.processor for line in lines)
    if share is None or share >= ENOUGH:
        return CLOCK
    known = all(run.throughput.processor for line in lines for run in line.runs)
    return PROCESSOR if known else ""


def shares(lines: Sequence[Line]) -> tuple[float, float]:
    """The smallest and the largest part of the processor that a run had, where that is known of any."""
    known = [run.throughput.processor for line in lines for run in line.runs if run.throughput.processor]
    return min(known), max(known)


def seconds(run: RunRecord, wall_s: float, kind: str) -> float:
    """So many seconds by the clock as seconds of that kind."""
    return wall_s * (run.throughput.processor or 1.0) if kind == PROCESSOR else wall_s
