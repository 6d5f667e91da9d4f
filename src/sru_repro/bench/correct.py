"""Is the back end right? A compact grid against the float64 reference, in seconds, before anything is timed.

An output or gradient may be as far from the truth as plain PyTorch's is in the same type, times a small factor,
and a few units in the last place.

Shapes: L time, B batch, k matrices, D columns = directions * hidden size.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from .. import ops
from ..ops.launch_config import LaunchConfig, launched

FACTOR = 3.0
"""Times the error of plain PyTorch that is accepted."""

TYPES = (torch.float32, torch.bfloat16)
_GRID: tuple[dict[str, Any], ...] = (
    {"length": 1, "batch": 1, "size": 8},
    {"length": 7, "batch": 3, "size": 37, "bidirectional": True},
    {"length": 5, "batch": 2, "size": 131, "padding": True, "activation": "tanh"},
    {"length": 9, "batch": 4, "size": 16, "padding": True, "bidirectional": True, "mask": True, "scale": 4.0},
    {"length": 33, "batch": 2, "size": 64, "skip": "matrix"},
    {"length": 6, "batch": 5, "size": 24, "skip": "none", "per_step": True},
    # Large enough for several threads, rows and features divided among them.
    {"length": 20, "batch": 3, "size": 256, "padding": True, "bidirectional": True},
)
"""Sizes with the options that each is tried with; those that a cell does not have are left out of its case."""

Call = Callable[[str, dict[str, Tensor]], tuple[Tensor, ...]]
"""Back end and inputs to outputs."""
Case = tuple[str, Call, dict[str, Tensor]]
"""What is tried, in words; the function; its inputs in float64."""


def failures(
    backend: str,
    device: torch.device,
    cases: Iterable[Case] | None = None,
    types: Sequence[torch.dtype] = TYPES,
    cuts: Sequence[dict[str, LaunchConfig]] | None = None,
) -> tuple[int, list[str]]:
    """How many cases were compared on that back end, and a line for each that is wrong or does not run.

    Without `cases` the compact grid of all cells, and the products.
    """
    if cases is None:
        cases = itertools.chain(*(grid(cell, device) for cell in ops.CELLS), products(device))
    lines, tried = [], 0
    for (what, run, inputs), dtype in itertools.product(cases, types):
        rounded = {key: value.to(dtype) for key, value in inputs.items()}
        truth = results("reference", run, {key: value.double() for key, value in rounded.items()})
        plain = results("reference", run, rounded)
        for cut in _cuts(backend) if cuts is None else cuts:
            tried += 1
            with launched(**cut):
                problem = _problem(backend, run, rounded, truth, plain)
            if problem:
                words = [f"back end {backend}", *map(str, cut.values()), what, name_of(dtype)]
                lines.append(f"{', '.join(words)}: {problem}")
    return tried, lines


def name_of(dtype: torch.dtype) -> str:
    """As tables call it."""
    return str(dtype).removeprefix("torch.")


def _cuts(backend: str) -> list[dict[str, LaunchConfig]]:
    """How CUDA's kernels may cut the work: by their own choice, and as they do at sizes beyond those tried here."""
    if backend != "cuda":
        return [{}]
    return [
        {},
        *({"forward": cut, "backward": cut} for cut in (LaunchConfig(4, 2, 128), LaunchConfig(2, 4, 64))),
    ]


def grid(cell: str, device: torch.device) -> Iterator[Case]:
    """A cell at a few sizes, each with other options."""
    for options in _GRID:
        yield case(cell, device, **options)


def combinations(cell: str, device: torch.device) -> Iterator[Case]:
    """A cell with every combination of the options that it has, at one small size."""
    spec = ops.CELLS[cell]
    highway, choice = spec.output == "highway", (False, True)
    for both, padding, per_step, mask, tanh, skip in itertools.product(
        choice,
        choice,
        choice if spec.peephole else (False,),
        choice if highway else (False,),
        choice if spec.output != "state" else (False,),
        ("input", "matrix", "none") if highway else ("input",),
    ):
        activation = "tanh" if tanh else "identity"
        options: dict[str, Any] = {
            "bidirectional": both,
            "padding": padding,
            "per_step": per_step,
            "mask": mask,
        }
        yield case(cell, device, length=6, batch=3, size=12, skip=skip, activation=activation, **options)


