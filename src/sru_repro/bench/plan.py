"""What is measured, step by step, and how much of the time each step gets."""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import torch

from ..records.bench import Timed
from . import alone, overhead, whole
from .contenders import CONTENDERS
from .shapes import GROWTH, SHAPES, TINY, Shape

PARTS = {
    "shapes": "whole models at the named shapes, on CUDA as graphs, too",
    "recurrence": "the recurrence of one layer alone at these shapes, on every back end",
    "overhead": "the cost of a call, however small the work",
    "growth": "cost against length, batch and width, SRU beside LSTM",
}
FULL_BUDGET_S = 240.0


Run = Callable[[float], list[Timed]]
"""Within so many seconds: the rows."""


@dataclass(frozen=True)
class BenchPlan:
    """What is measured, and for how long.

    device    "cpu" or "cuda"
    repeats   rounds at most
    budget_s  seconds for all, by default the selection's share of four minutes; three rounds are taken in any case
    contenders  the models; growth is always that of SRU and LSTM
    """

    device: str
    repeats: int = 15
    budget_s: float | None = None
    sections: Sequence[str] = tuple(PARTS)
    shapes: Mapping[str, Shape] = field(default_factory=lambda: SHAPES)
    growth_shapes: Mapping[str, Shape] = field(default_factory=lambda: GROWTH)
    contenders: Sequence[str] = field(default_factory=lambda: tuple(CONTENDERS))

    @property
    def dtypes(self) -> tuple[torch.dtype, ...]:
        """Types of weights and inputs."""
        return (torch.bfloat16, torch.float32) if self.device == "cuda" else (torch.float32,)


@dataclass(frozen=True)
class Unit:
    """One step of the plan; `run` measures it, `shape` is what they are of."""

    section: str
    shape: Shape
    dtype: torch.dtype
    weight: float
    run: Run


def budget_s(settings: BenchPlan) -> float:
    """Seconds that a measurement aims at, checks and set-up not counted."""
    if settings.budget_s is not None:
        return settings.budget_s
    device = torch.device(settings.device)
    own, full = (
        sum(unit.weight for unit in plan(which, device)) for which in (settings, BenchPlan(settings.device))
    )
    return max(5.0, FULL_BUDGET_S * own / full)


def plan(settings: BenchPlan, device: torch.device) -> Iterator[Unit]:
    """The steps, with how much of the time each should get."""
    repeats, wanted = settings.repeats, settings.sections
    for dtype, shape in itertools.product(settings.dtypes, settings.shapes.values()):
        if "shapes" in wanted and not shape.alone:
            yield Unit("shapes", shape, dtype, 8 * shape.cost, _models(shape, device, dtype, settings))
        if "recurrence" in wanted and not shape.stepwise:
            run = _bind(alone.time_recurrence, shape, device, dtype, repeats)
            yield Unit("recurrence", shape, dtype, 0.5 * shape.cost, run)
    for dtype in settings.dtypes:
        if "overhead" in wanted:
            run = _bind(overhead.time_overhead, TINY, device, dtype, repeats)
            yield Unit("overhead", TINY, dtype, 2e8, run)
    for dtype, shape in itertools.product(settings.dtypes, settings.growth_shapes.values()):
        if "growth" in wanted:
            yield Unit("growth", shape, dtype, 2 * shape.cost, _growth(shape, device, dtype, repeats))


def _models(shape: Shape, device: torch.device, dtype: torch.dtype, settings: BenchPlan) -> Run:
    return lambda budget_s: whole.time_models(
        shape, device, dtype, settings.repeats, budget_s, names=settings.contenders
    )


def _growth(shape: Shape, device: torch.device, dtype: torch.dtype, repeats: int) -> Run:
    modes = (whole.INFERENCE, whole.TRAINING)
    return lambda budget_s: whole.time_models(
        shape,
        device,
        dtype,
        repeats,
        budget_s,
        names=("sru", "lstm"),
        modes=modes,
        memory=False,
        graphs=False,
    )


def _bind(
    run: Callable[..., list[Timed]], shape: Shape, device: torch.device, dtype: torch.dtype, repeats: int
) -> Run:
    return lambda budget_s: run(shape, device, dtype, repeats, budget_s)
