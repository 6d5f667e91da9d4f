"""The weights of a product that `sru_repro.ops` computes, as a module under the names of `torch.nn.Linear`."""

from torch import Tensor, nn


class Product(nn.Linear):
    """Its product is computed elsewhere, by `ops.linear` or as a part of `ops.layer`, from `tensors`.

    Pruning and the older norms of weights make a weight anew when the module is called. It never is: what would be
    called is called by `tensors`, or they would go on with the weight that they made first.
    """

    def tensors(self) -> tuple[Tensor, Tensor | None]:
        """Weight and bias of the moment."""
        for hook in self._forward_pre_hooks.values():
            hook(self, ())
        return self.weight, self.bias
