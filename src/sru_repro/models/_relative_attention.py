"""A layer of Transformer-XL (Dai et al., ACL 2019, section 3.3): attention by content and by relative position, then a
network on each step.

Shapes: L time, M remembered steps, T = M + L keys, N distances, B batch, H features, h heads of size d.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .. import ops
from . import _blocks
from ._block_scores import Positions
from ._product import tensors
from ._rows import by_head
from ._sight import Sight
from ._slots import Place


class RelativeLayer(nn.Module):
    """Relative attention, then a network on each step; after each the input is added and the sum normalised."""

    def __init__(
        self, hidden_size: int, num_heads: int, inner_size: int, dropout: float, attn_dropout: float
    ) -> None:
        super().__init__()
        self.num_heads, self.attn_dropout = num_heads, attn_dropout
        self.query = nn.Linear(hidden_size, hidden_size, bias=False)
        self.key_value = nn.Linear(hidden_size, 2 * hidden_size, bias=False)
        self.relative = nn.Linear(hidden_size, hidden_size, bias=False)
        self.out = nn.Linear(hidden_size, hidden_size, bias=False)
        self.attention_norm = nn.LayerNorm(hidden_size)
        self.inner, self.outer = nn.Linear(hidden_size, inner_size), nn.Linear(inner_size, hidden_size)
        self.inner_norm = nn.LayerNorm(hidden_size)
        self.dropout = nn.Dropout(dropout)

    def keys_values(self, inputs_TBH: Tensor) -> Tensor:
        """k and v' side by side, (T, B, 2 H)."""
        return ops.linear(inputs_TBH, *tensors(self.key_value))

    def forward(
        self,
        x_LBH: Tensor,
        keys_TBH: Tensor,
        values_TBH: Tensor | None,
        relative_NH: Tensor,
        content_hd: Tensor,
        position_hd: Tensor,
        sight: Sight,
        padding_LB: Tensor | None = None,
        place: Place | None = None,
    ) -> Tensor:
        """The layer's output (L, B, H).

        Args:
            x_LBH: the layer's input.
            keys_TBH: k of memory and segment; beside them v', (T, B, 2 H), where `values_TBH` is None.
            values_TBH: v' of both.
            relative_NH: W_r R of the distances T - 1, T - 2, ..., down to -1 or, where queries look ahead, 1 - L.
            content_hd: u, (h, d).
            position_hd: v, (h, d).
            sight: which keys a query sees.
            padding_LB: True at steps that none but themselves see.
            place: of a single query, whose keys are slots; then `relative_NH` begins with distance 0, and rises.
        """
        heads = (self.num_heads, x_LBH.size(-1) // self.num_heads)
        q_LBhd = ops.linear(x_LBH, *tensors(self.query)).unflatten(-1, heads)
        q_content, q_position = (
            (q_LBhd + vector_hd.to(q_LBhd.dtype)).flatten(-2) for vector_hd in (content_hd, position_hd)
        )
        relative_NH = relative_NH.to(q_LBhd.dtype)
        if x_LBH.size(0) == 1:
            attended_LBH = self._one_step(q_content, q_position, keys_TBH, values_TBH, relative_NH, place)
        else:
            attended_LBH = _blocks.attend(
                q_content,
                keys_TBH,
                values_TBH,
                self.num_heads,
                sight,
                padding_LB=padding_LB,
                dropout=self.attn_dropout if self.training else 0.0,
                positions=Positions(q_position, relative_NH),
            )
        y_LBH = self.attention_norm(x_LBH + self.dropout(ops.linear(attended_LBH, *tensors(self.out))))
        inner = self.dropout(F.relu(ops.linear(y_LBH, *tensors(self.inner))))
        return self.inner_norm(y_LBH + self.dropout(ops.linear(inner, *tensors(self.outer))))

    def _one_step(
        self,
        content_1BH: Tensor,
        position_1BH: Tensor,
        keys_TBH: Tensor,
        values_TBH: Tensor | None,
        relative_NH: Tensor,
        place: Place | None,
    ) -> Tensor:
        """What a single query gets, which sees all keys; distances are in their order already, but for slots."""
        if values_TBH is None:
            keys_TBH, values_TBH = keys_TBH.chunk(2, -1)
        q_Bh1d, k_BhTd, v_BhTd, position_Bh1d = (
            by_head(t, self.num_heads) for t in (content_1BH, keys_TBH, values_TBH, position_1BH)
        )
        relative_hdT = relative_NH[: len(keys_TBH)].unflatten(-1, (self.num_heads, -1)).permute(1, 2, 0)
        # One product for each head and all rows of the batch; torch's attention scales that with the keys only.
        score_hBT = torch.bmm(position_Bh1d.squeeze(2).transpose(0, 1), relative_hdT)
        if place is not None:
            score_hBT = score_hBT.index_select(-1, place.age_S).masked_fill(~place.seen_S, -torch.inf)
        score_Bh1T = score_hBT.transpose(0, 1).unsqueeze(2) * q_Bh1d.size(-1) ** -0.5
        dropout = self.attn_dropout if self.training else 0.0
        attended_Bh1d = F.scaled_dot_product_attention(
            q_Bh1d, k_BhTd, v_BhTd, attn_mask=score_Bh1T, dropout_p=dropout
        )
        return attended_Bh1d.permute(2, 0, 1, 3).flatten(-2)


def sinusoids(distance_N: Tensor, size: int, dtype: torch.dtype) -> Tensor:
    """R (N, size): sines, then cosines; computed in float32 or wider."""
    work = torch.float64 if dtype == torch.float64 else torch.float32
    exponent = torch.arange(0, size, 2, device=distance_N.device, dtype=work) / size
    angle = distance_N.to(work).unsqueeze(-1) * 10000.0**-exponent
    return torch.cat([angle.sin(), angle.cos()], -1)[:, :size].to(dtype)


class Table:
    """W_r R of every layer for the distances reach, ..., 0, -1, made once for many calls of evaluation.

    It depends on the weights alone, and would cost more than all else in a step of generation. It serves while the
    weights are the same tensors in the same version; `forget` is for changes that count as no new version.
    """

    def __init__(self) -> None:
        self.kept: tuple[Any, list[Tensor], list[Tensor]] | None = None

    def forget(self) -> None:
        """The next call makes it again."""
        self.kept = None

    def rows(
        self, weights: list[Tensor], keys: int, most: int, make: Callable[[int], list[Tensor]]
    ) -> list[Tensor]:
        """The products (T + 1, H) of every layer for T - 1, ..., 0, -1, where none above `most` differs from it.

        Args:
            weights: W_r of every layer, (H, H), by which it is known whether they have changed.
            keys: T.
            most: the distance in steps from which on the products are the same.
            make: makes the table for a reach, which doubles as a text grows step by step.
        """
        kind = weights[0].device.type
        autocast = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else None
        mark = (autocast, [(id(weight), weight._version) for weight in weights])
        if self.kept is None or self.kept[0] != mark or len(self.kept[2][0]) - 2 < min(most, keys - 1):
            # Holding the weights too: no other tensor can get their ids.
            self.kept = (mark, weights, make(min(most, 2 * keys)))
        tables = self.kept[2]
        reach = len(tables[0]) - 2
        if keys - 1 <= reach:
            return [table[reach - keys + 1 :] for table in tables]
        row_N = torch.arange(reach - keys + 1, reach + 2, device=tables[0].device).clamp(min=0)
        return [table[row_N] for table in tables]
