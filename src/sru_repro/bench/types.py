"""The types of number that a model is timed in: its own, and for LSTM and GRU on CUDA all there are.

cuDNN is not equally good at all of them, so a model in bfloat16 is compared with the fastest LSTM, whatever its type.
"""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch.backends import cudnn

from .timing import Call


class Numbers(NamedTuple):
    """What weights and inputs are in; `tf32`: cuDNN may shorten float32 inside its products."""

    name: str
    dtype: torch.dtype
    tf32: bool = False


EVERY = (
    Numbers("float32", torch.float32),
    Numbers("TF32", torch.float32, tf32=True),
    Numbers("float16", torch.float16),
    Numbers("bfloat16", torch.bfloat16),
)


def types_of(own: torch.dtype, device: torch.device, every: bool) -> Iterator[Numbers]:
    """The own type, which is float32 without TF32 where it is float32; then on CUDA, if `every`, the others."""
    first = Numbers(str(own).removeprefix("torch."), own)
    yield first
    if every and device.type == "cuda":
        yield from (numbers for numbers in EVERY if numbers != first)


def in_numbers(call: Call, numbers: Numbers) -> Call:
    """The call, with TF32 allowed to cuDNN while it runs where that is wanted."""
    if not numbers.tf32:
        return call

    def shortened() -> object:
        before = cudnn.allow_tf32
        cudnn.allow_tf32 = True
        try:
            return call()
        finally:
            cudnn.allow_tf32 = before

    return shortened
