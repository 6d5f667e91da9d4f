"""How fast language models generate, symbol by symbol, after a context of so many symbols: one stream and 32 at once.

The question: does stacking layers lose SRU's advantage? So models are compared at equal parameters, where a deeper one
is narrower, and at equal width. Attention keeps the whole context, a recurrence the same few numbers after any.

Shapes: L time, B batch, V symbols.
"""

import itertools
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..core import machine
from ..models import RecordedSteps, State
from ..records.bench import Correctness, Timing
from ..records.decode import Comparison, DecodeRecord, Generated, Generation, Generator
from ..records.origin import Code, Hardware
from .decoders import MODELS, SYMBOLS, Decoder, batch_axes, parameters, state_bytes, streams, width_for
from .run import Watch, back_end, now, true_float32
from .stepping import check
from .timing import Call, failure, interleaved

CONTEXTS = (16, 128, 512, 1024, 2048, 4096)
BATCHES = (1, 32)
_CHUNK = 256
"""Symbols a call while a context is read: attention's scores over all of it at once would need gigabytes."""
_ON = 1 << 30
"""Steps that a recorded one can go on for: as many as anybody asks."""


@dataclass(frozen=True)
class DecodePlan:
    """What is measured, and for how long.

    device      "cpu" or "cuda"
    contexts    symbols before the first one that is generated; attention sees as many at every step
    parameters  of every model in the comparison at equal parameters
    width       of every model in the comparison at equal width
    repeats     rounds at most
    budget_s    seconds for the timing; three rounds are taken in any case
    """

    device: str
    contexts: Sequence[int] = CONTEXTS
    parameters: int = 4_500_000
    width: int = 512
    repeats: int = 15
    budget_s: float = 180.0


@dataclass(frozen=True)
class Group:
    """One comparison: the width of every contender."""

    name: str
    label: str
    widths: dict[str, int]


def groups(settings: DecodePlan) -> list[Group]:
    """The two comparisons."""
    millions = f"{settings.parameters / 1e6:.3g}"
    equal = {name: width_for(model, settings.parameters) for name, model in MODELS.items()}
    return [
        Group("parameters", f"About {millions} million parameters each", equal),
        Group("width", f"Width {settings.width} each", dict.fromkeys(MODELS, settings.width)),
    ]


def measure(settings: DecodePlan, watch: Watch = lambda share, what: None) -> DecodeRecord:
    """A measurement with the machine and the code. Raises as `compare` does."""
    found = dict(compare(settings, watch))
    hardware, code = Hardware(**machine.hardware(settings.device)), Code(**machine.code_revision())
    return DecodeRecord(**found, hardware=hardware, code=code, packages=machine.packages())


def compare(settings: DecodePlan, watch: Watch = lambda share, what: None) -> Generation:
    """All comparisons, in this process.

    Raises:
        RunError: a contender's steps do not equal its whole pass; nothing has been timed then.
    """
    device = torch.device(settings.device)
    with true_float32(), torch.no_grad():
        watch(0.0, "correctness")
        found = Generation(
            date=now(),
            device=settings.device,
            correctness=Correctness(cases=check(device)),
            backend=back_end(device),
            contexts=sorted(settings.contexts),
            batches=list(BATCHES),
            parameters=settings.parameters,
            width=settings.width,
            groups=[],
        )
        plan = [(group, context) for group in groups(settings) for context in found.contexts]
        found.groups = [Comparison(name=one.name, label=one.label, rows=[]) for one in groups(settings)]
        rows = {group.name: group.rows for group in found.groups}
        weights = [sum(map(_weight, [context] * len(BATCHES), BATCHES)) for _, context in plan]
        left_s, done = settings.budget_s, 0.0
        for (group, context), weight in zip(plan, weights, strict=True):
            watch(done / sum(weights), f"{group.label}, after {context} symbols")
            budget_s = left_s * weight / (sum(weights) - done)
            timed, spent_s = _time(group, context, device, settings.repeats, budget_s)
            rows[group.name] += timed
            left_s, done = max(0.0, left_s - spent_s), done + weight
        watch(1.0, "done")
    return found


