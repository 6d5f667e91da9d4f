"""A layer of Transformer-XL: attention by content and by relative position, then a network on each step.

Shapes: L time, M remembered steps, T = M + L keys, N distances, B batch, H features, h heads of size d.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .. import ops


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

    def keys_values(self, inputs_TBH: Tensor) -> tuple[Tensor, Tensor]:
        """k and v', (T, B, H) each."""
        k, v = ops.linear(inputs_TBH, self.key_value.weight).chunk(2, -1)
        return k, v

    def forward(
        self,
        x_LBH: Tensor,
        keys_TBH: Tensor,
        values_TBH: Tensor,
        relative_NH: Tensor,
        content_hd: Tensor,
        position_hd: Tensor,
        unseen: Tensor | None,
        column_T: Tensor | None = None,
    ) -> Tensor:
        """The layer's output (L, B, H).

        Args:
            x_LBH: the layer's input.
            keys_TBH: k of memory and segment.
            values_TBH: v' of both.
            relative_NH: W_r R of the distances T - 1, T - 2, ..., down to -1 or, where queries look ahead, 1 - L.
            content_hd: u, (h, d).
            position_hd: v, (h, d).
            unseen: True where a query (rows) does not see a key; (L, T), or (B, 1, L, T).
            column_T: for a single query, the row of `relative_NH` that belongs to each key; then they may be in any
                order.
        """
        heads = (self.num_heads, x_LBH.size(-1) // self.num_heads)
        q_LBhd = ops.linear(x_LBH, self.query.weight).unflatten(-1, heads)
        q_content = q_LBhd + content_hd.to(q_LBhd.dtype)
        # torch's attention scales the product with the keys only.
        q_position = (q_LBhd + position_hd.to(q_LBhd.dtype)) * heads[1] ** -0.5
        relative_hdN = relative_NH.to(q_LBhd.dtype).unflatten(-1, heads).permute(1, 2, 0)
        # One product for each head and all rows of the batch: W_r R is not copied for every row.
        score = torch.bmm(q_position.permute(2, 1, 0, 3).flatten(1, 2), relative_hdN)
        score_hBLN = score.unflatten(1, (x_LBH.size(1), len(x_LBH)))
        if column_T is None:
            bias_BhLT = by_key(score_hBLN, len(keys_TBH)).transpose(0, 1)
        else:
            bias_BhLT = score_hBLN.index_select(-1, column_T).transpose(0, 1)
        if unseen is not None:
            bias_BhLT = bias_BhLT.masked_fill(unseen, -torch.inf)
        q, k, v = (
            part_TBhd.permute(1, 2, 0, 3)
            for part_TBhd in (q_content, keys_TBH.unflatten(-1, heads), values_TBH.unflatten(-1, heads))
        )
        dropout = self.attn_dropout if self.training else 0.0
        attended_BhLd = F.scaled_dot_product_attention(q, k, v, attn_mask=bias_BhLT, dropout_p=dropout)
        attended_LBH = ops.linear(attended_BhLd.permute(2, 0, 1, 3).flatten(-2), self.out.weight)
        y_LBH = self.attention_norm(x_LBH + self.dropout(attended_LBH))
        inner = self.dropout(F.relu(ops.linear(y_LBH, self.inner.weight, self.inner.bias)))
        return self.inner_norm(y_LBH + self.dropout(ops.linear(inner, self.outer.weight, self.outer.bias)))


def by_key(score: Tensor, keys: int) -> Tensor:
    """From scores by distance (..., L, N) to scores by key (..., L, T), as a view.

    Column n stands for distance T - 1 - n, and query i is at distance M + i - j from key j: column L - 1 - i + j. So
    each row starts one column further left than the row before, which is a step of N - 1 through the rows laid end
    to end. A key further ahead than N has distances for gets what the next row begins with, and must not be seen.
    """
    length, distances = score.shape[-2:]
    flat = score.flatten(-2)[..., length - 1 : length - 1 + length * (distances - 1)]
    return flat.unflatten(-1, (length, distances - 1))[..., :keys]


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

        `make(reach)` makes the table, whose reach doubles as a text grows step by step.
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
