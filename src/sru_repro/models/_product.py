"""The weights of a `torch.nn.Linear` whose product `sru_repro.ops` computes, by `linear` or as a part of `layer`."""

from torch import Tensor, nn
from torch.nn.utils.prune import BasePruningMethod
from torch.nn.utils.spectral_norm import SpectralNorm
from torch.nn.utils.weight_norm import WeightNorm


def tensors(linear: nn.Module) -> tuple[Tensor, Tensor | None]:
    """Weight (H, D) and bias (H,) of the moment, from D to H features; the bias None where there is none.

    Pruning and the older norms of weights make a weight anew when the module is called. It never is: they are called
    here, or they would go on with the weight that they made first. Other hooks wait for a call.

    Raises:
        ValueError: another module is in the place of the Linear, as quantisation puts one there.
    """
    if not isinstance(linear, nn.Linear):
        found = f"{type(linear).__module__}.{type(linear).__qualname__}"
        raise ValueError(f"expected a torch.nn.Linear, whose weights are read, found {found}")
    for hook in linear._forward_pre_hooks.values():
        if isinstance(hook, BasePruningMethod | WeightNorm | SpectralNorm):
            hook(linear, ())
    return linear.weight, linear.bias
