"""What a training step tells besides its loss: norm of the gradients, scale of float16, memory of the GPU, and the
part of the time in which it waited for its batch."""

import math
import time
from typing import Any

import torch
from torch import Tensor


class StepGauges:
    """Noted on the device in every step, also in a recorded one, and read where figures are read anyway. A step that is
    repeated notes the same again.

    Args:
        device: of the training.
        skipped: steps that were left out before.
    """

    def __init__(self, device: torch.device, skipped: float = 0.0) -> None:
        self.norm, self.skipped, self.last_scale = torch.zeros(3, dtype=torch.float64, device=device)
        self.skipped.fill_(skipped)
        self.data = DataWait()

    @torch.no_grad()
    def gradients(self, norm: Tensor, scale: Tensor | None) -> None:
        """The norm of all gradients of a step, which are multiplied by `scale` where there is one."""
        self.norm.copy_(norm if scale is None else norm / scale)

    @torch.no_grad()
    def scaled(self, scale: Tensor) -> None:
        """The scale of a step's loss. It falls where the step before was left out, as a gradient was not finite."""
        self.skipped.add_(scale < self.last_scale)
        self.last_scale.copy_(scale)

    def read(self, scaler: Any) -> dict[str, float]:
        """The figures by their keys; waits for the device."""
        found = memory(self.norm.device)
        if math.isfinite(norm := float(self.norm)) and norm > 0:
            found["optim/grad_norm"] = norm
        if scaler is not None:
            found["optim/scale"] = float(scaler.get_scale())
            found["optim/skipped_steps"] = float(self.skipped)
        return found


def memory(device: torch.device) -> dict[str, float]:
    """Bytes of the GPU that tensors take now, and the most so far, without a wait; nothing on a CPU."""
    if device.type != "cuda":
        return {}
    return {
        "gpu/allocated_bytes": float(torch.cuda.memory_allocated(device)),
        "gpu/peak_bytes": float(torch.cuda.max_memory_allocated(device)),
    }


class DataWait:
    """Seconds between two batches, in which the next one was made: what else stands between them is left out."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._since: float | None = None

    def ends(self) -> None:
        """A batch is through."""
        self._since = time.perf_counter()

    def starts(self, training: bool) -> None:
        """The next one is there; `training`: nothing else has been done meanwhile."""
        if self._since is not None and training:
            self.seconds += time.perf_counter() - self._since
        self._since = None
