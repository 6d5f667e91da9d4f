"""Times whole models at one shape: inference, forward and backward, plain and on CUDA as graphs, sequences of different
lengths, peak memory.

Every contender's input needs its gradient, as it would inside a larger network, and no contender applies dropout.

Shapes: L time, B batch, D input features, H output features.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress

import torch
from torch import Tensor

from ..records.bench import Timed, Timing
from .contenders import CONTENDERS, Subject
from .floor import products_alone, recurrence_bytes
from .graphs import graph
from .memory import peak_bytes
from .shapes import Shape
from .timing import Call, failure, interleaved
from .types import Numbers, in_numbers, types_of

INFERENCE, TRAINING, RAGGED_INFERENCE, RAGGED_TRAINING = MODES = (
    "inference", "training", "ragged_inference", "ragged_training",
)  # fmt: skip
GRAPHED = (INFERENCE, TRAINING)
"""What is timed as a CUDA graph, too, and of LSTM and GRU in every type of number."""


def time_models(
    shape: Shape,
    device: torch.device,
    dtype: torch.dtype,
    repeats: int,
    budget_s: float,
    *,
    names: Sequence[str],
    modes: Sequence[str] = MODES,
    memory: bool = True,
    graphs: bool = True,
) -> list[Timed]:
    """A row for each contender, on CUDA for each type of number of LSTM and GRU: its timing in each mode, the floor
    under it, bytes of memory; or `error`. `graphs`: on CUDA also as graphs."""
    calls: dict[tuple[str, str], Call] = {}
    rows: dict[str, Timed] = {}
    floors: dict[tuple[tuple[int, int], ...], str] = {}
    floor_under: dict[str, str] = {}
    graphs = graphs and device.type == "cuda" and not shape.stepwise
    timed = [*modes, *(f"graph_{mode}" for mode in GRAPHED if mode in modes and graphs)]
    for name, numbers in _subjects(shape, device, dtype, names):
        contender, own_type = CONTENDERS[name], numbers.dtype == dtype and not numbers.tf32
        key = name if own_type else f"{name}, {numbers.name}"
        row = Timed(contender=name, label=contender.label)
        if not own_type:
            row = Timed(contender=name, label=f"{contender.label}, {numbers.name}", dtype=numbers.name)
        rows[key] = row
        try:
            torch.manual_seed(0)
            subject = contender.build(shape, device, numbers.dtype)
            own = passes(subject, shape, device, numbers.dtype)
        except Exception as error:
            row.error = failure(error)
            continue
        row.parameters = sum(parameter.numel() for parameter in subject.module.parameters())
        wanted = modes if own_type else [mode for mode in modes if mode in GRAPHED]
        own = {mode: in_numbers(call, numbers) for mode, call in own.items() if mode in wanted}
        calls |= {(key, mode): call for mode, call in own.items()}
        if graphs and contender.calls:
            for mode in GRAPHED:
                if mode in own:  # packing asks the device for lengths, which no graph may
                    _add_graph(calls, row, key, mode)
        if subject.products:
            row.bytes_inference, row.bytes_training = _bytes(shape, subject, dtype)
            floor_under[key] = floors.setdefault(subject.products, f"floor {len(floors) + 1}")
    for products, floor in floors.items():
        both = products_alone(products, 1 if shape.stepwise else shape.length, shape.batch, device, dtype)
        if shape.stepwise:
            both = (_repeated(both[0], shape.length), both[1])
        own = dict(zip(GRAPHED, both, strict=True))
        calls |= {(floor, mode): call for mode, call in own.items() if mode in modes}
        if shape.stepwise:
            calls.pop((floor, TRAINING), None)
    found = interleaved(calls, device, repeats, budget_s)
    for key, row in rows.items():
        for mode in timed:
            for field, what in ((mode, key), (f"floor_{mode}", floor_under.get(key, ""))):
                if (what, mode) in found:
                    setattr(row, field, found[what, mode])
        if memory and not shape.stepwise:
            _peaks(row, {mode: calls[key, mode] for mode in modes if (key, mode) in calls}, device)
    return list(rows.values())


def _subjects(
    shape: Shape, device: torch.device, dtype: torch.dtype, names: Sequence[str]
) -> Iterator[tuple[str, Numbers]]:
    """The contenders that this shape is for, each in all its types of number."""
    for name in names:
        contender = CONTENDERS[name]
        if contender.steps if shape.stepwise else contender.batches:
            yield from ((name, numbers) for numbers in types_of(dtype, device, contender.peer))


def _add_graph(calls: dict[tuple[str, str], Call], row: Timed, key: str, mode: str) -> None:
    """The call as a graph beside the plain one; a capture that fails leaves that one and the reason."""
    try:
        calls[key, f"graph_{mode}"] = graph(calls[key, mode])
    except Exception as error:
        setattr(row, f"graph_{mode}", Timing(error=failure(error)))


def passes(subject: Subject, shape: Shape, device: torch.device, dtype: torch.dtype) -> dict[str, Call]:
    """What a round calls, by mode, on random input."""
    x = torch.randn(shape.length, shape.batch, shape.input_size, device=device, dtype=dtype)
    if shape.stepwise:
        return {INFERENCE: _stepping(subject, x)}
    if subject.channels_first:
        x = x.permute(1, 2, 0).contiguous()
    x.requires_grad_()
    with torch.no_grad():
        grad = torch.randn_like(subject.whole(x))
    leaves = [x, *(weight for weight in subject.module.parameters() if weight.requires_grad)]

    def training() -> object:
        return torch.autograd.grad(subject.whole(x), leaves, grad, allow_unused=True)

    calls: dict[str, Call] = {INFERENCE: torch.no_grad()(lambda: subject.whole(x)), TRAINING: training}
    if shape.ragged and subject.ragged is not None:
        ragged, lengths, padding = subject.ragged, *random_lengths(shape)
        padding = padding.to(device)

        def ragged_training() -> object:
            return torch.autograd.grad(ragged(x, lengths, padding), leaves, grad, allow_unused=True)

        calls |= {
            RAGGED_INFERENCE: torch.no_grad()(lambda: ragged(x, lengths, padding)),
            RAGGED_TRAINING: ragged_training,
        }
    return calls


def random_lengths(shape: Shape) -> tuple[Tensor, Tensor]:
    """Lengths (B,) from a quarter of L to L, the longest L, always the same ones; and the padding (L, B)."""
    generator = torch.Generator().manual_seed(0)
    lengths = torch.randint(max(1, shape.length // 4), shape.length + 1, (shape.batch,), generator=generator)
    lengths[0] = shape.length
    return lengths, torch.arange(shape.length).unsqueeze(1) >= lengths


def _stepping(subject: Subject, x_LBD: Tensor) -> Call:
    """A call for each step, with the state of the one before; the next batch goes on where this one ended."""
    step, state, steps = subject.step, None, x_LBD.split(1)
    assert step is not None

    @torch.no_grad()
    def call() -> None:
        nonlocal state
        for x_1BD in steps:
            _, state = step(x_1BD, state)

    return call


def _repeated(call: Call, times: int) -> Call:
    def many() -> None:
        for _ in range(times):
            call()

    return many


def _bytes(shape: Shape, subject: Subject, dtype: torch.dtype) -> tuple[int, int]:
    """Bytes that the recurrences of all layers must move: inference, forward and backward."""
    inference = training = 0
    for size, width in subject.products:
        matrices = width // shape.columns
        skip_input = subject.skip and size == shape.columns
        own = recurrence_bytes(shape.length, shape.batch, matrices, shape.columns, dtype, skip_input)
        inference, training = inference + own[0], training + own[1]
    return inference, training


def _peaks(row: Timed, calls: Mapping[str, Call], device: torch.device) -> None:
    """Notes what the passes that were timed allocate themselves."""
    for mode in (INFERENCE, TRAINING):
        if row.seconds(mode) is not None:
            with suppress(RuntimeError):  # out of memory beside what the others hold
                setattr(row, f"peak_{mode}_bytes", peak_bytes(calls[mode], device))
