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
from ..bench import correct
from ..core import machine
from ..core.errors import RunError
from ..ops import cuda, cuda_driver
from ..ops.launch_config import LaunchConfig, launched
from . import gpu
from .plan import Checked, Options

TYPES = (torch.float32, torch.bfloat16, torch.float16, torch.float64)
LAUNCH_CONFIGS = [
    {},
    *(
        {"forward": config, "backward": config}
        for config in (LaunchConfig(4, 2, 128), LaunchConfig(2, 4, 64), LaunchConfig(8, 2, 32))
    ),
]
"""By the kernels' own choice, and as at sizes beyond the grid's, where threads run several columns."""


def backend(options: Options) -> str:
    """The back end that is tried: CUDA's; in a rehearsal the fastest that there is."""
    return "cuda" if options.on_gpu else ops.choose(options.device).name


def build(options: Options, calls: Iterable[Callable[[], object]]) -> str:
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
    cases: Iterable[correct.Case], types: Sequence[torch.dtype], configs: Sequence[dict[str, LaunchConfig]]
) -> Iterator[Callable[[], object]]:
    """Both passes of all cases, in all types and launch configurations."""
    for (_, run, inputs), kind, config in itertools.product(cases, types, configs):
        yield partial(_passes_of, run, {key: value.to(kind) for key, value in inputs.items()}, config)


def _passes_of(run: correct.Call, inputs: dict[str, Tensor], config: dict[str, LaunchConfig]) -> None:
    with launched(**config):
        correct.results("cuda", run, inputs)


def grid(options: Options, seconds: float, cell: str) -> Checked:
    """A cell at many sizes and with every combination of its options, in all types, in memory full of NaN."""
    device, name = options.torch_device, backend(options)
    types = TYPES[:1] if options.rehearse else TYPES
    configs = LAUNCH_CONFIGS if options.on_gpu else LAUNCH_CONFIGS[:1]
    sizes, options_of_all = [*correct.grid(cell, device)], [*correct.combinations(cell, device)]
    if options.rehearse:
        sizes, options_of_all = sizes[:3], options_of_all[:2]
    every = itertools.chain(_calls(sizes, types, configs), _calls(options_of_all, types, configs[:1]))
    note = build(options, every)
    with gpu.poisoned():
        tried, wrong = correct.failures(name, device, sizes, types, configs)
        more, also = correct.failures(name, device, options_of_all, types, configs[:1])
    return verdict(tried + more, wrong + also, note)


def build_grid(options: Options) -> str:
    """What the bench's own checks need, side by side; they would build it one by one."""
    cases = itertools.chain(*(correct.grid(cell, options.torch_device) for cell in ops.CELLS))
    return build(options, _calls(cases, TYPES[:2], LAUNCH_CONFIGS[:3]))


def products(options: Options, seconds: float) -> Checked:
    """The products of a layer."""
    device = options.torch_device
    types = TYPES[:2]
    return verdict(*correct.failures(backend(options), device, correct.products(device), types, [{}]))


def both_back_ends(options: Options, seconds: float) -> Checked:
    """The CPU's kernels and CUDA's on the same numbers, in float32: relative distances of all results."""
    device, cpu = options.torch_device, torch.device("cpu")
    other = "cpp" if ops.available("cpp")[0] else "eager"
    mine = backend(options) if options.on_gpu else "eager"
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


def deterministic(options: Options, seconds: float) -> Checked:
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
