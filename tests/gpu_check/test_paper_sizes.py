"""The papers' sizes: those of the rows, and a whole step of each that runs, in its smallest form."""

from pathlib import Path
from typing import Any

import pytest
import torch

from sru_repro.cli.compose import composed
from sru_repro.gpu_check import SectionOptions, paper_sizes, section
from sru_repro.gpu_check.paper_sizes import SIZES, TrainingStep
from sru_repro.records.base import read
from sru_repro.records.gpu_page import FoundBlocks, FoundPaperSize, GPUPage


@pytest.mark.parametrize("row", SIZES)
def test_a_step_is_that_of_the_row(row: str) -> None:
    config, size = composed([f"experiment=enwik8/{row}", "profile=paper"]), SIZES[row]
    assert config.model.model_dump(exclude={"class_path"}) == dict(size.model)
    # Steps of evaluation play no part, nor does the rate, which a schedule changes at every step.
    told = {**paper_sizes._TASK, **size.task, "memory": size.task["unroll"]}
    task = config.task.model_dump()
    assert {key for key in told if told[key] != task[key]} <= {"eval_window", "eval_unroll"}
    assert told.keys() == task.keys()
    optim = config.optim.model_dump()
    assert {key for key, value in size.optim.items() if optim[key] != value} <= {"lr"}


@pytest.mark.parametrize("row", SIZES)
def test_a_step_trains(row: str) -> None:
    step = TrainingStep(SIZES[row], torch.device("cpu"), rehearse=True)
    before = [weight.detach().clone() for weight in step.task.parameters()]
    losses = [float(step()) for _ in range(30)]
    assert losses[-1] < losses[0]
    assert all((weight != old).any() for weight, old in zip(step.task.parameters(), before, strict=True))


@pytest.mark.slow
def test_the_section_leaves_steps_and_profiles(tmp_path: Path, capsys: Any) -> None:
    options = SectionOptions("papers", str(tmp_path), "cpu", budget_s=600.0, rehearse=True)
    assert section.carry_out(options) == section.DONE
    page = read(GPUPage, options.page)
    for row, size in SIZES.items():
        piece = page.piece(f"step/{row}")
        assert piece is not None
        found = piece.values
        assert isinstance(found, FoundPaperSize)
        assert found.aim == size.aim and found.share and found.flop > 0
        assert len(found.profile) == paper_sizes.KERNELS
        assert [kernel.ms for kernel in found.profile] == sorted((k.ms for k in found.profile), reverse=True)
        best_s = min(timing.median_s or 0.0 for timing in (found.called, found.graph))
        assert found.share == pytest.approx(
            found.flop / best_s / (found.bfloat16_flop_per_s or 0.0), rel=1e-3
        )
    blocks = page.piece("blocks")
    assert blocks is not None and isinstance(blocks.values, FoundBlocks) and len(blocks.values.blocks) == 9
