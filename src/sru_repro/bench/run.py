"""Everything that is measured, in order: first whether the numbers are right, then how fast they come."""

import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime

import torch

from .. import ops
from ..core import machine
from ..core.errors import RunError
from ..records.bench import Backend, Correctness, Entry, SpeedRecord, SpeedStamp, StampedEntry
from ..records.origin import Hardware
from ..verify import compare
from ..verify.compare import type_name
from . import alone
from .authors import authors_package
from .floor import machine_rates
from .plan import BenchPlan, Unit, budget_s, plan
from .shapes import GROWTH, SHAPES, TINY

Watch = Callable[[float, str], None]
"""Told how far the measurement is, from 0 to 1, and what comes next."""


def measure(settings: BenchPlan, watch: Watch = lambda share, what: None) -> SpeedRecord:
    """All measurements of one process.

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
        stamp = SpeedStamp(
            date=now(),
            **machine.code_revision(),
            torch=torch.__version__,
            backend=back_end(device),
            repeats=settings.repeats,
        )
        record = SpeedRecord(
            device=settings.device,
            correctness=checked,
            rates=machine_rates(device),
            **{kind: [] for kind in SpeedRecord.ENTRIES},
            hardware=Hardware(**machine.hardware(settings.device)),
            packages=machine.packages(),
        )
        units = sorted(plan(settings, device), key=lambda unit: unit.weight)
        left_s, weights = budget_s(settings), sum(unit.weight for unit in units)
        done = 0.0
        for unit in units:
            watch(done / weights, f"{unit.section}: {unit.shape.label}")
            started = time.perf_counter()
            found = entry(unit, left_s * unit.weight / (weights - done), settings)
            getattr(record, unit.section).append(StampedEntry.of(found, stamp))
            left_s = max(0.0, left_s - (time.perf_counter() - started))
            done += unit.weight
        watch(1.0, "done")
    record.order()  # measured from the quickest on
    return record


def entry(unit: Unit, budget_s: float, settings: BenchPlan) -> Entry:
    """Measures one step of the plan: its shape, its type, its place in the tables, its rows."""
    order = [*{**SHAPES, **GROWTH, **settings.shapes, **settings.growth_shapes}, TINY.name]
    place, dtype = order.index(unit.shape.name), type_name(unit.dtype)
    return Entry(**unit.shape.facts(), order=place, dtype=dtype, rows=unit.run(budget_s))


def back_end(device: torch.device) -> Backend:
    """What computes the recurrences there, for a record."""
    chosen = choice(device)
    return Backend(name=chosen.name, why=chosen.why)


def now() -> str:
    """The time in UTC, ISO 8601."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def choice(device: torch.device) -> ops.Choice:
    """The back end of the models on that device."""
    return ops.choose(device.type)


def check(device: torch.device) -> Correctness:
    """Tries every back end that is going to be timed; how many cases were right.

    Raises:
        RunError: one is wrong.
    """
    cases = 0
    for name in alone.backends(device):
        tried, wrong = compare.failures(name, device)
        cases += tried
        if wrong:
            more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
            raise RunError(
                f"bench: {len(wrong)} of {tried} correctness checks fail, so nothing is timed: {wrong[0]}{more}"
            )
    return Correctness(cases=cases, backends=alone.backends(device))


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
