"""One step of generation through a stack of SRU layers as one CUDA launch (kernels/stack.cu): depth costs little.

Called layer by layer, a step pays for two or three launches a layer, each with the GPU all but idle: a product of a
matrix with one vector, then a few thousand numbers. Here the multiprocessors share every product, and layers hand their
outputs on inside the launch.

Shapes: l layers, B batch, D input features, H columns, k matrices.
"""

import struct
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from . import cuda, passes
from .build import BuildError
from .cuda_driver import StackVariant, launch
from .dispatch import choose

LAYERS = 32
"""At most, as the kernel's arguments hold them."""
BATCH = 32
"""Rows at most: from there on matrix products are worth their launches."""
ROWS = 8
"""Of a batch that the kernel takes at a time; one, where there is one."""
SHARED = 96 << 10
"""Bytes of shared memory that every GPU since 2020 grants a block."""
KINDS = (torch.float32, torch.bfloat16, torch.float16)
SKIPS = {"none": 0, "input": 1, "matrix": 2}
_LAYER = struct.Struct("3Pqfi")
_CALL = struct.Struct("3q5P")


class Layer(NamedTuple):
    """What a layer is made of: `ops.recurrence`'s arguments, and the product before it.

    Attributes:
        weight_kHD: (k * H, D), rows ordered [gate][column]; the fourth matrix is the skip's.
        v_2H: peephole weights; None: the gates do not see the state.
        b_2H: biases.
        skip: what stands on the highway.
        skip_scale: factor of the input there.
    """

    weight_kHD: Tensor
    v_2H: Tensor | None
    b_2H: Tensor
    skip: Literal["none", "input", "matrix"]
    skip_scale: float


_failed = ""
_apart = False


@contextmanager
def layer_by_layer() -> Iterator[None]:
    """No step is one launch inside; for comparisons."""
    global _apart
    before, _apart = _apart, True
    try:
        yield
    finally:
        _apart = before


def step(
    layers: Sequence[Layer], x_BD: Tensor, c0_lBH: Tensor | None, tanh: bool
) -> tuple[Tensor, Tensor] | None:
    """h (B, H) of the last layer and c_n (l, B, H), or None where the layers have to be called one by one.

    That is on anything but CUDA, where a back end other than CUDA's was asked for, under autocast and compilers, and
    for sizes or types that the kernel does not take. Nothing of it is differentiable.
    """
    global _failed
    if _failed or _apart or not _runs(x_BD):
        return None
    columns, batch = layers[0].b_2H.size(1), x_BD.size(0)
    rows = 1 if batch == 1 else ROWS
    widest = max(columns, x_BD.size(1))
    piece = 16 // x_BD.element_size()  # values of one access
    shared = 2 * rows * -(-widest // piece) * 16
    if not (0 < batch <= BATCH and len(layers) <= LAYERS and shared <= SHARED and _alike(layers, x_BD)):
        return None
    x_BD = x_BD.contiguous()
    if c0_lBH is None:
        c0_lBH = x_BD.new_zeros(len(layers), batch, columns, dtype=torch.float32)
    c0_lBH = c0_lBH.float().contiguous()
    c_n, h_BH = torch.empty_like(c0_lBH), x_BD.new_empty(batch, columns)
    packed = 4 // x_BD.element_size()  # rows in a word
    exchange = torch.full(
        (len(layers) - 1, -(-batch // packed), columns), -1, dtype=torch.int32, device=x_BD.device
    )
    arrays = (x_BD, c0_lBH, c_n, h_BH, exchange)
    call = [_CALL.pack(len(layers), batch, columns, *(array.data_ptr() for array in arrays))]
    sizes, addresses = [columns], [x_BD.data_ptr()]
    for weight_kHD, v_2H, b_2H, skip, scale in layers:
        v_at = 0 if v_2H is None else v_2H.data_ptr()
        place = (weight_kHD.data_ptr(), v_at, b_2H.data_ptr(), weight_kHD.size(1))
        call.append(_LAYER.pack(*place, scale, SKIPS[skip]))
        sizes.append(weight_kHD.size(1))
        addresses.append(weight_kHD.data_ptr())
    call.append(bytes(_LAYER.size * (LAYERS - len(layers))))
    wide = not any(size % piece for size in sizes) and not any(address % 16 for address in addresses)
    variant = StackVariant(x_BD.dtype, rows, wide, tanh)
    index = x_BD.device.index
    blocks = min(cuda._multiprocessors(index), columns)
    try:
        launch(variant, blocks, variant.code.threads, b"".join(call), index, shared)
    except (BuildError, ImportError, RuntimeError) as error:
        _failed = str(error).splitlines()[0]
        warnings.warn(f"steps of generation go layer by layer: {_failed}", stacklevel=2)
        return None
    return h_BH, c_n


def _runs(x_BD: Tensor) -> bool:
    device = x_BD.device.type
    return (
        device in GPUS
        and not passes.watched(x_BD)
        and not torch.is_autocast_enabled(device)
        and choose(device).name == "cuda"
    )


GPUS = ("cuda",)
"""Types of devices that the kernel is launched on."""


def _alike(layers: Sequence[Layer], x_BD: Tensor) -> bool:
    """Whether all is of one type that the kernel has, and lies as it reads it."""
    tensors = [value for layer in layers for value in layer[:3] if value is not None]
    return x_BD.dtype in KINDS and all(
        value.dtype == x_BD.dtype and value.device == x_BD.device and value.is_contiguous()
        for value in tensors
    )
