"""The state that a language model hands on: from segment to segment, and to no other epoch or split."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch

from sru_repro.tasks.lm import LanguageModel
from sru_repro.training.config import RunConfig
from sru_repro.training.module import TaskModule
from sru_repro.training.run import train


@pytest.mark.parametrize(("method", "split"), [("training_step", "train"), ("_split_step", "val and test")])
def test_every_segment_but_the_first_begins_with_the_state_of_the_one_before(
    method: str,
    split: str,
    configured: Callable[..., RunConfig],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    original, read = getattr(TaskModule, method), LanguageModel.step
    passes: list[list[tuple[Any, Any]]] = []  # of each the states that a segment was given and left
    inside = False

    def step(self: LanguageModel, batch: Any, carry: Any) -> Any:
        found = read(self, batch, carry)
        if inside:
            if carry is None:
                passes.append([])
            passes[-1].append((carry, found.carry))
        return found

    def counted(self: TaskModule, *values: Any) -> Any:
        nonlocal inside
        inside = True
        result = original(self, *values)
        inside = False
        return result

    monkeypatch.setattr(LanguageModel, "step", step)
    monkeypatch.setattr(TaskModule, method, counted)
    train(configured("lm", "trainer.max_epochs=2", "task.eval_unroll=20"), tmp_path, [])
    if split == "train":
        assert [len(segments) for segments in passes] == [5, 5]
    else:
        assert len(passes) >= 3 and max(map(len, passes)) > 1
    for segments in passes:
        for (_, left), (given, _) in pairwise(segments):
            assert torch.equal(given, left) and left.abs().max() > 0 and not given.requires_grad
