"""Are the kernels right however they are called? Several streams and threads, CUDA graphs, torch.compile, autocast,
every card; and whole models beside the CPU's."""

import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from .. import ops
from ..bench import correct
from ..bench.run import true_float32
from ..models import SRU, AttentionContext, encoder_class
from . import card
from .kernels import backend, distance, verdict
from .plan import Options, Skipped

Results = dict[str, Tensor]

ENCODERS: dict[str, dict[str, Any]] = {
    "sru": {"num_layers": 3, "layer_norm": "pre", "highway_bias": -2.0},
    "qrnn": {"num_layers": 2},
    "mingru": {"num_layers": 2},
    "srupp": {
        "num_layers": 3,
        "projection_size": 16,
        "attention_every": 2,
        "attention_context": AttentionContext(32, 32),
    },
}
"""Those that run on the recurrences, each with some of its options."""


def _calls(options: Options, number: int) -> list[Callable[[], Results]]:
    """So many calls of different cells and sizes, each with its own numbers."""
    name, device = backend(options), options.torch_device
    found: list[Callable[[], Results]] = []
    for place in range(number):
        cell = [*ops.CELLS][place % len(ops.CELLS)]
        size = {"length": 40 + place, "batch": 4 + place, "size": 64 if options.rehearse else 512}
        _, run, inputs = correct.case(cell, device, **size)
        rounded = {key: value.to((torch.float32, torch.bfloat16)[place % 2]) for key, value in inputs.items()}
        found.append(partial(correct.results, name, run, rounded))
    return found


def _compared(expected: Results, found: Results, what: str) -> list[str]:
    return [f"{what}: {key} differs" for key, value in expected.items() if not torch.equal(value, found[key])]


def streams(options: Options) -> dict[str, Any]:
    """Calls in streams of their own, at the same time, give what they give one after the other."""
    device, calls = options.torch_device, _calls(options, 8)
    expected = [call() for call in calls]
    card.synchronize(device)
    lines, rounds = [], 1 if options.rehearse else 5
    for _ in range(rounds):
        several, found = card.streams(device, len(calls)), []
        for stream, call in zip(several, calls, strict=True):
            with card.on(stream):
                found.append(call())
        card.join(device, several)
        for place, (alone, beside) in enumerate(zip(expected, found, strict=True)):
            lines += _compared(alone, beside, f"stream {place}")
    return verdict(rounds * len(calls), lines)


def threads(options: Options) -> dict[str, Any]:
    """Calls from several threads at once, each in its own stream."""
    device, calls = options.torch_device, _calls(options, 4)
    expected = [call() for call in calls]
    card.synchronize(device)
    lines: list[str] = []
    rounds = 2 if options.rehearse else 10

    def work(place: int) -> None:
        try:
            (stream,) = card.streams(device, 1)
            with card.on(stream):
                for _ in range(rounds):
                    found = calls[place]()
                    lines.extend(_compared(expected[place], found, f"thread {place}"))
        except Exception as error:
            lines.append(f"thread {place}: {type(error).__name__}: {error}")

    workers = [threading.Thread(target=work, args=(place,)) for place in range(len(calls))]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return verdict(rounds * len(calls), lines)


def graphs(options: Options) -> dict[str, Any]:
    """Captured once and replayed on new numbers: inference, training, and a kernel met for the first time there."""
    device, name, lines = options.torch_device, backend(options), []
    _, run, inputs = correct.case("sru", device, length=24, batch=6, size=96)
    static = {key: value.float().requires_grad_() for key, value in inputs.items()}
    back = torch.randn(24, 6, 96, device=device)

    def training() -> tuple[Tensor, ...]:
        h, _ = run(name, static)
        with ops.use(name):
            return h.detach(), *torch.autograd.grad(h, [*static.values()], back)

    def inference() -> tuple[Tensor, ...]:
        with torch.no_grad():
            return run(name, static)

    cases = 0
    for what, call in (("training", training), ("inference", inference)):
        replay = card.captured(device, call)
        for seed in range(3):
            cases += 1
            torch.manual_seed(seed)
            with torch.no_grad():
                for value in static.values():
                    value.copy_(torch.randn_like(value))
            found = [value.clone() for value in replay()]
            pairs = zip(call(), found, strict=True)
            lines += [
                f"{what}: result {place} differs"
                for place, (a, b) in enumerate(pairs)
                if not torch.equal(a, b)
            ]
    _, fresh, other = correct.case("qrnn_ifo", device, length=5, batch=2, size=24, activation="tanh")
    half = {key: value.half() for key, value in other.items()}
    replay = card.captured(device, torch.no_grad()(lambda: fresh(name, half)), first=0)
    found = [value.clone() for value in replay()]
    pairs = zip(torch.no_grad()(fresh)(name, half), found, strict=True)
    lines += [
        f"first use in a graph: result {place} differs"
        for place, (a, b) in enumerate(pairs)
        if not torch.equal(a, b)
    ]
    return verdict(cases + 1, lines)


