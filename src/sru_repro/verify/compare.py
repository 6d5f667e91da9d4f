"""Is a back end right? Cases against the float64 reference, in seconds; a line for each that is wrong."""

import itertools
from collections.abc import Iterable, Iterator, Sequence

import torch
from torch import Tensor

from .. import ops
from ..ops.launch_config import LaunchConfig, launched
from . import grid
from .call import Case
from .tolerance import too_far

TYPES = (torch.float32, torch.bfloat16)

LaunchConfigs = dict[str, LaunchConfig]
"""Launch configurations by pass, "forward" and "backward"; where there is none the kernels choose."""
CHOSEN: LaunchConfigs = {}


def both_passes(*config: int) -> LaunchConfigs:
    """The same launch configuration for both passes: columns of a thread, steps read ahead, threads of a block."""
    return dict.fromkeys(("forward", "backward"), LaunchConfig(*config))


def failures(
    backend: str,
    device: torch.device,
    cases: Iterable[Case] | None = None,
    types: Sequence[torch.dtype] = TYPES,
    configs: Sequence[LaunchConfigs] | None = None,
) -> tuple[int, list[str]]:
    """How many cases were compared on that back end, and a line for each that is wrong or does not run.

    Without `cases` the compact grid of all cells, and the products; without `configs` what the kernels choose, and
    what they choose at sizes beyond those tried here.
    """
    lines, tried = [], 0
    for case, dtype in itertools.product(whole_grid(device) if cases is None else cases, types):
        rounded = case.to(dtype)
        truth, plain = rounded.to(torch.float64).results("reference"), rounded.results("reference")
        for config in default_configs(backend) if configs is None else configs:
            tried += 1
            with launched(**config):
                problem = _problem(backend, rounded, truth, plain)
            if problem:
                words = [f"back end {backend}", *map(str, config.values()), case.what, type_name(dtype)]
                lines.append(f"{', '.join(words)}: {problem}")
    return tried, lines


def whole_grid(device: torch.device) -> Iterator[Case]:
    """The compact grid of all cells, and the products."""
    for cell in ops.CELLS:
        yield from grid.compact(cell, device)
    yield from grid.products(device)


def default_configs(backend: str) -> list[LaunchConfigs]:
    """How CUDA's kernels are launched: by their own choice, and as at sizes beyond those tried here."""
    return [CHOSEN, both_passes(4, 2, 128), both_passes(2, 4, 64)] if backend == "cuda" else [CHOSEN]


def type_name(dtype: torch.dtype) -> str:
    """As tables call it."""
    return str(dtype).removeprefix("torch.")


def _problem(backend: str, case: Case, truth: dict[str, Tensor], plain: dict[str, Tensor]) -> str:
    """What is wrong with the back end's outputs and gradients, or ""; `plain` is what plain PyTorch finds."""
    try:
        found = case.results(backend)
    except Exception as error:
        return f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else ''}"
    for name, value in found.items():
        if problem := too_far(value, plain[name], truth[name]):
            return f"{name} {problem}"
    return ""
