"""The optimisers, by the names of the configuration."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

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
    """The optimiser over the parameters that are trained at all."""
    trained = [p for p in parameters if p.requires_grad]
    options: dict[str, Any] = {"lr": config.lr, "weight_decay": config.weight_decay}
    name: str = config.name
    if name != "sgd":
        options["betas"] = config.betas
    if config.decoupled and name == "adam":
        name = "adamw"  # which is just that
    if config.decoupled and name == "radam":
        options["decoupled_weight_decay"] = True
    # Lightning refuses to clip in mixed precision when the step is fused.
    if name in FUSED and not config.clip_norm:
        options["fused"] = True
    return CLASSES[name](trained, **options)