def compiled(options: Options) -> dict[str, Any]:
    """A model through torch.compile gives what it gives without, gradients too."""
    device, lines = options.torch_device, []
    torch.manual_seed(0)
    model = SRU(24, 32, 2).to(device)
    x = torch.randn(20, 5, 24, device=device, requires_grad=True)
    made = torch.compile(model, backend="aot_eager" if options.rehearse else "inductor")
    with true_float32():
        plain, found = _with_gradients(model, x), _with_gradients(made, x)
    for name, value in found.items():
        if not distance(value, plain[name]) < 1e-4:
            lines.append(f"{name} is {distance(value, plain[name]):.2g} away")
    return verdict(len(found), lines)


def autocast(options: Options) -> dict[str, Any]:
    """Under bfloat16 autocast, as training runs: types, and how far from float32."""
    device, lines = options.torch_device, []
    torch.manual_seed(0)
    model = SRU(64, 96, 3, bidirectional=True).to(device)
    x = torch.randn(30, 6, 64, device=device, requires_grad=True)
    with true_float32():
        expected = _with_gradients(model, x)
    with torch.autocast(device.type, torch.bfloat16):
        found = _with_gradients(model, x)
    worst = 0.0
    for name, value in found.items():
        off = distance(value, expected[name])
        worst = max(worst, off)
        if name.startswith("gradient") and value.dtype != torch.float32:
            lines.append(f"{name}: expected float32, found {value.dtype}")
        if not off < 0.05:
            lines.append(f"{name} is {off:.2g} away from float32's")
    return verdict(len(found), lines, f"{worst:.1g} from float32 at most")


def model(options: Options, name: str) -> dict[str, Any]:
    """A model with the same weights here and on the CPU, in float32; then step by step with its state."""
    device, lines = options.torch_device, []
    torch.manual_seed(0)
    build = encoder_class(name)
    there: Any = build(20, 32, **ENCODERS[name])
    x = torch.randn(17, 3, 20, requires_grad=True)
    padding = torch.arange(17).unsqueeze(1) >= torch.tensor([17, 9, 12])
    # A memory holds steps, and no sequences of different lengths.
    lengths = None if "attention_context" in ENCODERS[name] else padding
    expected = _with_gradients(there, x, lengths)
    here = there.to(device)
    moved = x.detach().to(device).requires_grad_()
    with true_float32():
        found = _with_gradients(here, moved, None if lengths is None else lengths.to(device))
        for key, value in found.items():
            off = distance(value.cpu(), expected[key])
            if not off < 1e-4:
                lines.append(f"{key} is {off:.2g} away from the CPU's")
        cases = len(found)
        if here.streams:
            cases += 1
            here.eval()
            with torch.no_grad():
                whole, state, pieces = here(moved)[0], None, []
                for x_1BD in moved.split(1):
                    h_1BH, state = here(x_1BD, state)
                    pieces.append(h_1BH)
            if here.causal and not distance(torch.cat(pieces), whole) < 1e-5:
                lines.append(
                    f"step by step it is {distance(torch.cat(pieces), whole):.2g} away from one call"
                )
    return verdict(cases, lines)


def devices(options: Options) -> dict[str, Any]:
    """Every other card gives the bits of the first one, called while that is the current one."""
    number = torch.cuda.device_count() if options.on_card else 1
    if number < 2:
        raise Skipped("there is one card")
    lines, cases = [], 0
    for cell in ops.CELLS:
        results = []
        for index in range(number):
            _, run, inputs = correct.case(cell, torch.device("cuda", index), length=20, batch=5, size=64)
            single = {key: value.float() for key, value in inputs.items()}
            found = correct.results("cuda", run, single)
            results.append({key: value.cpu() for key, value in found.items()})
        for index in range(1, number):
            cases += 1
            lines += _compared(results[0], results[index], f"{cell} on card {index}")
    return verdict(cases, lines, f"{number} cards")


def _with_gradients(
    module: nn.Module | Callable[..., Any], x: Tensor, padding: Tensor | None = None
) -> Results:
    """Outputs, and gradients of input and weights."""
    owner: Any = module
    named = ((name.removeprefix("_orig_mod."), value) for name, value in owner.named_parameters())
    weights = {name: value for name, value in named if value.requires_grad}
    h, _ = owner(x, None, padding)
    scale = torch.linspace(-1, 1, h.numel()).view(h.shape).to(h)
    grads = torch.autograd.grad((h * scale).sum(), [x, *weights.values()], allow_unused=True)
    found = {"h": h.detach()}
    names = ["x", *weights]
    return found | {
        f"gradient of {name}": grad for name, grad in zip(names, grads, strict=True) if grad is not None
    }
