"""Are the kernels right? Against the float64 reference, against the other back end, at large sizes, again and again.

Shapes: L time, B batch, k matrices, D columns.
"""

import itertools
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import torch
from torch import Tensor

from .. import ops
from ..bench import correct
from ..core import machine
from ..core.errors import RunError
from ..ops import cuda, cuda_driver
from ..ops.tiling import Tiling, tiled
from . import card
from .plan import Options, Skipped

TYPES = (torch.float32, torch.bfloat16, torch.float16, torch.float64)
CUTS = [
    {},
    *({"forward": cut, "backward": cut} for cut in (Tiling(4, 2, 128), Tiling(2, 4, 64), Tiling(8, 2, 32))),
]
"""By the kernels' own choice, and as at sizes beyond the grid's, where threads run several columns."""


def backend(options: Options) -> str:
    """The back end that is tried: CUDA's; in a rehearsal the fastest that there is."""
    return "cuda" if options.on_card else ops.choose(options.device).name


def build(options: Options, calls: Iterable[Callable[[], object]]) -> str:
    """Builds the kernels that the calls need side by side, on all cores; how many, and how long it took."""
    if not options.on_card:
        return ""
    started = time.perf_counter()
    with cuda.only_named() as variants:
        for call in calls:
            call()
    architecture = "sm_{}{}".format(*torch.cuda.get_device_capability())
    with ThreadPoolExecutor(machine.cores()) as pool:
        for _ in pool.map(lambda variant: len(cuda_driver.cubin(variant, architecture)), variants):
            pass
    return f"{len(variants)} kernels built or found in {time.perf_counter() - started:.1f} s"


def _calls(
    cases: Iterable[correct.Case], types: Sequence[torch.dtype], cuts: Sequence[dict[str, Tiling]]
) -> Iterator[Callable[[], object]]:
    """Both passes of all cases, in all types and cuts."""
    for (_, run, inputs), kind, cut in itertools.product(cases, types, cuts):
        yield partial(_passes_of, run, {key: value.to(kind) for key, value in inputs.items()}, cut)


def _passes_of(run: correct.Call, inputs: dict[str, Tensor], cut: dict[str, Tiling]) -> None:
    with tiled(**cut):
        correct.results("cuda", run, inputs)


def grid(options: Options, cell: str) -> dict[str, Any]:
    """A cell at many sizes and with every combination of its options, in all types, in memory full of NaN."""
    device, name = options.torch_device, backend(options)
    types = TYPES[:1] if options.rehearse else TYPES
    cuts = CUTS if options.on_card else CUTS[:1]
    sizes, options_of_all = [*correct.grid(cell, device)], [*correct.combinations(cell, device)]
    if options.rehearse:
        sizes, options_of_all = sizes[:3], options_of_all[:2]
    every = itertools.chain(_calls(sizes, types, cuts), _calls(options_of_all, types, cuts[:1]))
    note = build(options, every)
    with card.poisoned():
        tried, wrong = correct.failures(name, device, sizes, types, cuts)
        more, also = correct.failures(name, device, options_of_all, types, cuts[:1])
    return verdict(tried + more, wrong + also, note)


def build_grid(options: Options) -> str:
    """What the bench's own checks need, side by side; they would build it one by one."""
    cases = itertools.chain(*(correct.grid(cell, options.torch_device) for cell in ops.CELLS))
    return build(options, _calls(cases, TYPES[:2], CUTS[:3]))


def products(options: Options) -> dict[str, Any]:
    """The products of a layer."""
    device = options.torch_device
    types = TYPES[:2]
    return verdict(*correct.failures(backend(options), device, correct.products(device), types, [{}]))


def large(options: Options) -> dict[str, Any]:
    """As many columns as fill a card, in float32 and bfloat16, against the float64 reference."""
    device = options.torch_device
    size = (
        {"length": 9, "batch": 4, "size": 64}
        if options.rehearse
        else {"length": 192, "batch": 64, "size": 1024}
    )
    needed = 30 * 8 * size["length"] * size["batch"] * size["size"]  # what autograd keeps of the reference
    if options.on_card and needed > card.free_bytes(device):
        raise Skipped(
            f"expected {needed / 1e9:.0f} GB of free memory, found {card.free_bytes(device) / 1e9:.0f}"
        )
    cases = [
        correct.case("sru", device, **size, padding=True),
        correct.case("qrnn_fo", device, **size),
    ]
    return verdict(*correct.failures(backend(options), device, cases, TYPES[:2], [{}]))


