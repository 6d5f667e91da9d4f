"""What the wrappers of torch.nn's own recurrent modules share.

Shapes: L time, B batch, D input, H output features.
"""

from typing import Any, Unpack

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence
from torch.utils._pytree import tree_map_only

from .. import ops
from ._base import ModelSettings, State, require
from ._entry import entry
from ._padding import check_padding
from ._recurrent import RecurrentStack, StackOptions


def _beyond_onednn() -> frozenset[torch.dtype]:
    asked = {torch.bfloat16: "_is_mkldnn_bf16_supported", torch.float16: "_is_mkldnn_fp16_supported"}
    answers = {kind: getattr(torch.ops.mkldnn, name, None) for kind, name in asked.items()}
    return frozenset(kind for kind, answer in answers.items() if answer is not None and not answer())


BEYOND_ONEDNN = _beyond_onednn()
"""The types that oneDNN cannot compute on this processor, where autocast asks it all the same: it has them with AVX-512
only."""


class TorchRNNConfig(ModelSettings):
    """Settings of the LSTM and GRU baselines, as torch.nn names them."""

    hidden_size: int = Field(ge=1)
    num_layers: int = Field(ge=1)
    dropout: float = Field(ge=0, lt=1)
    bidirectional: bool


class _InType(torch.autograd.Function):
    """Weights in a type, next to each other in memory; their gradients in theirs."""

    @staticmethod
    def forward(ctx: Any, kind: torch.dtype, *weights: Tensor) -> tuple[Tensor, ...]:
        ctx.kind = weights[0].dtype
        ctx.set_materialize_grads(False)
        return tuple(value.detach() for value in ops.casts.together(weights, kind))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
        there = [grad for grad in grads if grad is not None]
        found = iter(ops.casts.one_piece(there, ctx.kind) if there else [])
        return None, *(None if grad is None else next(found) for grad in grads)


class TorchRNN(RecurrentStack):
    """An encoder around `torch.nn.LSTM` or `torch.nn.GRU` (oneDNN on the CPU, cuDNN on CUDA).

    Raises:
        ValueError: a size below 1, or a `dropout` that is no probability below 1.
    """

    Config = TorchRNNConfig
    uses_ops = False
    pads_anywhere = False
    takes_packed = True
    kind: type[nn.LSTM] | type[nn.GRU]

    def __init__(
        self, input_size: int, hidden_size: int, num_layers: int = 2, **options: Unpack[StackOptions]
    ) -> None:
        super().__init__(input_size, hidden_size, num_layers, **options)
        self.rnn: Any = self.kind(input_size, hidden_size, num_layers, bidirectional=self.bidirectional)
        self.set_dropout(self.dropout)

    def set_dropout(self, dropout: float) -> None:
        """See `RecurrentStack`."""
        # torch.nn warns about dropout in a single layer, which has no "between".
        self.rnn.dropout = dropout if self.rnn.num_layers > 1 else 0.0
        self.draws_alone = self.rnn.dropout > 0  # cuDNN does, on CUDA

    @property
    def all_weights(self) -> list[list[nn.Parameter]]:
        """Parameters by layer and direction."""
        found: list[list[nn.Parameter]] = self.rnn.all_weights
        return found

    def flatten_parameters(self) -> None:
        """For cuDNN, in one piece of memory."""
        self.rnn.flatten_parameters()

    @entry
    def forward(
        self, x_LBD: Tensor, state: State = None, padding_LB: Tensor | None = None
    ) -> tuple[Tensor, State]:
        """Returns (h_LBH, state), the state being torch.nn's: h_n or (h_n, c_n).

        Either is (S, B, hidden_size), S being num_layers * directions.

        Args:
            x_LBD: the input, or a `PackedSequence`, which torch.nn reads itself.
            state: what the call before returned, or None for zeros.
            padding_LB: True at padded steps, behind each sequence only (they are packed away); no row may be empty.

        Raises:
            ValueError: padding anywhere else, or a shape or state that does not fit.
        """
        self.check_kind(state)
        if padding_LB is None:
            h, last = self._call(x_LBD, state)
            return h, last
        self.check_input(x_LBD)
        check_padding(x_LBD, padding_LB)
        lengths_B = (~padding_LB).sum(0)
        steps_L1 = torch.arange(x_LBD.size(0), device=x_LBD.device).unsqueeze(1)
        trailing = bool((padding_LB == (steps_L1 >= lengths_B)).all()) and int(lengths_B.min()) > 0
        require(
            trailing,
            "padding: torch.nn's recurrent modules take it only behind sequences of at least one step",
        )
        packed = pack_padded_sequence(x_LBD, lengths_B.cpu(), enforce_sorted=False)
        h, last = self._call(packed, state)
        return pad_packed_sequence(h, total_length=x_LBD.size(0))[0], last

    def check_kind(self, state: Any) -> None:
        """Refuses what is no state of such a module at all; of sizes torch.nn speaks.

        Raises:
            ValueError: neither None nor the tensors that the module's state is made of.
        """
        raise NotImplementedError

    def _call(self, x: Any, state: State) -> tuple[Any, State]:
        """The module on a padded batch or a packed one."""
        values = x.data if isinstance(x, PackedSequence) else x
        device = "cuda" if values.is_cuda else "cpu"
        if (values.is_cuda or values.is_cpu) and torch.is_autocast_enabled(device):
            kind = torch.get_autocast_dtype(device)
            if values.is_cuda or kind in BEYOND_ONEDNN:
                return self._in_type(x, state, kind)
        found: tuple[Any, State] = self.rnn(x, state)
        return found

    def _in_type(self, x: Any, state: State, kind: torch.dtype) -> tuple[Any, State]:
        """The same with input, state and weights in a type, the weights in the one piece of memory that cuDNN wants.
        Autocast alone would take float16 for cuDNN's recurrent modules, whatever its own type is, and their small
        gradients would vanish there; and it would lay the weights out anew at every call. On a CPU it calls oneDNN's
        LSTM, which refuses a type that the processor lacks; torch's own code knows them all."""
        device = x.data.device.type if isinstance(x, PackedSequence) else x.device.type
        with torch.autocast(device, enabled=False):
            x, state = x.to(kind), tree_map_only(Tensor, lambda value: value.to(kind), state)
            weights = self.rnn._flat_weights
            compiling = torch.compiler.is_compiling()
            self.rnn._flat_weights = (
                [weight.to(kind) for weight in weights] if compiling else [*_InType.apply(kind, *weights)]
            )
            try:
                found: tuple[Any, State] = self.rnn(x, state)
            finally:
                self.rnn._flat_weights = weights
        return found
