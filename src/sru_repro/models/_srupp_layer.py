"""A layer of SRU++ (Lei, EMNLP 2021, section 3): attention makes what goes into the product of an SRU.

Shapes: L time, B batch, D input features, P projection (the paper's d'), H columns, k matrices, T keys, S slots.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .. import ops
from . import _attention, _slots
from ._base import AttentionContext
from ._sight import Sight
from ._sru_layer import ElementwiseLayer, Recurrence


class SRUppLayer(ElementwiseLayer):
    """One layer. `projection` is W_q (P, D), `keys_values` W_kv (2 P, P), `weight` W_o (k * H, P), gate-major."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        projection_size: int,
        recurrence: Recurrence,
        dropout: float,
        *,
        attends: bool,
        num_heads: int,
        product_dropout: float,
        attn_dropout: float,
        attention_context: AttentionContext | None,
    ) -> None:
        super().__init__(input_size, hidden_size, recurrence, dropout)
        self.attends, self.num_heads, self.attention_context = attends, num_heads, attention_context
        self.product_dropout, self.attn_dropout = product_dropout, attn_dropout
        self.projection = nn.Parameter(torch.empty(projection_size, input_size))
        self.keys_values = (
            nn.Parameter(torch.empty(2 * projection_size, projection_size)) if attends else None
        )
        self.attention_scale = nn.Parameter(torch.empty(1)) if attends else None
        self.attention_norm = nn.LayerNorm(projection_size)
        self.weight = nn.Parameter(torch.empty(self.matrices * self.columns, projection_size))
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Xavier's uniform weights, those behind the dropout smaller; alpha 0 (the authors' release 3.0.0.dev6)."""
        for matrix in (self.projection, self.keys_values, self.weight):
            if matrix is not None:
                nn.init.xavier_uniform_(matrix)
        self.weight.mul_(math.sqrt(1 - self.product_dropout))
        if self.attention_scale is not None:
            self.attention_scale.zero_()
        self.attention_norm.reset_parameters()
        self.reset_vectors(weight_c=1.0)

    def forward(
        self,
        x_LBD: Tensor,
        c0_BH: Tensor | None,
        inputs_TBD: Tensor | None,
        keys_TBP: Tensor | None,
        padding_LB: Tensor | None,
        place: _slots.Place | None = None,
    ) -> tuple[Tensor, Tensor, Tensor | None, Tensor | None]:
        """Returns (h_LBH, c_n (B, H), inputs (T, B, D), keys (T, B, 2 P)), the last two None where there is none.

        With a `place` the keys are slots, and one step is written into them.
        """
        mask_BH = self.highway_mask(x_LBD.size(1))
        product_input = self.product_input(x_LBD)
        z_LBP = ops.linear(product_input, self.projection)
        inputs, keys = None, None
        if self.attends:
            if place is None:
                attended_LBP, inputs, keys = self._attend(
                    z_LBP, product_input, inputs_TBD, keys_TBP, padding_LB
                )
            else:
                attended_LBP, keys = self._attend_to_slots(z_LBP, keys_TBP, place)
            assert self.attention_scale is not None
            z_LBP = z_LBP + self.attention_scale * attended_LBP
        z_LBP = F.dropout(self.attention_norm(z_LBP), self.product_dropout, self.training)
        h_LBH, c_n = self.recur(z_LBP, self.weight, x_LBD, c0_BH, mask_BH, padding_LB)
        return h_LBH, c_n, inputs, keys

    def _attend(
        self,
        q_LBP: Tensor,
        x_LBD: Tensor,
        inputs_TBD: Tensor | None,
        keys_TBP: Tensor | None,
        padding_LB: Tensor | None,
    ) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """A (L, B, P), and the inputs or the keys and values to keep."""
        assert self.keys_values is not None
        context, training = self.attention_context, self.training
        seen_TBP = q_LBP
        if inputs_TBD is not None:
            # Of a training segment: no gradient goes into it, but one into the weights.
            seen_TBP = torch.cat([ops.linear(inputs_TBD.detach(), self.projection), q_LBP])
        context_TBP = ops.linear(seen_TBP, self.keys_values)
        if keys_TBP is not None:
            context_TBP = torch.cat([keys_TBP, context_TBP])
        window = context.window if context and not training else None
        sight = Sight(q_LBP.size(0), context_TBP.size(0), context is not None, window)
        dropout = self.attn_dropout if training else 0.0
        attended = _attention.attend(q_LBP, context_TBP, self.num_heads, sight, padding_LB, dropout)
        if context is None:
            return attended, None, None
        if not training:
            return attended, None, _attention.last(context_TBP, context.window)
        return attended, _attention.last_of_two(inputs_TBD, x_LBD, context.memory), None

    def _attend_to_slots(
        self, q_1BP: Tensor, keys_SBP: Tensor | None, place: _slots.Place
    ) -> tuple[Tensor, Tensor]:
        """A (1, B, P), and the slots with the keys and values of this step."""
        assert self.keys_values is not None and keys_SBP is not None
        own = ops.linear(q_1BP, self.keys_values)
        keys_SBP.index_copy_(0, place.own_1, own.to(keys_SBP.dtype))
        seen_1S, seen_SBP = place.seen_S.unsqueeze(0), keys_SBP.to(q_1BP.dtype)
        return _attention.fused(q_1BP, seen_SBP, self.num_heads, attn_mask=seen_1S), keys_SBP
