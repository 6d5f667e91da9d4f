"""torch.nn.LSTM's calling convention around an SRU, which replaces an LSTM without touching the caller."""

from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from ._packed import padding_mask


class LayerStack(Protocol):
    """What the convention is put around: a stack of layers that gives the output of each."""

    hidden_size: int
    batch_first: bool
    layers: Any

    def run_layers(
        self, x_LBD: Tensor, state: Tensor | None, padding_LB: Tensor | None
    ) -> tuple[list[Tensor], Tensor]:
        """The output of every layer, and the last states (num_layers, B, directions * hidden_size)."""


class LSTMConvention(nn.Module):
    """`output, (h_n, c_n) = module(input, (h_0, c_0))` as `torch.nn.LSTM` (L time, B batch, H hidden_size).

    h_n and c_n are (num_layers * directions, B, H). An SRU has no hidden-to-hidden product: h_0 is accepted
    and has no effect. `batch_first` follows the SRU's setting.
    """

    def __init__(self, sru: LayerStack) -> None:
        super().__init__()
        self.sru = sru

    def forward(
        self, x: Tensor | PackedSequence, hx: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Any, tuple[Tensor, Tensor]]:
        """See the class."""
        sru, lengths_B, padding_LB = self.sru, None, None
        packed = isinstance(x, PackedSequence)
        if isinstance(x, PackedSequence):
            x, lengths_B = pad_packed_sequence(x)
            padding_LB = padding_mask(lengths_B, x.size(0)).to(x.device)
        elif sru.batch_first:
            x = x.transpose(0, 1)
        c0 = None if hx is None else self._fold(hx[1])
        outputs, c_n = sru.run_layers(x, c0, padding_LB)
        h_n = torch.stack([self._last(h, lengths_B) for h in outputs])
        h = outputs[-1]
        if packed:
            assert lengths_B is not None
            y: Any = pack_padded_sequence(h, lengths_B, enforce_sorted=False)
        else:
            y = h.transpose(0, 1) if sru.batch_first else h
        return y, (self._unfold(h_n), self._unfold(c_n))

    def _last(self, h_LBH: Tensor, lengths_B: Tensor | None) -> Tensor:
        """Each direction's output at the last step it took."""
        if lengths_B is None:
            end = h_LBH[-1]
        else:
            end = h_LBH[lengths_B.to(h_LBH.device) - 1, torch.arange(h_LBH.size(1), device=h_LBH.device)]
        size = self.sru.hidden_size
        return torch.cat([end[:, :size], h_LBH[0, :, size:]], -1)

    def _fold(self, c: Tensor) -> Tensor:
        """(layers * directions, B, H) to (layers, B, directions * H)."""
        layers = len(self.sru.layers)
        return c.view(layers, -1, c.size(1), c.size(2)).transpose(1, 2).reshape(layers, c.size(1), -1)

    def _unfold(self, c: Tensor) -> Tensor:
        """(layers, B, directions * H) to (layers * directions, B, H)."""
        layers, batch, _ = c.shape
        size = self.sru.hidden_size
        return c.view(layers, batch, -1, size).transpose(1, 2).reshape(-1, batch, size)
