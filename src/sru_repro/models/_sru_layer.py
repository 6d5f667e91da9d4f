"""What a layer of SRU and a layer of SRU++ have in common: everything behind the product (SRU paper, section 3).

Shapes: L time, B batch, D input features, H = directions * hidden_size columns, k matrices.
"""

import math

import torch
from torch import Tensor, nn

from .. import ops
from ._base import sequence_mask


class ElementwiseLayer(nn.Module):
    """Peephole weights, biases, highway and norm around the fused recurrence; a subclass makes the product U.

    Args as in `SRU`. `matrices` is k: 3, or 4 with a skip matrix where input and output sizes differ.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        dropout: float,
        bidirectional: bool,
        highway_bias: float,
        layer_norm: str | None,
        has_skip_term: bool,
        rescale: bool,
        activation: str = "identity",
        v1: bool = False,
    ) -> None:
        super().__init__()
        columns = hidden_size * (2 if bidirectional else 1)
        self.input_size, self.columns, self.bidirectional = input_size, columns, bidirectional
        self.dropout, self.activation, self.v1 = dropout, activation, v1
        self.has_skip_term, self.highway_bias, self.norm_place = has_skip_term, highway_bias, layer_norm
        self.matrices = 4 if has_skip_term and input_size != columns else 3
        # Section 3.3: alpha keeps the variance of the highway branch at initialisation; it is a constant.
        self.alpha = math.sqrt(1 + 2 * math.exp(highway_bias)) if rescale and has_skip_term else 1.0
        self.weight_c = None if v1 else nn.Parameter(torch.empty(2, columns))
        self.bias = nn.Parameter(torch.empty(2, columns))
        size = {"pre": input_size, "post": columns}.get(layer_norm or "")
        self.layer_norm = nn.LayerNorm(size) if size else None

    @torch.no_grad()
    def reset_vectors(self, weight_c: float) -> None:
        """Peephole weights uniform up to `weight_c`, biases zero but for the highway's, norms the identity."""
        if self.layer_norm is not None:
            self.layer_norm.reset_parameters()
        if self.weight_c is not None:
            self.weight_c.uniform_(-1, 1).mul_(weight_c)
        self.bias[0] = 0
        self.bias[1] = self.highway_bias

    def product_input(self, x_LBD: Tensor) -> Tensor:
        """What goes into the product: the input, normalised by a norm before the layer."""
        return self.layer_norm(x_LBD) if self.layer_norm is not None and self.norm_place == "pre" else x_LBD

    def highway_mask(self, batch: int) -> Tensor | None:
        """The dropout mask (B, H) of the highway; drawn before anything else of the layer, as the authors do."""
        if not (self.training and self.dropout > 0):
            return None
        return sequence_mask(batch, self.columns, self.dropout, self.bias)

    def recur(
        self,
        u_LBN: Tensor,
        x_LBD: Tensor,
        c0_BH: Tensor | None,
        mask_BH: Tensor | None,
        padding_LB: Tensor | None,
    ) -> tuple[Tensor, Tensor]:
        """From the product (N = k * H) and the layer's input, for the highway, to (h_LBH, c_n (B, H))."""
        length, batch, _ = x_LBD.shape
        skip_is_input = self.has_skip_term and self.matrices == 3
        h_LBH, c_n = ops.recurrence(
            "sru_v1" if self.v1 else "sru",
            u_LBN.view(length, batch, self.matrices, self.columns),
            x_LBD if skip_is_input else None,
            self.weight_c,
            self.bias,
            c0_BH,
            mask_BD=mask_BH,
            padding_LB=padding_LB,
            activation=self.activation,
            skip_scale=self.alpha if skip_is_input else 1.0,
            bidirectional=self.bidirectional,
        )
        if self.layer_norm is not None and self.norm_place == "post":
            h_LBH = self.layer_norm(h_LBH)
            if padding_LB is not None:
                h_LBH = h_LBH.masked_fill(padding_LB.unsqueeze(-1), 0.0)
        return h_LBH, c_n