def both_back_ends(options: Options) -> dict[str, Any]:
    """The CPU's kernels and CUDA's on the same numbers, in float32: relative distances of all results."""
    device, cpu = options.torch_device, torch.device("cpu")
    other = "cpp" if ops.available("cpp")[0] else "eager"
    mine = backend(options) if options.on_card else "eager"
    size = {"length": 64, "batch": 8, "size": 32 if options.rehearse else 256}
    worst, cases, lines = 0.0, 0, []
    for cell in ops.CELLS:
        _, there, inputs = correct.case(cell, device, **size, bidirectional=True, padding=True)
        _, here, same = correct.case(cell, cpu, **size, bidirectional=True, padding=True)
        found = correct.results(mine, there, {key: value.float() for key, value in inputs.items()})
        expected = correct.results(other, here, {key: value.float() for key, value in same.items()})
        for name, value in found.items():
            cases += 1
            off = distance(value.cpu(), expected[name])
            worst = max(worst, off)
            if not off < 1e-4:
                lines.append(f"{cell}: {name} on {mine} is {off:.2g} away from {other}'s")
    return verdict(cases, lines, f"{mine} and {other} differ by {worst:.1g} at most")


def deterministic(options: Options) -> dict[str, Any]:
    """The same call gives the same bits, gradients too, however often."""
    device, name = options.torch_device, backend(options)
    times = 3 if options.rehearse else 20
    size = (
        {"length": 32, "batch": 4, "size": 32}
        if options.rehearse
        else {"length": 300, "batch": 32, "size": 512}
    )
    cases, lines = 0, []
    for cell in ("sru", "qrnn_ifo"):
        for kind in TYPES[:2]:
            what, run, inputs = correct.case(cell, device, **size)
            rounded = {key: value.to(kind) for key, value in inputs.items()}
            first = correct.results(name, run, rounded)
            for _ in range(times - 1):
                cases += 1
                again = correct.results(name, run, rounded)
                lines += [
                    f"{what}: {key} differs" for key in first if not torch.equal(first[key], again[key])
                ]
    return verdict(cases, lines)


def beyond(options: Options) -> dict[str, Any]:
    """U of more than 2^31 values: its last rows come out as in a call of their own, bit by bit, gradients too."""
    device, name = options.torch_device, backend(options)
    length, batch, size = (6, 16, 32) if options.rehearse else (1366, 512, 1024)
    # U, x, h and their gradients in bfloat16, states in float32, room for sums.
    needed = 36 * length * batch * size
    if options.on_card and needed > card.free_bytes(device):
        raise Skipped(
            f"expected {needed / 1e9:.0f} GB of free memory, found {card.free_bytes(device) / 1e9:.0f}"
        )
    torch.manual_seed(0)
    u = torch.empty(length, batch, 3, size, device=device, dtype=torch.bfloat16).normal_()
    x, back = (torch.empty(length, batch, size, device=device, dtype=u.dtype).normal_() for _ in range(2))
    v, b = (torch.randn(2, size, device=device) for _ in range(2))
    c0 = torch.randn(batch, size, device=device)
    whole = _passes(name, u, x, v, b, c0, back)
    rows = slice(batch - 2, batch)
    own = [part[:, rows].contiguous() for part in (u, x, back)]
    small = _passes(name, own[0], own[1], v, b, c0[rows], own[2])
    lines = []
    for what, value in whole.items():
        if what in ("gradient of v", "gradient of b"):  # sums over all rows
            lines += [] if value.isfinite().all() else [f"{what} is not finite"]
        elif not torch.equal(value[rows] if value.dim() == 2 else value[:, rows], small[what]):
            lines.append(f"{what} of the last rows differs from their own call's")
    return verdict(len(whole), lines, f"{u.numel():,} values in U")


def _passes(
    name: str, u: Tensor, x: Tensor, v: Tensor, b: Tensor, c0: Tensor, back: Tensor
) -> dict[str, Tensor]:
    """Outputs and gradients of one call of the SRU."""
    leaves = {"U": u, "x": x, "v": v, "b": b, "c0": c0}
    own = {key: value.detach().requires_grad_() for key, value in leaves.items()}
    with ops.use(name):
        h, c_n = ops.recurrence("sru", own["U"], own["x"], own["v"], own["b"], own["c0"])
        grads = torch.autograd.grad(h, [*own.values()], back)
    found = {"h": h.detach(), "c_n": c_n.detach()}
    return found | {f"gradient of {key}": grad for key, grad in zip(own, grads, strict=True)}


def distance(value: Tensor, expected: Tensor) -> float:
    """‖value − expected‖ / ‖expected‖, in float64."""
    norm = float(expected.double().norm())
    return float((value.double() - expected.double()).norm()) / max(norm, 1e-30)


def verdict(cases: int, wrong: list[str], note: str = "") -> dict[str, Any]:
    """What a piece keeps; raises RunError with the first of what is wrong."""
    if wrong:
        more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
        raise RunError(f"{len(wrong)} of {cases} wrong: {wrong[0]}{more}")
    return {"cases": cases, "note": note}
