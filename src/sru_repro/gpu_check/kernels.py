"""Are the kernels right? Against the float64 reference, against the other back end, again and again.

Shapes: L time, B batch, k matrices, D columns.
"""

import itertools
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import torch
from torch import Tensor

from .. import ops
from ..core import machine
from ..core.errors import RunError
from ..ops import cuda, cuda_driver
from ..verify.call import Case
from ..verify.compare import (
    CHOSEN,
    LaunchConfigs,
    both_passes,
    default_configs,
    failures,
    launched,
    whole_grid,
)
from ..verify.draw import draw
from ..verify.grid import compact, every_combination
from ..verify.grid import products as all_products
from . import gpu
from .plan import Checked, SectionOptions

TYPES = (torch.float32, torch.bfloat16, torch.float16, torch.float64)
LAUNCH_CONFIGS = [CHOSEN, both_passes(4, 2, 128), both_passes(2, 4, 64), both_passes(8, 2, 32)]
"""The launch configuration that the kernels choose, and those of sizes beyond the grid's: several columns a thread."""


def backend(options: SectionOptions) -> str:
    """The back end that is tried: CUDA's; in a rehearsal the fastest that there is."""
    return "cuda" if options.on_gpu else ops.choose(options.device).name


def build(options: SectionOptions, calls: Iterable[Callable[[], object]]) -> str:
    """Builds the kernels that the calls need side by side, on all cores; how many, and how long it took."""
    if not options.on_gpu:
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
    cases: Iterable[Case], types: Sequence[torch.dtype], configs: Sequence[LaunchConfigs]
) -> Iterator[Callable[[], object]]:
    """Both passes of all cases, in all types and launch configurations."""
    for case, kind, config in itertools.product(cases, types, configs):
        yield partial(_both_passes, case, kind, config)


def _both_passes(case: Case, kind: torch.dtype, config: LaunchConfigs) -> None:
    with launched(**config):
        case.to(kind).results("cuda")


def grid(options: SectionOptions, seconds: float, cell: str) -> Checked:
    """A cell at many sizes and with every combination of its options, in all types, in memory full of NaN."""
    device, name = options.torch_device, backend(options)
    types = TYPES[:1] if options.rehearse else TYPES
    configs = LAUNCH_CONFIGS if options.on_gpu else LAUNCH_CONFIGS[:1]
    sizes, options_of_all = [*compact(cell, device)], [*every_combination(cell, device)]
    if options.rehearse:
        sizes, options_of_all = sizes[:3], options_of_all[:2]
    every = itertools.chain(_calls(sizes, types, configs), _calls(options_of_all, types, configs[:1]))
    note = build(options, every)
    with gpu.poisoned():
        tried, wrong = failures(name, device, sizes, types, configs)
        more, also = failures(name, device, options_of_all, types, configs[:1])
    return verdict(tried + more, wrong + also, note)


def build_grid(options: SectionOptions) -> str:
    """What the bench's own checks need, side by side; they would build it one by one."""
    return build(options, _calls(whole_grid(options.torch_device), TYPES[:2], default_configs("cuda")))


def products(options: SectionOptions, seconds: float) -> Checked:
    """The products of a layer."""
    device = options.torch_device
    types = TYPES[:2]
    return verdict(*failures(backend(options), device, all_products(device), types, [CHOSEN]))


def both_back_ends(options: SectionOptions, seconds: float) -> Checked:
    """The CPU's kernels and CUDA's on the same numbers, in float32: relative distances of all results."""
    device, cpu = options.torch_device, torch.device("cpu")
    other = "cpp" if ops.available("cpp")[0] else "eager"
    mine = backend(options) if options.on_gpu else "eager"
    size = (64, 8, 32 if options.rehearse else 256)
    worst, cases, lines = 0.0, 0, []
    for cell in ops.CELLS:
        there, here = (
            draw(cell, *size, bidirectional=True, padding=True, device=where).to(torch.float32)
            for where in (device, cpu)
        )
        found, expected = there.results(mine), here.results(other)
        for name, value in found.items():
            cases += 1
            off = distance(value.cpu(), expected[name])
            worst = max(worst, off)
            if not off < 1e-4:
                lines.append(f"{cell}: {name} on {mine} is {off:.2g} away from {other}'s")
    return verdict(cases, lines, f"{mine} and {other} differ by {worst:.1g} at most")


def deterministic(options: SectionOptions, seconds: float) -> Checked:
    """The same call gives the same bits, gradients too, however often."""
    device, name = options.torch_device, backend(options)
    times = 3 if options.rehearse else 20
    size = (32, 4, 32) if options.rehearse else (300, 32, 512)
    cases, lines = 0, []
    for cell in ("sru", "qrnn_ifo"):
        for kind in TYPES[:2]:
            call = draw(cell, *size, device=device).to(kind)
            first = call.results(name)
            for _ in range(times - 1):
                cases += 1
                again = call.results(name)
                lines += [
                    f"{call.what}: {key} differs" for key in first if not torch.equal(first[key], again[key])
                ]
    return verdict(cases, lines)


def distance(value: Tensor, expected: Tensor) -> float:
    """‖value − expected‖ / ‖expected‖, in float64."""
    norm = float(expected.double().norm())
    return float((value.double() - expected.double()).norm()) / max(norm, 1e-30)


def verdict(cases: int, wrong: list[str], note: str = "") -> Checked:
    """What a piece keeps; raises RunError with the first of what is wrong."""
    if wrong:
        more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
        raise RunError(f"{len(wrong)} of {cases} wrong: {wrong[0]}{more}")
    return {"cases": cases, "note": note}
