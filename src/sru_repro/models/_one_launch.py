"""A step of generation through a whole SRU in one launch, where its settings and the device allow it.

Shapes: l layers, L time (one step), B batch, D input features, H columns.
"""

from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor

from ..ops import stack


def step(
    layers: Sequence[Any], training: bool, x_LBD: Tensor, c0_lBH: Tensor | None, padding_LB: Tensor | None
) -> tuple[Tensor, Tensor] | None:
    """h (1, B, H) and c_n (l, B, H), or None where the layers have to be called one by one.

    `layers` are `SRULayer`s, checked input and state of their sizes. For one step, in evaluation, without gradients,
    norms, factors and directions.
    """
    if training or padding_LB is not None or torch.is_grad_enabled():
        return None
    if x_LBD.device.type not in stack.GPUS or x_LBD.size(0) != 1 or any(map(_more, layers)):
        return None
    activation = layers[0].activation
    found = stack.step([_layer(one) for one in layers], x_LBD[0], c0_lBH, activation == "tanh")
    return None if found is None else (found[0].unsqueeze(0), found[1])


def _more(layer: Any) -> bool:
    """Whether a layer is more than the kernel computes, or somebody wants to see its own call."""
    watched = layer._forward_hooks or layer._forward_pre_hooks
    factors = layer.layer_norm is not None or layer.projection is not None
    return bool(layer.bidirectional or factors or watched)


def _layer(layer: Any) -> stack.Layer:
    skip: Literal["none", "input", "matrix"] = "none"
    if layer.has_skip_term:
        skip = "matrix" if layer.matrices == 4 else "input"
    return stack.Layer(layer.weight, layer.weight_c, layer.bias, skip, layer.alpha)
