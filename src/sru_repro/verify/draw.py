"""Draws a call: a cell, its sizes, its options and a seed give the same numbers on every device.

Shapes: L time, B batch, k matrices, D columns = directions * hidden size, N rows, H features out.
"""

from typing import Any

import torch
from torch import Tensor

from .. import ops
from .call import Call, Product

CPU = torch.device("cpu")


def draw(
    cell: str,
    length: int = 5,
    batch: int = 3,
    size: int = 4,
    *,
    skip: str = "input",
    per_step: bool = False,
    mask: bool = False,
    padding: bool = False,
    bidirectional: bool = False,
    activation: str = "identity",
    scale: float = 1.0,
    seed: int = 0,
    device: torch.device = CPU,
) -> Call:
    """A call in float64. Options that the cell does not have are left out.

    Args:
        cell: a name of `ops.CELLS`.
        length: L.
        batch: B.
        size: columns of one direction.
        skip: where a highway's skip input comes from: "input", "matrix" or "none".
        per_step: peephole weights of each step, (L, B, 2, D).
        mask: with a dropout mask of the highway.
        padding: steps are padded at random, and the whole of row 0.
        bidirectional: the second half of the columns runs backwards in time.
        activation: "identity" or "tanh".
        scale: factor of U; a large one saturates the gates.
        seed: of the numbers.
        device: where the tensors lie.
    """
    spec, columns = ops.CELLS[cell], size * (2 if bidirectional else 1)
    highway = spec.output == "highway"
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64).to(device)

    matrices = len(spec.gates) + (highway and skip == "matrix")
    inputs = {"u_LBkD": scale * normal(length, batch, matrices, columns)}
    rest: dict[str, Any] = {"activation": activation, "bidirectional": bidirectional}
    if highway and skip == "input":
        inputs["x_LBD"] = normal(length, batch, columns)
        rest["skip_scale"] = 1.7
    if spec.peephole:
        inputs["v"] = normal(length, batch, 2, columns) if per_step else normal(2, columns)
    if spec.biased:
        inputs["b_2D"] = normal(2, columns)
    inputs["c0_BD"] = normal(batch, columns)
    if highway and mask:  # 0 and 2, which every type holds
        rest["mask_BD"] = (normal(batch, columns) > 0).float() * 2
    if padding:
        rest["padding_LB"] = normal(length, batch) > 0.5
        rest["padding_LB"][:, 0] = True
    options: dict[str, Any] = {
        "skip": highway and skip != "input" and skip,
        "per step": per_step and spec.peephole,
        "mask": mask and highway,
        "padding": padding,
        "bidirectional": bidirectional,
        "activation": activation != "identity" and activation,
        "scale": scale != 1.0 and scale,
    }
    words = [f"length {length}", f"batch {batch}", f"size {size}"]
    words += [name if value is True else f"{name} {value}" for name, value in options.items() if value]
    return Call(f"{cell} ({', '.join(words)})", inputs, cell, rest)


def draw_product(rows: int, size: int, width: int, device: torch.device = CPU) -> Product:
    """The product of x (N, 1, D) with a weight (H, D), in float64."""
    generator = torch.Generator().manual_seed(0)
    shapes = {"x": (rows, 1, size), "weight": (width, size)}
    inputs = {
        name: torch.randn(shape, generator=generator, dtype=torch.float64).to(device)
        for name, shape in shapes.items()
    }
    return Product(f"product of {rows} x {size} with {width} rows", inputs)
