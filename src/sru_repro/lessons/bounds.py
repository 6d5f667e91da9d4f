"""What bounds a step of training, from the records of speed: bytes, products, launches; beside what was measured.

A recurrence must move its bytes, and no faster than a copy; a product must do its operations, and no faster than the
machine's best product. A call from Python costs the host time whatever it computes: a GPU waits for it, unless the
calls were recorded as a CUDA graph.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from ..bench.floor import recurrence_bytes
from ..bench.shapes import SHAPES, Shape
from ..records.base import read
from ..records.bench import Entry, Rates, SpeedRecord
from ..reporting.bench.speed_tables import fastest_lstm
from ..reporting.gpu.claims import copy_share, kernels
from ..reporting.gpu.pages import load_gpu_checks

if TYPE_CHECKING:
    import pandas

GATES = 3
"""Matrices of SRU; a fourth where a layer changes the width."""


@dataclass(frozen=True)
class Machine:
    """A processor or a GPU, and what was measured on it in one type of number."""

    name: str
    dtype: torch.dtype
    copy_bytes_per_s: float
    flop_per_s: float
    """Of the best product in this type."""
    shapes: Sequence[Entry]
    """Whole models; on a GPU as called and as graphs."""
    speed: SpeedRecord
    launches: dict[int, list[float]]
    """The speed of the recurrence alone as a part of a copy's, by columns."""

    @property
    def is_gpu(self) -> bool:
        """Whether calls may be recorded as graphs."""
        return self.speed.device == "cuda"


def machines(results: Path) -> list[Machine]:
    """All CPUs, then all GPUs of which there are records below `results`: CPUs in float32, GPUs in bfloat16."""
    found = []
    for place in sorted(results.glob("speed-*.json")):
        record = read(SpeedRecord, place)
        shares = (
            (entry.columns, copy_share(row, "training", record.rates))
            for entry in record.recurrence
            for row in entry.rows
            if row.backend == "cpp"
        )
        found.append(
            _machine(record.hardware.name, torch.float32, record.rates, record.shapes, record, shares)
        )
    for check in load_gpu_checks(results):
        if check.speed is not None:
            own = ((row.columns, share) for row, share, _ in kernels(check, "backward", "bfloat16"))
            found.append(
                _machine(check.first.gpu.name, torch.bfloat16, check.rates, check.graphed, check.speed, own)
            )
    return found


def _machine(
    name: str,
    dtype: torch.dtype,
    rates: Rates,
    shapes: Sequence[Entry],
    speed: SpeedRecord,
    shares: Iterator[tuple[int, float | None]],
) -> Machine:
    by_columns: dict[int, list[float]] = {}
    for columns, share in shares:
        if share is not None:
            by_columns.setdefault(columns, []).append(share)
    flop = rates.bfloat16_flop_per_s if dtype == torch.bfloat16 else rates.float32_flop_per_s
    return Machine(name, dtype, rates.copy_bytes_per_s or 0.0, flop or 0.0, shapes, speed, by_columns)


def step_costs(machine: Machine) -> "pandas.DataFrame":
    """Forward and backward of SRU at every shape, in milliseconds, a line a shape.

    recurrence   its bytes at the speed of a copy: a bound
    products     its products alone: a bound. On a CPU as measured; on a GPU, where a loop of them waits for the host as
                 well, their operations at the speed of the best product
    as a graph   measured, without the host (GPU only)
    as called    measured, as a training loop calls it
    LSTM         the fastest nn.LSTM, measured in the best way there is (on a GPU as a graph)
    """
    import pandas

    lines = {}
    for entry in machine.shapes:
        sru, best = entry.row("sru"), "graph_training" if machine.is_gpu else "training"
        lstm = entry.baseline(best)
        if entry.stepwise or entry.alone or sru is None or lstm is None:
            continue
        shape, alone = SHAPES[entry.name], None if machine.is_gpu else sru.seconds("floor_training")
        line = {
            "recurrence": _moved(shape, machine.dtype) / machine.copy_bytes_per_s,
            "products": alone or _operations(shape) / machine.flop_per_s,
            "as a graph": sru.seconds("graph_training"),
            "as called": sru.seconds("training"),
            "LSTM": lstm.seconds(best),
        }
        lines[entry.label] = {key: 1e3 * value for key, value in line.items() if value is not None}
    return pandas.DataFrame.from_dict(lines, orient="index")


