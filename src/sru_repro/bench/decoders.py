"""The language models whose generation is timed: 256 symbols in, an encoder of the suite, 256 scores out.

A new one is one entry in `MODELS`; widths for equal parameters, checks, tables and figures follow from it.

Shapes: L time, B batch, V symbols.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree

from ..models import AttentionContext, Encoder, State, encoder_class
from .contenders import LSTMCells
from .shapes import Shape

SYMBOLS = 256
GRAIN = 8
"""Widths are multiples of it, so that heads divide them and vector units are full."""


class Decoder(nn.Module):
    """Embedding, encoder and output layer; `forward` is one step or many."""

    def __init__(self, encoder: Any, width: int) -> None:
        super().__init__()
        self.embedding, self.encoder = nn.Embedding(SYMBOLS, width), encoder
        self.output = nn.Linear(width, SYMBOLS)

    def forward(self, ids_LB: Tensor, state: State = None) -> tuple[Tensor, State]:
        """Scores (L, B, V) of what follows each symbol, and the next state."""
        h_LBH, state = self.encoder(self.embedding(ids_LB), state)
        return self.output(h_LBH), state

    def fixed_state(self, state: State, steps: int) -> State:
        """See `Encoder`; torch.nn's own modules have states of fixed shapes."""
        fixed = getattr(self.encoder, "fixed_state", None)
        return fixed(state, steps) if fixed else Encoder.fixed_state(self.encoder, state, steps)


@dataclass(frozen=True)
class Model:
    """One entry: what the tables call a model, and its encoder of a width, which sees `window` steps back.

    attends  whether it keeps the whole context
    twin     a decoder of the same weights to compare its steps with, where it has no other way than step by step
    """

    label: str
    layers: int
    encoder: Callable[[int, int], nn.Module]
    attends: bool = False
    twin: Callable[[Decoder], Decoder] | None = None

    def build(self, width: int, window: int) -> Decoder:
        """With fresh weights; the same generator makes the same ones whatever the window."""
        return Decoder(self.encoder(width, window), width).eval()


def _suite(name: str, layers: int, **settings: Any) -> Callable[[int, int], nn.Module]:
    """An encoder of the suite; settings that grow with the width are functions of it."""

    def encoder(width: int, window: int) -> nn.Module:
        cls: Any = encoder_class(name)
        own = {key: value(width) if callable(value) else value for key, value in settings.items()}
        config = cls.Config(name=name, hidden_size=width, num_layers=layers, dropout=0.0, **own)
        made: nn.Module = cls.from_config(width, config, AttentionContext(window, window))
        return made

    return encoder


def _lstm_cells(layers: int) -> Callable[[int, int], nn.Module]:
    def encoder(width: int, window: int) -> nn.Module:
        return LSTMCells(Shape("", "", 1, 1, width, width, layers))

    return encoder


@torch.no_grad()
def _as_lstm(cells: Decoder) -> Decoder:
    """nn.LSTM with the weights of a stack of nn.LSTMCell."""
    width = cells.output.in_features
    lstm: Any = nn.LSTM(
        width, width, len(list(cells.encoder.parameters())) // 4
    )  # two weights and biases a layer
    twin = Decoder(lstm, width).to(cells.output.weight)
    for own, theirs in zip(twin.parameters(), cells.parameters(), strict=True):
        own.copy_(theirs)
    return twin


_SRU: dict[str, object] = {
    "bidirectional": False,
    "projection_size": 0,
    "highway_bias": -2.0,
    "layer_norm": None,
    "has_skip_term": True,
    "rescale": True,
    "activation": "identity",
    "v1": False,
}
# As in the SRU++ paper: d' is a quarter of the width, one head.
_SRUPP: dict[str, object] = {
    "projection_size": lambda width: max(1, width // 4),
    "attn_dropout": 0.0,
    "num_heads": 1,
    "attention_every": 1,
    "bidirectional": False,
    "highway_bias": -2.0,
    "layer_norm": None,
    "has_skip_term": True,
    "rescale": False,
}
# As in the Transformer-XL paper's enwik8 model: 8 heads, an inner size of four widths.
_TRANSFORMER: dict[str, object] = {
    "num_heads": 8,
    "inner_size": lambda width: 4 * width,
    "attn_dropout": 0.0,
    "clamp_length": 0,
}
MODELS: dict[str, Model] = {
    **{
        f"sru-{layers}": Model(f"SRU, {layers} layers", layers, _suite("sru", layers, **_SRU))
        for layers in (2, 4, 8, 16)
    },
    "srupp-all": Model("SRU++", 4, _suite("srupp", 4, **_SRUPP, attention_last=0), attends=True),
    "srupp-last": Model(
        "SRU++, attention in the last layer", 4, _suite("srupp", 4, **_SRUPP, attention_last=1), attends=True
    ),
    "lstm": Model("nn.LSTM", 2, _suite("lstm", 2, bidirectional=False)),
    "lstm-cells": Model("nn.LSTMCell", 2, _lstm_cells(2), twin=_as_lstm),
    "gru": Model("nn.GRU", 2, _suite("gru", 2, bidirectional=False)),
    "mingru": Model("minGRU", 2, _suite("mingru", 2, expansion=1, bidirectional=False)),
    "transformer-xl": Model("Transformer-XL", 4, _suite("transformer_xl", 4, **_TRANSFORMER), attends=True),
}
"""In the order of the tables."""


def parameters(model: Model, width: int) -> int:
    """How many a contender has, embedding and output counted in, told on the meta device."""
    with torch.device("meta"):
        return sum(weight.numel() for weight in model.build(width, 1).parameters())


def width_for(model: Model, wanted: int) -> int:
    """The multiple of `GRAIN` whose number of parameters is nearest to the wanted one."""
    low, high = 1, 2
    while parameters(model, high * GRAIN) < wanted:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        if parameters(model, middle * GRAIN) < wanted:
            low = middle
        else:
            high = middle
    return GRAIN * min((low, high), key=lambda grains: abs(parameters(model, grains * GRAIN) - wanted))


def batch_axes(decoder: Decoder) -> list[int | None]:
    """For every leaf of the state in order, the axis that grows with the batch; None where the batch shares it."""
    device = decoder.output.weight.device
    sizes = []
    with torch.no_grad():
        for batch in (1, 2):
            _, state = decoder(torch.zeros(2, batch, dtype=torch.long, device=device))
            sizes.append(
                [leaf.shape if isinstance(leaf, Tensor) else () for leaf in _pytree.tree_leaves(state)]
            )
    return [
        next((axis for axis, (one, two) in enumerate(zip(*pair, strict=True)) if one != two), None)
        for pair in zip(*sizes, strict=True)
    ]


def streams(state: State, axes: list[int | None], batch: int) -> State:
    """The state of one stream, copied for each of a batch."""
    leaves, tree = _pytree.tree_flatten(state)
    copied = [
        leaf if axis is None else leaf.repeat_interleave(batch, axis)
        for leaf, axis in zip(leaves, axes, strict=True)
    ]
    return _pytree.tree_unflatten(copied, tree)


def state_bytes(state: State, axes: list[int | None]) -> int:
    """Bytes that a stream must keep of the past: leaves that the batch does not share, at a batch of one."""
    leaves = _pytree.tree_leaves(state)
    return sum(
        leaf.numel() * leaf.element_size()
        for leaf, axis in zip(leaves, axes, strict=True)
        if axis is not None
    )
