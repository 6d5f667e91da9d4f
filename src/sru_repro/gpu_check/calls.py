"""Are the kernels right however they are called? In several streams and threads, as CUDA graphs, on every GPU."""

import threading
from collections.abc import Callable, Iterable
from functools import partial

import torch
from torch import Tensor

from .. import ops
from ..verify.draw import draw
from . import gpu
from .kernels import backend, verdict
from .plan import Checked, SectionOptions, Skipped

Results = dict[str, Tensor]


def _calls(options: SectionOptions, number: int) -> list[Callable[[], Results]]:
    """So many calls of different cells and sizes, each with its own numbers."""
    name, device = backend(options), options.torch_device
    found: list[Callable[[], Results]] = []
    for place in range(number):
        cell = [*ops.CELLS][place % len(ops.CELLS)]
        size = (40 + place, 4 + place, 64 if options.rehearse else 512)
        call = draw(cell, *size, device=device).to((torch.float32, torch.bfloat16)[place % 2])
        found.append(partial(call.results, name))
    return found


def _compared(expected: Results, found: Results, what: str) -> list[str]:
    return [f"{what}: {key} differs" for key, value in expected.items() if not torch.equal(value, found[key])]


def streams(options: SectionOptions, seconds: float) -> Checked:
    """Calls in streams of their own, at the same time, give what they give one after the other."""
    device, calls = options.torch_device, _calls(options, 8)
    expected = [call() for call in calls]
    gpu.synchronize(device)
    lines, rounds = [], 1 if options.rehearse else 5
    for _ in range(rounds):
        several, found = gpu.streams(device, len(calls)), []
        for stream, call in zip(several, calls, strict=True):
            with gpu.on(stream):
                found.append(call())
        gpu.join(device, several)
        for place, (alone, beside) in enumerate(zip(expected, found, strict=True)):
            lines += _compared(alone, beside, f"stream {place}")
    return verdict(rounds * len(calls), lines)


def threads(options: SectionOptions, seconds: float) -> Checked:
    """Calls from several threads at once, each in its own stream."""
    device, calls = options.torch_device, _calls(options, 4)
    expected = [call() for call in calls]
    gpu.synchronize(device)
    lines: list[str] = []
    rounds = 2 if options.rehearse else 10

    def work(place: int) -> None:
        try:
            (stream,) = gpu.streams(device, 1)
            with gpu.on(stream):
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


def graphs(options: SectionOptions, seconds: float) -> Checked:
    """Captured once and replayed on new numbers: inference, training, and a kernel met for the first time there."""
    device, name, lines = options.torch_device, backend(options), []
    call = draw("sru", length=24, batch=6, size=96, device=device)
    static = call.with_inputs(lambda _, value: value.float().requires_grad_())
    back = torch.randn(24, 6, 96, device=device)

    def training() -> tuple[Tensor, ...]:
        h, _ = static.forward(name)
        with ops.use(name):
            return h.detach(), *torch.autograd.grad(h, [*static.inputs.values()], back)

    def inference() -> tuple[Tensor, ...]:
        with torch.no_grad():
            return static.forward(name)

    cases = 0
    for what, passes in (("training", training), ("inference", inference)):
        replay = gpu.captured(device, passes)
        for seed in range(3):
            cases += 1
            torch.manual_seed(seed)
            with torch.no_grad():
                for value in static.inputs.values():
                    value.copy_(torch.randn_like(value))
            found = [value.clone() for value in replay()]
            lines += _differing(what, passes(), found)
    half = draw("qrnn_ifo", length=5, batch=2, size=24, activation="tanh", device=device).to(torch.float16)
    fresh = torch.no_grad()(partial(half.forward, name))
    replay = gpu.captured(device, fresh, first=0)
    found = [value.clone() for value in replay()]
    lines += _differing("first use in a graph", fresh(), found)
    return verdict(cases + 1, lines)


def _differing(what: str, wanted: Iterable[Tensor], found: Iterable[Tensor]) -> list[str]:
    """A line for each result that is not the wanted one to the bit."""
    pairs = zip(wanted, found, strict=True)
    return [f"{what}: result {place} differs" for place, pair in enumerate(pairs) if not torch.equal(*pair)]


def devices(options: SectionOptions, seconds: float) -> Checked:
    """Every other GPU gives the bits of the first one, called while that is the current one."""
    number = torch.cuda.device_count() if options.on_gpu else 1
    if number < 2:
        raise Skipped("there is one GPU")
    lines, cases = [], 0
    for cell in ops.CELLS:
        results = []
        for index in range(number):
            call = draw(cell, length=20, batch=5, size=64, device=torch.device("cuda", index))
            found = call.to(torch.float32).results("cuda")
            results.append({key: value.cpu() for key, value in found.items()})
        for index in range(1, number):
            cases += 1
            lines += _compared(results[0], results[index], f"{cell} on GPU {index}")
    return verdict(cases, lines, f"{number} GPUs")