def case(cell: str, device: torch.device, **options: Any) -> Case:
    """A cell at a size (`length`, `batch`, `size`) with options, as `_arguments` takes them."""
    inputs, rest = _arguments(cell, device, **options)
    words = [f"{key} {value}" for key, value in options.items() if value is not False]
    return f"{cell} ({', '.join(words)})", _recurrence(cell, rest), inputs


def products(device: torch.device) -> Iterator[Case]:
    """The product of a layer at three sizes."""
    for rows, size, width in ((1, 8, 24), (37, 131, 96), (256, 64, 192)):
        factors = {"x": _normal(rows, 1, size), "weight": _normal(width, size)}
        on_device = {key: value.to(device) for key, value in factors.items()}
        yield f"product of {rows} x {size} with {width} rows", _product, on_device


def _recurrence(name: str, rest: dict[str, Any]) -> Call:
    def run(backend: str, inputs: dict[str, Tensor]) -> tuple[Tensor, ...]:
        with ops.use(backend):
            return ops.recurrence(name, **inputs, **rest)  # type: ignore[arg-type]

    return run


def _product(backend: str, inputs: dict[str, Tensor]) -> tuple[Tensor, ...]:
    product = F.linear if backend == "reference" else ops.linear
    return (product(inputs["x"], inputs["weight"]),)


def _waves(like: Tensor) -> Tensor:
    """Numbers between -1 and 1 that never repeat, the same on every device up to rounding."""
    places = torch.arange(like.numel(), dtype=torch.float64, device=like.device)
    return places.mul_(1.618).sin_().view(like.shape).to(like.dtype)


def _normal(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)), dtype=torch.float64)


def _arguments(
    name: str,
    device: torch.device,
    *,
    length: int,
    batch: int,
    size: int,
    skip: str = "input",
    bidirectional: bool = False,
    padding: bool = False,
    mask: bool = False,
    per_step: bool = False,
    activation: str = "identity",
    scale: float = 1.0,
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Differentiable inputs in float64, and the other arguments. `scale` drives gates into saturation."""
    spec, columns = ops.CELLS[name], size * (2 if bidirectional else 1)
    highway = spec.output == "highway"
    matrices = len(spec.gates) + (highway and skip == "matrix")
    inputs = {"u_LBkD": scale * _normal(length, batch, matrices, columns), "c0_BD": _normal(batch, columns)}
    rest: dict[str, Any] = {"bidirectional": bidirectional, "activation": activation}
    if highway and skip == "input":
        inputs["x_LBD"] = _normal(length, batch, columns)
        rest["skip_scale"] = 1.7
    if spec.peephole:
        inputs["v"] = _normal(length, batch, 2, columns) if per_step else _normal(2, columns)
    if spec.biased:
        inputs["b_2D"] = _normal(2, columns) + 0.5
    if highway and mask:
        rest["mask_BD"] = (_normal(batch, columns) > 0).to(device, torch.float32) * 2
    if padding:
        rest["padding_LB"] = (_normal(length, batch) > 0.5).to(device)
        rest["padding_LB"][:, 0] = True
    return {key: value.to(device) for key, value in inputs.items()}, rest


def _problem(
    backend: str,
    run: Call,
    inputs: dict[str, Tensor],
    truth: dict[str, Tensor],
    plain: dict[str, Tensor],
) -> str:
    """What is wrong with the back end's outputs and gradients, or ""; `plain` is what plain PyTorch finds."""
    try:
        found = results(backend, run, inputs)
    except Exception as error:
        return f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else ''}"
    for name, value in found.items():
        off, usual = (float((result.double() - truth[name]).abs().max()) for result in (value, plain[name]))
        last_place = torch.finfo(value.dtype).eps * max(1.0, float(truth[name].abs().max()))
        # In float64 plain PyTorch is the truth itself, and has no error to be compared with.
        places = 1000 if value.dtype == torch.float64 else 4
        if not off <= FACTOR * usual + places * last_place:  # also when it is no number
            return f"{name} is off by {off:.2g}, plain PyTorch by {usual:.2g}"
    return ""


def results(backend: str, run: Call, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
    """Outputs, and the gradient of each input under fixed gradients of all outputs, without waiting for the device."""
    leaves = {key: value.detach().clone().requires_grad_() for key, value in inputs.items()}
    outputs = run(backend, leaves)
    back = [_waves(output) for output in outputs]
    with ops.use(backend):
        grads = torch.autograd.grad(outputs, list(leaves.values()), back)
    found = {f"output {place}": output.detach() for place, output in enumerate(outputs)}
    return found | {f"gradient of {key}": grad for key, grad in zip(leaves, grads, strict=True)}
