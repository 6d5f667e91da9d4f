"""The papers' sizes: those of the rows, and a whole step of each that runs, in its smallest form; the section is
rehearsed in tests/cli/test_gpu_check.py."""

import pytest
import torch

from sru_repro.cli.compose import composed
from sru_repro.gpu_check import paper_sizes
from sru_repro.gpu_check.paper_sizes import SIZES, TrainingStep


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