def _weight(context: int, batch: int) -> float:
    """Roughly how long a round takes; what attention reads grows with both, the rest with neither much."""
    return 100.0 + context * batch / 256


def _time(
    group: Group, context: int, device: torch.device, repeats: int, budget_s: float
) -> tuple[list[Generated], float]:
    """A row per contender and batch, and the seconds that timing took, reading the context left out."""
    rows: list[Generated] = []
    ready: dict[str, tuple[Decoder, State, list[int | None]]] = {}
    facts: dict[str, Generator] = {}
    errors: dict[str, Timing] = {}
    for name, model in MODELS.items():
        width = group.widths[name]
        facts[name] = Generator(
            contender=name,
            label=model.label,
            layers=model.layers,
            width=width,
            attends=model.attends,
            parameters=parameters(model, width),
            context=context,
            batch=1,
        )
        try:
            torch.manual_seed(0)
            decoder = model.build(width, context).to(device)
            state, axes = read(decoder, context), batch_axes(decoder)
            facts[name].state_bytes = state_bytes(state, axes)
            ready[name] = decoder, state, axes
        except Exception as error:
            errors[name] = Timing(error=failure(error))
    weights, spent_s = [_weight(context, batch) for batch in BATCHES], 0.0
    ways = _ways(device)
    for batch, weight in zip(BATCHES, weights, strict=True):
        started = time.perf_counter()
        calls: dict[tuple[str, str], Call] = {}
        timings = {(name, how): error for name, error in errors.items() for how in ways}
        for (name, (decoder, state, axes)), (how, make) in itertools.product(ready.items(), ways.items()):
            try:
                calls[name, how] = make(decoder, streams(state, axes, batch), batch)
            except Exception as error:  # no room for so many
                timings[name, how] = Timing(error=failure(error))
        timings |= interleaved(calls, device, repeats, budget_s * weight / sum(weights))
        spent_s += time.perf_counter() - started
        for name in MODELS:
            own = {**facts[name].plain(), "batch": batch, **timings[name, "plain"].plain()}
            graph = {"graph": timings[name, "graph"].plain()} if "graph" in ways else {}
            rows.append(Generated(**own | graph))
    return rows, spent_s


def _ways(device: torch.device) -> Mapping[str, Callable[[Decoder, State, int], Call]]:
    """How a step is called, by the name of its timing."""
    return {"plain": generation} | ({"graph": recorded} if device.type == "cuda" else {})


def read(decoder: Decoder, context: int) -> State:
    """The state of one stream after so many random symbols."""
    generator = torch.Generator().manual_seed(context)
    ids_L1 = torch.randint(SYMBOLS, (context, 1), generator=generator).to(decoder.output.weight.device)
    state: State = None
    for chunk_L1 in ids_L1.split(_CHUNK):
        _, state = decoder(chunk_L1, state)
    return state


def generation(decoder: Decoder, state: State, batch: int) -> Call:
    """A call for each symbol: it reads the likeliest one that the call before has found, and hands on the state."""
    ids_1B = torch.zeros(1, batch, dtype=torch.long, device=decoder.output.weight.device)

    @torch.no_grad()
    def call() -> None:
        nonlocal ids_1B, state
        scores_1BV, state = decoder(ids_1B, state)
        ids_1B = scores_1BV.argmax(-1)

    return call


def recorded(decoder: Decoder, state: State, batch: int) -> Call:
    """The same, one recorded step: on CUDA a graph.

    Raises:
        RuntimeError: it cannot be recorded.
    """

    def step(ids_1B: Tensor, state: State) -> tuple[Tensor, State]:
        scores_1BV, state = decoder(ids_1B, state)
        return ids_1B.copy_(scores_1BV.argmax(-1)), state

    ids_1B = torch.zeros(1, batch, dtype=torch.long, device=decoder.output.weight.device)
    steps = RecordedSteps(step, ids_1B, decoder.fixed_state(state, _ON))
    if steps.why_not:
        raise RuntimeError(steps.why_not)
    return steps
