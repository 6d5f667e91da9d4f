"""What a layer of SRU and a layer of SRU++ have in common: the last product and all behind it (SRU paper, section 3).

Shapes: L time, B batch, D input features, H = directions * hidden_size columns, k matrices, n features
that go into the product.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from .. import ops
from ._base import require, sequence_mask
from ._recurrent import RecurrentStack


@dataclass(frozen=True)
class Recurrence:
    """What the recurrences of all layers of a stack have in common; the arguments of `SRU` of these names.

    Raises:
        ValueError: a place of the norm or an activation that does not exist.
    """

    bidirectional: bool
    highway_bias: float
    layer_norm: str | None
    has_skip_term: bool
    rescale: bool
    activation: str = "identity"
    v1: bool = False

    def __post_init__(self) -> None:
        for name, known in (("layer_norm", (None, "pre", "post")), ("activation", ("identity", "tanh"))):
            found, expected = getattr(self, name), ", ".join(map(str, known[:-1]))
            require(found in known, f"{name}: expected {expected} or {known[-1]}, found {found!r}")


class ElementwiseStack(RecurrentStack):
    """What stacks of SRU and of SRU++ have in common: masks on the highways, none in the last unless asked for."""

    dropout_last = False

    def layer_dropouts(self, dropout: float) -> list[tuple[int, float]]:
        """(input size, dropout of the highway) of every layer."""
        last = len(self.input_sizes) - 1
        return [
            (size, dropout if place < last or self.dropout_last else 0.0)
            for place, size in enumerate(self.input_sizes)
        ]

    def set_dropout(self, dropout: float) -> None:
        """See `RecurrentStack`."""
        for layer, (_, masked) in zip(self.layers, self.layer_dropouts(dropout), strict=True):
            layer.dropout = masked
            if hasattr(layer, "product_dropout"):
                layer.product_dropout = dropout


class ElementwiseLayer(nn.Module):
    """Peephole weights, biases, highway and norm around the fused recurrence; a subclass has the weight of U.

    Args as in `SRU`. `matrices` is k: 3, or 4 with a skip matrix where input and output sizes differ.
    """

    def __init__(self, input_size: int, hidden_size: int, recurrence: Recurrence, dropout: float) -> None:
        super().__init__()
        columns = hidden_size * (2 if recurrence.bidirectional else 1)
        self.input_size, self.columns, self.bidirectional = input_size, columns, recurrence.bidirectional
        self.dropout, self.activation, self.v1 = dropout, recurrence.activation, recurrence.v1
        self.has_skip_term, self.norm_place = recurrence.has_skip_term, recurrence.layer_norm
        self.highway_bias = recurrence.highway_bias
        self.matrices = 4 if self.has_skip_term and input_size != columns else 3
        # Section 3.3: alpha keeps the variance of the highway branch at initialisation; it is a constant.
        self.alpha = 1.0
        if recurrence.rescale and self.has_skip_term:
            self.alpha = math.sqrt(1 + 2 * math.exp(self.highway_bias))
        self.weight_c = None if self.v1 else nn.Parameter(torch.empty(2, columns))
        self.bias = nn.Parameter(torch.empty(2, columns))
        size = {"pre": input_size, "post": columns}.get(self.norm_place or "")
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
        """What goes into the product: the input (L, B, D), normalised where there is a norm before the layer."""
        return self.layer_norm(x_LBD) if self.layer_norm is not None and self.norm_place == "pre" else x_LBD

    def highway_mask(self, batch: int) -> Tensor | None:
        """The dropout mask (B, H) of the highway; drawn before anything else of the layer, as the authors do."""
        if not (self.training and self.dropout > 0):
            return None
        return sequence_mask(batch, self.columns, self.dropout, self.bias)

    def recur(
        self,
        z_LBn: Tensor,
        weight: Tensor,
        x_LBD: Tensor,
        c0_BH: Tensor | None,
        mask_BH: Tensor | None,
        padding_LB: Tensor | None,
    ) -> tuple[Tensor, Tensor]:
        """From what goes into the product to (h_LBH, c_n (B, H)); SRU paper, section 3, equations 1-4.

        Args:
            z_LBn: what goes into the product, n features.
            weight: of the product, (k * H, n).
            x_LBD: the highway's input.
            c0_BH: the state before the first step; None: zeros.
            mask_BH: the highway's dropout mask, see `highway_mask`.
            padding_LB: True at padded steps.
        """
        skip_is_input = self.has_skip_term and self.matrices == 3
        h_LBH, c_n = ops.layer(
            "sru_v1" if self.v1 else "sru",
            z_LBn,
            weight,
            None,
            x_LBD if skip_is_input else None,
            self.weight_c,
            self.bias,
            c0_BH,
            matrices=self.matrices,
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
