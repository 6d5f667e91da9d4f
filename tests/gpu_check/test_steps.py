"""Section `steps`: what is said of rows that were trained as they are and as graphs; it is rehearsed in
tests/cli/test_gpu_check.py."""

from pathlib import Path

import pytest
import torch

from sru_repro.gpu_check import steps
from sru_repro.training.weights import LAST


def test_weights_that_end_apart_are_wrong(tmp_path: Path) -> None:
    for name, value in (("one", 1.0), ("other", 1.1)):
        (tmp_path / name / "checkpoints").mkdir(parents=True)
        state = {"a": torch.ones(4), "b": torch.full((3,), value)}
        torch.save({"state_dict": state}, tmp_path / name / LAST)
    assert steps._apart(tmp_path / "one", tmp_path / "other") == pytest.approx(0.1)
    assert steps._apart(tmp_path / "one", tmp_path / "one") == 0


def test_the_pace_is_that_of_the_end(tmp_path: Path) -> None:
    """By then everything is recorded; points of a validation have no pace."""
    lines = ["step,throughput/step_ms", "1,50.0", "2,9.0", "3,3.0", "3,", "4,2.5"]
    (tmp_path / "metrics.csv").write_text("\n".join(lines) + "\n")
    assert steps._pace(tmp_path) == 2.5
