"""The models that are timed against each other, each built for a shape and behind the same three calls.

A new contender is one entry in `CONTENDERS`; tables and figures follow from what is measured.

Shapes: L time, B batch, D input features, H output features.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.backends import cudnn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from ..models import QRNN, SRU, State
from .authors import authors_package
from .shapes import Shape


@dataclass
class Subject:
    """A model of one shape.

    whole     a padded batch to its outputs, (L, B, D) to (L, B, H)
    ragged    the same of sequences of different lengths: batch, lengths (B,), padding (L, B)
    step      one step with its state, to output and next state
    products  (input, output) features of the products that make up its whole matrix work, where they can be done
              for all steps at once
    skip      whether the recurrence reads the layer's input, where that is as wide as the output
    channels_first  whether batches are (B, D, L)
    """

    module: nn.Module
    whole: Callable[[Tensor], Tensor]
    ragged: Callable[[Tensor, Tensor, Tensor], Tensor] | None = None
    step: Callable[[Tensor, State], tuple[Tensor, State]] | None = None
    products: tuple[tuple[int, int], ...] = ()
    skip: bool = False
    channels_first: bool = False


Build = Callable[[Shape, torch.device, torch.dtype], Subject]


@dataclass(frozen=True)
class Contender:
    """An entry: what tables call a model, and how it is built.

    batches  whether whole batches are timed
    steps    whether it has a state to hand on, and is timed step by step
    calls    whether the cost of its calls is measured, and its CUDA graph
    peer     whether it is what others are compared with, and on CUDA timed in every type of number
    """

    label: str
    build: Build
    batches: bool = True
    steps: bool = True
    calls: bool = False
    peer: bool = False


def _suite(module: Any, shape: Shape, skip: bool) -> Subject:
    """Models of the suite, and the authors', which take input, state and padding alike."""
    return Subject(
        module,
        whole=lambda x: module(x)[0],
        ragged=lambda x, lengths, padding: module(x, None, padding)[0],
        step=module,
        products=tuple(shape.products(3, skip)),
        skip=skip,
    )


def _sru(shape: Shape, device: torch.device, dtype: torch.dtype, v1: bool = False) -> Subject:
    module = SRU(shape.input_size, shape.hidden_size, shape.layers, bidirectional=shape.bidirectional, v1=v1)
    return _suite(module.to(device, dtype), shape, skip=True)


def _sru_v1(shape: Shape, device: torch.device, dtype: torch.dtype) -> Subject:
    return _sru(shape, device, dtype, v1=True)


def _qrnn(shape: Shape, device: torch.device, dtype: torch.dtype) -> Subject:
    module = QRNN(shape.input_size, shape.hidden_size, shape.layers, bidirectional=shape.bidirectional)
    return _suite(module.to(device, dtype), shape, skip=False)


def _torch_rnn(kind: type[nn.LSTM] | type[nn.GRU]) -> Build:
    """torch.nn's own module; on padded batches nothing is packed, which is its fastest path."""

    def build(shape: Shape, device: torch.device, dtype: torch.dtype) -> Subject:
        both = shape.bidirectional
        # Else PyTorch leaves weights in bfloat16 scattered, and cuDNN gathers them at every call.
        known = getattr(cudnn, "CUDNN_TENSOR_DTYPES", None)
        if isinstance(known, set):
            known.add(torch.bfloat16)
        module: Any = kind(shape.input_size, shape.hidden_size, shape.layers, bidirectional=both)
        module.to(device, dtype)

        def ragged(x: Tensor, lengths: Tensor, padding: Tensor) -> Tensor:
            packed = pack_padded_sequence(x, lengths, enforce_sorted=False)
            return pad_packed_sequence(module(packed)[0], total_length=x.size(0))[0]

        return Subject(module, lambda x: module(x)[0], ragged, module)

    return build


class LSTMCells(nn.Module):
    """A stack of nn.LSTMCell. Step by step on the CPU it is far ahead of nn.LSTM, which packs its weights each call."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.cells = nn.ModuleList(nn.LSTMCell(size, shape.columns) for size in shape.sizes)

    def forward(
        self, x_LBD: Tensor, state: list[tuple[Tensor, Tensor]] | None = None
    ) -> tuple[Tensor, list[tuple[Tensor, Tensor]]]:
        """Returns (h_LBH, state): h and c (B, H) of every layer."""
        last: list[Any] = [None] * len(self.cells) if state is None else list(state)
        outputs = []
        for h_BD in x_LBD:
            for place, cell in enumerate(self.cells):
                last[place] = cell(h_BD, last[place])
                h_BD = last[place][0]
            outputs.append(h_BD)
        return torch.stack(outputs), last


def _lstm_cells(shape: Shape, device: torch.device, dtype: torch.dtype) -> Subject:
    module = LSTMCells(shape).to(device, dtype)
    return Subject(module, lambda x: module(x)[0], step=module)


class CausalConvolutions(nn.Module):
    """A stack of convolutions over the last `window` inputs, (B, D, L) to (B, H, L); nothing between layers."""

    def __init__(self, shape: Shape, window: int) -> None:
        super().__init__()
        self.window = window
        self.layers = nn.ModuleList(nn.Conv1d(size, shape.columns, window) for size in shape.sizes)

    def forward(self, x_BDL: Tensor) -> Tensor:
        """Returns (B, H, L)."""
        for layer in self.layers:
            x_BDL = layer(F.pad(x_BDL, (self.window - 1, 0)))
        return x_BDL


def _convolutions(window: int) -> Build:
    def build(shape: Shape, device: torch.device, dtype: torch.dtype) -> Subject:
        module = CausalConvolutions(shape, window).to(device, dtype)
        return Subject(module, module, channels_first=True)

    return build


def _authors(shape: Shape, device: torch.device, dtype: torch.dtype) -> Subject:
    package = authors_package(device.type)
    options = {"bidirectional": shape.bidirectional, "rescale": True}
    module = package.SRU(shape.input_size, shape.hidden_size, shape.layers, **options).to(device, dtype)
    return _suite(module, shape, skip=True)


CONTENDERS: dict[str, Contender] = {
    "sru": Contender("SRU", _sru, calls=True),
    "sru-v1": Contender("SRU v1", _sru_v1, calls=True),
    "qrnn": Contender("QRNN, fo pooling", _qrnn, calls=True),
    "lstm": Contender("nn.LSTM", _torch_rnn(nn.LSTM), calls=True, peer=True),
    "lstm-cells": Contender("nn.LSTMCell", _lstm_cells, batches=False, peer=True),
    "gru": Contender("nn.GRU", _torch_rnn(nn.GRU), calls=True, peer=True),
    "conv2": Contender("conv1d, k=2", _convolutions(2), steps=False),
    "conv3": Contender("conv1d, k=3", _convolutions(3), steps=False),
    "authors": Contender("sru, the authors' package", _authors),
}
"""In the order of the tables. LSTM is what the others are compared with."""
