"""Mixed precision, which is what `trainer=auto` means on a GPU, tried on the CPU."""

import math
from collections.abc import Callable
from pathlib import Path

import pytest

from sru_repro.training.config import RunConfig
from sru_repro.training.run import train


@pytest.mark.slow
@pytest.mark.parametrize("model", ["sru", "qrnn", "lstm"])
@pytest.mark.parametrize("task", ["sst", "lm"])
def test_bf16_trains_and_comes_close_to_float32(
    task: str, model: str, configured: Callable[..., RunConfig], tmp_path: Path
) -> None:
    """The language model clips its gradients, which Lightning refuses in mixed precision with a fused step."""
    losses = []
    for precision in ("32-true", "bf16-mixed"):
        words = (f"model={model}", f"trainer.precision={precision}", "trainer.max_epochs=1")
        record = train(configured(task, *words), tmp_path / precision, []).plain()
        assert record["config"]["trainer"]["precision"] == precision
        losses.append(record["metrics"]["test/loss"])
    assert math.isclose(*losses, rel_tol=0.02)
    assert losses[0] != losses[1]