def peers(machine: Machine) -> dict[str, str]:
    """Which LSTM the column `LSTM` of `step_costs` is, by shape."""
    best = "graph_training" if machine.is_gpu else "training"
    return {entry.label: fastest_lstm(entry, best) for entry in machine.shapes if not entry.stepwise}


def _moved(shape: Shape, dtype: torch.dtype) -> int:
    """Bytes of the recurrences of all layers, forward and backward."""
    found = 0
    for size, width in shape.products(GATES, skip=True):
        matrices, skip_input = width // shape.columns, size == shape.columns
        found += recurrence_bytes(shape.length, shape.batch, matrices, shape.columns, dtype, skip_input)[1]
    return found


def _operations(shape: Shape) -> int:
    """Of all products: forward, and for the gradients of both factors as much again, twice."""
    return sum(3 * 2 * shape.tokens * size * width for size, width in shape.products(GATES, skip=True))


def element_costs(machine: Machine, widths: Sequence[int]) -> "pandas.DataFrame":
    """Both bounds for one element of h, forward and backward, in picoseconds, by the width of a layer (inputs as wide
    as outputs): the recurrence costs the same at each width, the product as much more as the width."""
    import pandas

    moved = recurrence_bytes(1, 1, GATES, 1, machine.dtype, skip_input=True)[1] / machine.copy_bytes_per_s
    lines = {
        width: {
            "recurrence": 1e12 * moved,
            "products": 1e12 * 3 * 2 * GATES * width / machine.flop_per_s,
        }
        for width in widths
    }
    return pandas.DataFrame.from_dict(lines, orient="index")


def even_width(machine: Machine) -> float:
    """The width at which both bounds of `element_costs` are the same: below it bytes bound, above it products."""
    (one,) = element_costs(machine, [1]).to_dict("records")
    return float(one["recurrence"]) / float(one["products"])


def call_costs(machine: Machine) -> "pandas.DataFrame":
    """What one call of a layer costs the host however little it computes, in microseconds, a line a model."""
    import pandas

    name = str(machine.dtype).removeprefix("torch.")
    entry = next(entry for entry in machine.speed.overhead if entry.dtype == name)
    lines = {
        row.label: {
            "inference": 1e6 * (row.seconds("inference") or 0.0),
            "forward+backward": 1e6 * (row.seconds("training") or 0.0),
        }
        for row in entry.rows
    }
    return pandas.DataFrame.from_dict(lines, orient="index")


def verdict(machine: Machine) -> str:
    """What bounds training on this machine, in a sentence or two."""
    costs = step_costs(machine)
    products, called = costs["products"] / costs["as called"], costs["LSTM"] / costs["as called"]
    if not machine.is_gpu:
        moved = costs["recurrence"] / costs["as called"]
        return (
            f"{machine.name}: SRU's products alone take {_per_cent(products)} of a step, its recurrence at the speed "
            f"of a copy would take {_per_cent(moved)}. nn.LSTM takes {_times(called)} as long as SRU."
        )
    graph = costs["as called"] / costs["as a graph"]
    bound = (costs["products"] + costs["recurrence"]) / costs["as a graph"]
    return (
        f"{machine.name}: called from Python, a step takes {_times(graph)} as long as the same step as a graph; the "
        f"GPU waits for the host. Of the graph's time both bounds together explain {_per_cent(bound)}. As graphs, "
        f"nn.LSTM takes {_times(costs['LSTM'] / costs['as a graph'])} as long as SRU."
    )


def _per_cent(found: "pandas.Series[float]") -> str:
    return f"{100 * found.min():.0f} to {100 * found.max():.0f} %"


def _times(found: "pandas.Series[float]") -> str:
    return f"{found.min():.1f} to {found.max():.1f} times"
