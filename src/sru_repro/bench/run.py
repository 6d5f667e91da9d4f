"""Everything that is measured, in order: first whether the numbers are right, then how fast they come."""

import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any

import torch

from .. import ops
from ..core.errors import RunError
from . import alone, correct
from .authors import authors_package
from .floor import machine_rates
from .plan import PARTS, BenchPlan, Unit, budget_s, plan
from .shapes import GROWTH, SHAPES, TINY

SCHEMA = 1
Watch = Callable[[float, str], None]
"""Told how far the measurement is, from 0 to 1, and what comes next."""


def measure(settings: BenchPlan, watch: Watch = lambda share, what: None) -> dict[str, Any]:
    """The record of all measurements of one process, without the machine's facts.

    Raises:
        RunError: a correctness check fails; nothing has been timed then.
    """
    device = torch.device(settings.device)
    with environment():
        watch(0.0, "correctness")
        checked = check(device)
        if "authors" in settings.contenders:
            watch(0.0, "the authors' package, compiled the first time")
            with suppress(Exception):  # told again, and recorded, where it is timed
                authors_package(settings.device)
        chosen = choice(device)
        record: dict[str, Any] = {
            "schema": SCHEMA,
            "date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "device": settings.device,
            "backend": {"name": chosen.name, "why": chosen.why},
            "correctness": checked,
            "repeats": settings.repeats,
            "rates": machine_rates(device),
        }
        record |= {section: [] for section in (*PARTS, "graphs")}
        units = sorted(plan(settings, device), key=lambda unit: unit.weight)
        left_s, weights = budget_s(settings), sum(unit.weight for unit in units)
        done = 0.0
        for unit in units:
            watch(done / weights, f"{unit.section}: {unit.shape.label}")
            started = time.perf_counter()
            record[unit.section].append(entry(unit, left_s * unit.weight / (weights - done), settings))
            left_s = max(0.0, left_s - (time.perf_counter() - started))
            done += unit.weight
        watch(1.0, "done")
    for section in (*PARTS, "graphs"):  # measured from the quickest on, told in the order of the tables
        record[section].sort(key=lambda found: (found["order"], found["dtype"]))
    return record


def entry(unit: Unit, budget_s: float, settings: BenchPlan) -> dict[str, Any]:
    """Measures one step of the plan: its shape, its type, its place in the tables, its rows."""
    order = [*{**SHAPES, **GROWTH, **settings.shapes, **settings.growth_shapes}, TINY.name]
    place = {"order": order.index(unit.shape.name), "dtype": correct.name_of(unit.dtype)}
    return unit.shape.facts() | place | {"rows": unit.run(budget_s)}


def choice(device: torch.device) -> ops.Choice:
    """The back end of the models on that device."""
    return ops.choose(device.type)


def check(device: torch.device) -> dict[str, Any]:
    """Tries every back end that is going to be timed; how many cases were right.

    Raises:
        RunError: one is wrong.
    """
    cases = 0
    for name in alone.backends(device):
        tried, wrong = correct.failures(name, device)
        cases += tried
        if wrong:
            more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
            raise RunError(
                f"bench: {len(wrong)} of {tried} correctness checks fail, so nothing is timed: {wrong[0]}{more}"
            )
    return {"cases": cases, "backends": alone.backends(device)}


@contextmanager
def environment() -> Iterator[None]:
    """True float32, and no word from the authors' package, which warns at every call on the CPU with gradients."""
    with warnings.catch_warnings(), true_float32():
        warnings.filterwarnings("ignore", "Running SRU on CPU with grad_enabled=True", UserWarning)
        warnings.filterwarnings("ignore", "`torch.jit.script` is deprecated", DeprecationWarning)
        yield


@contextmanager
def true_float32() -> Iterator[None]:
    """float32 means float32 for all: by default cuDNN shortens it to TF32 and the products of SRU do not."""
    before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before
