"""How long the encoders of a run take by themselves, as the SRU paper tells it for SQuAD (Table 2): forwards and
backwards over a sample of the training batches, scaled to an epoch."""

import time

import pytorch_lightning as pl
import torch
from pytorch_lightning.utilities import move_data_to_device

from ..tasks import Batches, Task

SAMPLE = 48
"""Batches, evenly spread over the split: where it is sorted by length, long ones count as often as they occur."""

WARM_UP = 3


def encoder_seconds(
    trainer: pl.Trainer, task: Task, batches: Batches, device: torch.device, sample: int = SAMPLE
) -> float | None:
    """Seconds an epoch in the encoders, forwards and backwards; None where the task does not tell them apart.

    Weights stay as they are, gradients are dropped.
    """
    number = len(batches)
    sample = min(sample, number)
    picked = [int((i + 0.5) * number / sample) for i in range(sample)]
    plugin, was_training = trainer.precision_plugin, task.training
    task.to(device).train()
    total = 0.0
    for place, index in enumerate(picked[:1] * WARM_UP + picked):
        batch = move_data_to_device(plugin.convert_input(batches[index]), device)
        with plugin.forward_context():
            encoders = task.encoder_pass(batch)  # their inputs are made here, outside the clock
            if encoders is None:
                break
            started = _now(device)
            scalar = encoders()
        scalar.backward()
        total += _now(device) - started if place >= WARM_UP else 0.0
    task.zero_grad(set_to_none=True)
    task.train(was_training)
    return total / sample * number if total else None


def _now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()
