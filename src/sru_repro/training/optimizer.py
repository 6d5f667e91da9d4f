"""The optimisers, by the names of the configuration."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from .config import OptimConfig

CLASSES: dict[str, type[torch.optim.Optimizer]] = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "adamax": torch.optim.Adamax,
    "radam": torch.optim.RAdam,
    "sgd": torch.optim.SGD,
}
FUSED = frozenset({"adam", "adamw", "sgd"})
"""Those whose whole step torch runs in one kernel; the arithmetic is the same."""


def make_optimizer(parameters: Iterable[nn.Parameter], config: OptimConfig) -> torch.optim.Optimizer:
    """The optimiser over the parameters that are trained at all.

    On CUDA its step waits for nothing the host knows, so that it can be part of a graph: rate and counts of steps are
    tensors there, in float32. RAdam's first rates differ a little by that, by 0.6 % at step 6, 0.015 % at step 100.
    """
    trained = [p for p in parameters if p.requires_grad]
    options = options_of(config, trained[0].device if trained else torch.device("cpu"))
    optimizer = CLASSES[str(options.pop("name"))](trained, **options)
    # torch would warn that this costs something where no graph is captured.
    optimizer._warned_capturable_if_run_uncaptured = True
    return optimizer


def options_of(config: OptimConfig, device: torch.device) -> dict[str, Any]:
    """The class (`name`, see `CLASSES`) and the arguments of its constructor."""
    on_cuda = device.type == "cuda"
    options: dict[str, Any] = {"lr": config.lr, "weight_decay": config.weight_decay}
    if on_cuda:
        options["lr"] = torch.tensor(config.lr, device=device)
    name: str = config.name
    if name != "sgd":
        options["betas"] = config.betas
    if config.decoupled and name == "adam":
        name = "adamw"  # which is just that
    if config.decoupled and name == "radam":
        options["decoupled_weight_decay"] = True
    # On a CPU, Lightning refuses to clip in mixed precision when the step is fused; on CUDA `clip` does it.
    if name in FUSED and (on_cuda or not config.clip_norm):
        options["fused"] = True
    if on_cuda and name != "sgd":
        options["capturable"] = True
    return options | {"name": name}


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """The learning rate of the steps to come; where it is a tensor, on CUDA always, a graph reads it."""
    for group in optimizer.param_groups:
        place = group["params"][0].device
        if place.type == "cuda" and not isinstance(group["lr"], Tensor):  # so says a checkpoint of a CPU
            group["lr"] = torch.tensor(rate, device=place)
            if "capturable" in group:
                group["capturable"] = True
        if isinstance(group["lr"], Tensor):
            group["lr"] = group["lr"].to(place)  # a checkpoint brings it on the CPU
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate


def _with_gradients(optimizer: torch.optim.Optimizer) -> list[Tensor]:
    return [p for group in optimizer.param_groups for p in group["params"] if p.grad is not None]


def gradient_norm(optimizer: torch.optim.Optimizer) -> Tensor:
    """That of all gradients together."""
    grads = [weight.grad for weight in _with_gradients(optimizer) if weight.grad is not None]
    return torch.nn.utils.get_total_norm(grads)


def clip(
    optimizer: torch.optim.Optimizer, most: float, scale: Tensor | None, norm: Tensor | None = None
) -> None:
    """Shrinks all gradients together to a norm of at most `most`, without a wait; `norm` is what they have.

    `scale`: what the gradients have been multiplied by against underflow, where they have, and still are: a fused step
    divides them itself. Gradients that are not finite stay so, and their step is left out.
    """
    weights = _with_gradients(optimizer)
    norm = gradient_norm(optimizer) if norm is None else norm
    torch.nn.utils.clip_grads_with_norm_(weights, most, norm if scale is None else norm / scale)
