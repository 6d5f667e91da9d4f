"""torch.nn.LSTM's calling convention around an SRU, which replaces an LSTM without touching the caller.

Shapes: L time, B batch, D input features, H hidden_size, S = num_layers * directions.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.fx import Proxy
from torch.nn.utils.rnn import PackedSequence

from . import _packed
from ._base import require
from ._misfit import FAILURES, misfit, misfit_state
from ._tracing import left_whole, refuse_script, traced


class LSTMConvention(nn.Module):
    """`output, (h_n, c_n) = module(input, (h_0, c_0))` as `torch.nn.LSTM`.

    - input: (L, B, D), with `batch_first` (B, L, D); (L, D), one sequence without a batch; or a `PackedSequence`
    - output: the same with directions * H features; packed as the input was, rows in the caller's order
    - states: (S, B, H), without a batch (S, H); c_n is in float32 or wider. An SRU has no hidden-to-hidden product: h_0
      is checked and has no effect

    All attributes of `nn.LSTM` that a caller reads are there (sizes, `flatten_parameters`, `all_weights`,
    `reset_parameters`), as properties of the SRU inside. What has no place in an SRU, `weight_ih_l0` and its like, is
    refused by name.
    """

    bias = True
    proj_size = 0
    traces = True

    def __init__(self, sru: Any) -> None:
        super().__init__()
        self.sru: Any = sru

    def forward(
        self,
        input: Tensor | PackedSequence,
        hx: tuple[Tensor, Tensor] | list[Tensor] | None = None,
    ) -> tuple[Any, tuple[Tensor, Tensor]]:
        """Returns (output, (h_n, c_n)), see the class.

        Args:
            input: (L, B, D), with `batch_first` (B, L, D); (L, D); or a `PackedSequence`.
            hx: (h_0, c_0), each (S, B, H), without a batch (S, H); zeros where not given.

        Raises:
            ValueError: an input or a state that does not fit, with what was expected and found.
            RuntimeError: under torch.fx, where the module is the whole of what is traced.
        """  # noqa: DOC501, as what is caught and raised again is told by what raised it
        if isinstance(input, Proxy):
            return left_whole(self, input, hx)
        try:
            if torch.jit.is_tracing():
                return traced(self, lambda: self._run(input, hx))
            return self._run(input, hx)
        except FAILURES as error:
            refused = misfit(self, input, None, None)
            if refused is None:
                raise
            raise ValueError(refused) from error

    def _run(self, given: Any, hx: Any) -> tuple[Any, tuple[Tensor, Tensor]]:
        sru, packed, batched = self.sru, None, True
        if isinstance(given, PackedSequence):
            packed = _packed.unpacked(given)
            x_LBD = packed.x_LBD
            sru.check_input(x_LBD)
        else:
            batched = given.dim() != 2
            sru.check_input(given.unsqueeze(1) if not batched else given, sru.batch_first and batched)
            x_LBD = given.unsqueeze(1) if not batched else given.transpose(0, 1) if sru.batch_first else given
        c0 = None if hx is None else self._c0(hx, x_LBD, batched)
        outputs, c_n = sru.run_layers(x_LBD, c0, None if packed is None else packed.padding_LB)
        h_n = torch.stack([self._last(h, packed) for h in outputs])
        found, states = outputs[-1], (self._unfold(h_n), self._unfold(c_n))
        if packed is not None:
            return packed.pack(found), states
        if not batched:
            return found.squeeze(1), (states[0].squeeze(1), states[1].squeeze(1))
        return found.transpose(0, 1) if sru.batch_first else found, states

    def _c0(self, hx: Any, x_LBD: Tensor, batched: bool) -> Tensor:
        """The c_0 of a pair of states that fit the input, (layers, B, directions * H).

        Raises:
            ValueError: they do not.
        """
        batch = (x_LBD.size(1),) if batched else ()
        wanted = (self.num_layers * self._directions, *batch, self.hidden_size)
        pair = f"hx: expected a pair (h_0, c_0) of tensors {wanted}, found "
        require(isinstance(hx, tuple | list), pair + f"a single {type(hx).__name__}")
        require(len(hx) == 2, pair + f"{len(hx)} of them")
        for name, value in zip(("h_0", "c_0"), hx, strict=True):
            told = misfit_state(name, value, x_LBD)
            require(told is None, told or "")
            require(value.shape == wanted, f"{name}: expected {wanted}, found {tuple(value.shape)}")
        c_SBH = hx[1] if batched else hx[1].unsqueeze(1)
        folded = c_SBH.unflatten(0, (self.num_layers, self._directions))
        return folded.transpose(1, 2).flatten(2)

    def _last(self, h_LBH: Tensor, packed: _packed.Unpacked | None) -> Tensor:
        """Each direction's output at the last step it took."""
        if packed is None:
            end = h_LBH[-1]
        else:
            end = h_LBH[packed.lengths_B - 1, torch.arange(h_LBH.size(1), device=h_LBH.device)]
        size = self.hidden_size
        return torch.cat([end[:, :size], h_LBH[0, :, size:]], -1)

    def _unfold(self, c: Tensor) -> Tensor:
        """(layers, B, directions * H) to (S, B, H)."""
        return c.unflatten(-1, (self._directions, self.hidden_size)).transpose(1, 2).flatten(0, 1)

    @property
    def input_size(self) -> int:
        """D."""
        return int(self.sru.input_size)

    @property
    def hidden_size(self) -> int:
        """H."""
        return int(self.sru.hidden_size)

    @property
    def num_layers(self) -> int:
        """Layers, each of one or two directions."""
        return int(self.sru.num_layers)

    @property
    def bidirectional(self) -> bool:
        """Whether there are two."""
        return bool(self.sru.bidirectional)

    @property
    def batch_first(self) -> bool:
        """Whether inputs and outputs are (B, L, ...)."""
        return bool(self.sru.batch_first)

    @batch_first.setter
    def batch_first(self, value: bool) -> None:
        self.sru.batch_first = value

    @property
    def dropout(self) -> float:
        """The SRU's."""
        return float(self.sru.dropout)

    @dropout.setter
    def dropout(self, value: float) -> None:
        self.sru.dropout = value

    @property
    def all_weights(self) -> list[list[nn.Parameter]]:
        """The SRU's, by layer; both directions of a layer are in one tensor."""
        found: list[list[nn.Parameter]] = self.sru.all_weights
        return found

    @property
    def _directions(self) -> int:
        return 2 if self.bidirectional else 1

    def flatten_parameters(self) -> None:
        """Nothing has to be done: the weights of a layer are one matrix."""

    def reset_parameters(self) -> None:
        """Draws all weights anew."""
        self.sru.reset_parameters()

    def extra_repr(self) -> str:
        """As `nn.LSTM` says it."""
        return str(self.sru.extra_repr())

    def __prepare_scriptable__(self) -> None:
        refuse_script(self)

    def __getattr__(self, name: str) -> Any:
        if name.startswith(("weight_ih_l", "weight_hh_l", "weight_hr_l", "bias_ih_l", "bias_hh_l")):
            raise AttributeError(
                f"{name}: an SRU has no such weights; each layer of .sru.layers has weight, weight_c and bias"
            )
        return super().__getattr__(name)
