"""Section `tune`: which launch configurations suit this GPU. Each is timed at every size, in interleaved rounds; where
one beats the rule, the table beside the pages says so, and what runs afterwards follows it.

Shapes: L time, B batch, D columns of a row.
"""

import itertools
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch

from ..bench.floor import recurrence_bytes
from ..bench.timing import interleaved
from ..core.files import write_text
from ..ops import cuda, dispatch, launch_config
from ..ops.launch_config import LaunchConfig, launched
from ..records.gpu_page import FoundLaunch, Variant
from ..verify.compare import type_name
from . import gpu
from .adopt import measurement, merged
from .kernels import backend, build
from .plan import Each, Functions, SectionOptions, Several
from .speed import measured_rates

SIZES = ((256, 1, 1024), (256, 4, 1024), (256, 16, 1024), (128, 64, 1024), (128, 256, 1024), (64, 1024, 1024))
"""(L, B, D): from what leaves most of a GPU idle to what it needs gigabytes for."""
TYPES = (torch.bfloat16, torch.float32)
_GRAPHED = 1 << 17
"""Up to so many columns a call takes less time on the GPU than on the host, and is timed as a graph."""


def _each(options: SectionOptions) -> Iterator[Each]:
    """Each pass, type and size, smallest first."""
    sizes = ((4, 2, 8),) if options.rehearse else SIZES
    for (length, batch, size), kernel, kind in itertools.product(sizes, ("forward", "backward"), TYPES):
        text = f"{kernel}/{type_name(kind)}/{batch * size}"
        yield Each(text, (kernel, kind, length, batch, size))


def _prepared(options: SectionOptions, seconds: float) -> Mapping[str, object]:
    """The GPU's rates; and all kernels are built, which does not depend on sizes."""
    calls = (
        partial(_launched, kernel, config, _call(options, kernel, kind, 2, 1, 1024))
        for kernel, kind in itertools.product(("forward", "backward"), TYPES)
        for config in configs(kernel, kind, options.rehearse)
    )
    return {"note": build(options, calls), **measured_rates(options)}


def configs(kernel: str, kind: torch.dtype, rehearse: bool = False) -> list[LaunchConfig]:
    """All that could be worth a try: what a thread reads ahead must fit its registers."""
    step = cuda.step_bytes(kernel, kind, 3, kind)
    widths = [width for width in (1, 2, 4, 8) if width * kind.itemsize <= 16]
    every = itertools.product(widths, (2, 4, 8, 16), (32, 64, 128))
    found = [
        config
        for config in itertools.starmap(LaunchConfig, every)
        if config.columns * config.depth * step <= 2 * launch_config.RING or config.depth == 2
    ]
    return found[:2] if rehearse else found


def _timed(
    options: SectionOptions,
    seconds: float,
    kernel: str,
    kind: torch.dtype,
    length: int,
    batch: int,
    size: int,
) -> Mapping[str, object]:
    """The SRU's recurrence, one pass, in every launch configuration."""
    device, columns = options.torch_device, batch * size
    step = cuda.step_bytes(kernel, kind, 3, kind)
    rule = _rule(options, kind, columns, size, step, length)
    call = _call(options, kernel, kind, length, batch, size)
    tried = list(dict.fromkeys([rule, *configs(kernel, kind, options.rehearse)]))
    calls = {}
    for config in tried:
        run = partial(_launched, kernel, config, call)
        run()  # built and loaded
        calls[config] = gpu.captured(device, run, first=1) if columns <= _GRAPHED else run
    found = interleaved(calls, device, repeats=3 if options.rehearse else 9, budget_s=0.8 * seconds)
    timed = {config: timing.median_s for config, timing in found.items() if timing.median_s is not None}
    if rule not in timed:
        raise RuntimeError(f"the rule's own, {tuple(rule)}, does not run: {found[rule].error}")
    best = min(timed, key=lambda config: timed[config])
    gain = timed[rule] / timed[best]
    moved = recurrence_bytes(length, batch, 3, columns // batch, kind, skip_input=True)
    row = FoundLaunch(
        kernel=kernel,
        dtype=type_name(kind),
        cell="sru",
        length=length,
        batch=batch,
        size=size,
        columns=columns,
        step_bytes=step,
        moved_bytes=moved_bytes(kernel, moved, length * columns, kind),
        rule=list(rule),
        best=list(best),
        gain=gain,
        variants=[Variant(launch=list(config), **timing.plain()) for config, timing in found.items()],
        note=f"rule {'x'.join(map(str, rule))}, best {'x'.join(map(str, best))}: {gain:.2f} times as fast",
    )
    _keep(options.launch_configs, gpu.facts(device)["name"], row)
    return row.plain()


def moved_bytes(kernel: str, both: tuple[int, int], cells: int, kind: torch.dtype) -> int:
    """What a pass must move: forward for training (states are kept), or backward. `both`: as `recurrence_bytes`."""
    inference, training = both
    forward = inference + cells * max(kind.itemsize, 4)
    return forward if kernel == "forward" else training - forward


def _rule(
    options: SectionOptions, kind: torch.dtype, columns: int, size: int, step: int, length: int
) -> LaunchConfig:
    most = launch_config.widest(kind, size, 0)
    multiprocessors = gpu.facts(options.torch_device)["multiprocessors"] or 132
    return launch_config.rule(columns, most, step, length, multiprocessors)


def _launched(kernel: str, config: LaunchConfig, call: Any) -> Any:
    with launched(**{kernel: config}):
        return call()


def _call(options: SectionOptions, kernel: str, kind: torch.dtype, length: int, batch: int, size: int) -> Any:
    """One pass on random numbers, without what surrounds it in a model."""
    module, device = dispatch.module(backend(options)), options.torch_device
    torch.manual_seed(0)
    u, x = (
        torch.randn(*shape, device=device).to(kind)
        for shape in ((length, batch, 3, size), (length, batch, size))
    )
    v, b = (torch.randn(2, size, device=device) for _ in range(2))
    c0 = torch.zeros(batch, size, device=device)
    options_of_call = (None, None, False, 1.0, False)
    forward = partial(module.forward, "sru", u, x, v, b, c0, *options_of_call, True)
    if kernel == "forward":
        return forward
    h, c_n, states = forward()
    back = torch.randn_like(h), torch.zeros_like(c_n)
    return partial(module.backward, *back, "sru", u, x, v, b, None, None, states, False, 1.0, False)


def _keep(path: Path, gpu: str, row: FoundLaunch) -> None:
    """Puts a size into the table beside the pages, or takes it out where the rule is as good."""
    table = launch_config.read(path) if path.exists() else {}
    write_text(path, launch_config.dump(merged(table, gpu, [measurement(row)])))


FUNCTIONS: Functions = {"rates": _prepared, "PASS/TYPE/COLUMNS": Several(_timed, _each)}
