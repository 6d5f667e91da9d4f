"""A training step asks its device for nothing, in all tasks and models: on CUDA no graph could hold one that waits."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from sru_repro import models
from sru_repro.cli.compose import composed
from sru_repro.training.prepare import build_task, load_data

WAITS = {
    *("_local_scalar_dense", "nonzero", "is_nonzero", "equal", "masked_select", "unique", "_unique2"),
    *(
        "unique_consecutive",
        "unique_dim",
        "bincount",
        "_assert_async",
        "_pad_packed_sequence",
        "_pack_padded_sequence",
    ),
}
"""Operators whose answer, or its size, depends on values."""
SIZES = {
    "cnn": ("model.filters=4",),
    "srupp": ("model.hidden_size=8", "model.projection_size=4"),
    "transformer_xl": ("model.hidden_size=8", "model.num_heads=2", "model.inner_size=12"),
}
SST = ("task=sst", "task.train_on=sentences", "task.limit=40", "task.vectors=random", "task.vector_size=8")
LM = ("task=quickstart", "task.max_bytes=20000", "task.unroll=64", "task.embedding_size=8")
SQUAD = ("task=squad", "task.vectors=random", "task.vector_size=8", "task.batch_size=4")
WAITING = [
    *((model, "squad") for model in ("lstm", "gru")),
    *((model, "masked") for model in ("lstm", "gru")),
]


class Asked(TorchDispatchMode):
    """Keeps the operators of a step that would wait for a device."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        if name in WAITS or (
            name == "index" and any(i is not None and i.dtype == torch.bool for i in args[1])
        ):
            self.found.append(name)
        return func(*args, **(kwargs or {}))


def asked(words: tuple[str, ...], model: str) -> list[str]:
    """What the second training step asks for, forwards and backwards; the first may set something up."""
    sizes = SIZES.get(model, ("model.hidden_size=6",))
    config = composed([*words, f"model={model}", *sizes, "profile=smoke", "trainer=cpu", "logger=csv"])
    data = load_data(config)
    task = build_task(config, data).train()
    batches, carry = task.fitted(data.train), None
    for i in range(2):
        with Asked() as mode:
            step = task.step(batches[i], carry)
            step.loss.backward()
        carry = models.detach(step.carry)
    assert any(weight.grad is not None for weight in task.parameters())
    return mode.found


@pytest.mark.parametrize("model", models.names())
@pytest.mark.parametrize("task", ["left", "masked", "lm", "squad"])
def test_a_step_asks_for_nothing(model: str, task: str, treebank: Path, squad_folder: Path) -> None:
    words = {
        "left": (*SST, "task.padding=left", f"data_dir={treebank}"),
        "masked": (*SST, "task.padding=masked", f"data_dir={treebank}"),
        "lm": LM,
        "squad": (
            *SQUAD,
            *(() if model in ("transformer_xl", "cnn") else ("model.bidirectional=true",)),
            f"data_dir={squad_folder}",
        ),
    }[task]
    if model == "cnn" and task in ("lm", "squad"):
        return  # refused: it has no output for every step
    found = asked(words, model)
    if (model, task) in WAITING:  # packing reads the lengths: such steps stay as they are
        assert found
    else:
        assert found == []


def test_an_adaptive_softmax_asks_for_nothing(tmp_path: Path) -> None:
    (tmp_path / "some.txt").write_text(" ".join(f"word{i * i % 97}" for i in range(4000)))
    words = (
        "task=text",
        f"task.path={tmp_path / 'some.txt'}",
        "task.level=words",
        "task.cutoffs=[8,20]",
        "task.limit=0",
    )
    assert asked((*words, "task.embedding_size=8", "task.batch_size=4", "task.unroll=16"), "sru") == []
