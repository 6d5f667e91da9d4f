"""How many operations a step of training does, counted by PyTorch on a few batches: what a GPU's rate is held against.

Products count two operations for each multiplication and addition; the recurrences have formulas of their own
(`ops/library.py`). torch's LSTM and GRU are single operators, which PyTorch's counter does not know: their products are
counted here.
"""

from collections.abc import Sequence
from math import prod
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.utilities import move_data_to_device
from torch.utils.flop_counter import FlopCounterMode

from ..models import detach
from ..tasks import Batches, Task

SAMPLE = 6
"""Batches, evenly spread over the split."""


def flop_per_step(
    trainer: pl.Trainer, task: Task, batches: Batches, device: torch.device, accumulate: int = 1
) -> float:
    """Operations of a step of the optimiser, forwards and backwards. Weights stay, gradients are dropped."""
    number = len(batches)
    sample = min(SAMPLE, number)
    plugin, was_training = trainer.precision_plugin, task.training
    task.to(device).train()
    counter, total, carry = FlopCounterMode(display=False, custom_mapping=_formulas()), 0, None
    for i in range(sample):
        batch = move_data_to_device(plugin.convert_input(batches[int((i + 0.5) * number / sample)]), device)
        if i == 0:  # what a step in the middle of training starts from: attention reads it, too
            with torch.no_grad(), plugin.forward_context():
                carry = detach(task.step(batch, None).carry)
        with counter:  # which begins at zero
            with plugin.forward_context():
                loss = task.step(batch, carry).loss
            loss.backward()
        total += counter.get_total_flops()
    task.zero_grad(set_to_none=True)
    task.train(was_training)
    return total / sample * accumulate


def _formulas() -> dict[Any, Any]:
    """Formulas for the operators of torch's recurrent layers, as far as this build of torch has them."""
    aten = torch.ops.aten
    known = {
        "_cudnn_rnn": lambda x, weights, *rest, **more: _products(x, weights),
        # Gradients of the input and of the weights: each as much as forward.
        "_cudnn_rnn_backward": lambda x, weights, *rest, **more: 2 * _products(x, weights),
        "mkldnn_rnn_layer": lambda x, *weights, **more: _products(x, weights[:2]),
        "mkldnn_rnn_layer_backward": lambda x, *weights, **more: 2 * _products(x, weights[:2]),
    }
    return {getattr(aten, name): formula for name, formula in known.items() if hasattr(aten, name)}


def _products(x_shape: Sequence[int], weight_shapes: Sequence[Any]) -> int:
    """Every matrix multiplies every row of the input: a packed (N, D) or a padded (L, B, D) one."""
    rows = prod(x_shape[:-1])
    return sum(2 * rows * prod(shape) for shape in weight_shapes if len(shape) == 2)
