"""The piece that trains one run on two GPUs, where there is one."""

import pytest
import torch

from sru_repro.gpu_check import SectionOptions
from sru_repro.gpu_check.plan import Skipped
from sru_repro.gpu_check.ranks import together


def test_one_gpu_is_said_to_be_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(Skipped, match=r"^there is one GPU$"):
        together(SectionOptions("correct", "out", "cuda"), 1.0)
