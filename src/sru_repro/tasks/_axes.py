"""Word vectors in few bytes: along the axes on which the loss depends, eight bits an axis.

A classifier reads of a vector only some directions. Those are found from the gradients of the loss by the vectors, G =
E[g g'] (an empirical Fisher matrix), and the vectors are written along the first principal axes of W G^(1/2), W being
the vectors weighted by the logarithm of how often their words occur. That keeps more of what a trained model sees in a
vector than the principal axes of the vectors alone, and asks nothing of the model but gradients.

Shapes: V vocabulary, D features, K axes.
"""

from typing import NamedTuple

import torch
from torch import Tensor

LEVELS = 127
"""Steps from zero to the largest number on an axis."""
EVEN = 0.1
"""Weight of a direction that no gradient points to, beside the mean of all: gradients are a sample."""
LEAST = 1e-9


class OnAxes(NamedTuple):
    """Vectors of words: `codes_VK` (int8) times `axes_KD`, plus `mean_D`."""

    codes_VK: Tensor
    axes_KD: Tensor
    mean_D: Tensor

    def vectors(self) -> Tensor:
        """(V, D), float32."""
        return self.codes_VK.float() @ self.axes_KD.float() + self.mean_D.float()


def on_axes(
    weight_VD: Tensor, counts_V: Tensor, gradients_DD: Tensor, axes: int, dtype: torch.dtype
) -> OnAxes:
    """The vectors along the `axes` that matter most to the loss.

    Args:
        weight_VD: the vectors.
        counts_V: how often each word occurs.
        gradients_DD: the sum of g g' over gradients g of the loss by a vector that was read.
        axes: K, at most D.
        dtype: of axes and mean.
    """
    weight_VD, share_V = weight_VD.double(), torch.log1p(counts_V.double()) + EVEN
    share_V = share_V / share_V.sum()
    mean_D = share_V @ weight_VD
    even_DD = torch.eye(weight_VD.size(1), dtype=torch.float64)
    scale = gradients_DD.diagonal().mean().clamp(min=torch.finfo(torch.float64).tiny)
    values_D, vectors_DD = torch.linalg.eigh(gradients_DD.double() / scale + EVEN * even_DD)
    root_D = values_D.clamp(min=LEAST).sqrt()
    seen_VD = (weight_VD - mean_D) @ (vectors_DD * root_D)
    _, along_DD = torch.linalg.eigh((seen_VD * share_V.unsqueeze(1)).T @ seen_VD)
    along_DK = along_DD.flip(1)[:, :axes]
    numbers_VK = seen_VD @ along_DK
    step_K = numbers_VK.abs().amax(0).clamp(min=LEAST) / LEVELS
    axes_KD = step_K.unsqueeze(1) * (along_DK.T @ (vectors_DD / root_D).T)
    codes_VK = (numbers_VK / step_K).round().clamp(-LEVELS, LEVELS).to(torch.int8)
    return OnAxes(codes_VK, axes_KD.to(dtype), mean_D.to(dtype))
