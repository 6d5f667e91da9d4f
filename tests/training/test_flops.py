"""The operations of a training step: counted, against what the sizes of the weights say."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from sru_repro.models import SRU, State
from sru_repro.training.flops import flop_per_step

TRAINER: Any = SimpleNamespace(
    precision_plugin=SimpleNamespace(
        convert_input=lambda batch: batch, forward_context=lambda: torch.autocast("cpu", enabled=False)
    )
)
L, B, D, H = 20, 4, 24, 32


class Sum(nn.Module):
    """A task that adds up what an encoder says."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def step(self, batch_LBD: Tensor, carry: State) -> Any:
        found = self.encoder(batch_LBD.requires_grad_())
        return SimpleNamespace(loss=(found[0] if isinstance(found, tuple) else found).sum(), carry=None)


def count(encoder: nn.Module, batches: list[Tensor], accumulate: int = 1) -> float:
    task: Any = Sum(encoder)
    return flop_per_step(TRAINER, task, batches, torch.device("cpu"), accumulate)


@pytest.mark.parametrize(
    ("build", "more"),
    [
        (lambda: nn.Linear(D, H), 0.0),
        (lambda: nn.LSTM(D, H, 2), 0.0),
        (lambda: nn.LSTM(D, H, bidirectional=True), 0.0),
        (lambda: SRU(D, H, 2), 0.1),  # the recurrence's own operations
    ],
)
def test_every_weight_counts_six_operations_a_token(build: Callable[[], nn.Module], more: float) -> None:
    encoder = build()
    matrices = sum(w.numel() for w in encoder.parameters() if w.dim() == 2 and len(w) > 2)
    products = 6 * L * B * matrices
    found = count(encoder, [torch.randn(L, B, D)])
    assert products <= found <= (1 + more) * products
    assert all(weight.grad is None for weight in encoder.parameters())
    assert count(encoder, [torch.randn(L, B, D)], accumulate=3) == 3 * found


def test_batches_of_different_lengths_count_by_their_mean() -> None:
    encoder = nn.Linear(D, H)
    found = count(encoder, [torch.randn(length, B, D) for length in (10, 20, 30)])
    assert found == 6 * 20 * B * D * H
