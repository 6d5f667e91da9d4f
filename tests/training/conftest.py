"""Small runs: configurations that train in a fraction of a second, and a signal at a chosen moment."""

import functools
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from sru_repro.cli.compose import composed
from sru_repro.tasks.sst import SST
from sru_repro.training.config import RunConfig

SMALL = ("profile=smoke", "trainer=cpu", "logger=csv", "model.hidden_size=8", "trainer.max_epochs=3")
SST_WORDS = (
    *("task=sst", "task.train_on=sentences", "task.limit=40", "task.batch_size=8"),
    *("task.vectors=random", "task.vector_size=16", "trainer.log_every=3"),
)
LM_WORDS = (
    *("task=quickstart", "task.max_bytes=20000", "task.batch_size=16", "task.unroll=256"),
    *("task.embedding_size=8", "trainer.log_every=2", "model.dropout=0.3"),
)


@pytest.fixture(autouse=True, scope="package")
def _data_read_once() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SST, "load", functools.cache(SST.load))
        yield


@pytest.fixture(scope="session")
def configured(treebank: Path) -> Callable[..., RunConfig]:
    """`configured("sst" or "lm", "key=value", ...)`: 15 steps in three epochs."""

    def make(task: str, *words: str) -> RunConfig:
        ours = [*SMALL, *(SST_WORDS if task == "sst" else LM_WORDS), f"data_dir={treebank}"]
        kept = [word for word in ours if f"~{word.partition('=')[0]}" not in words]  # no such setting
        return composed([*kept, *(word for word in words if not word.startswith("~"))])

    return make


@pytest.fixture(scope="session")
def happening() -> Callable[..., AbstractContextManager[None]]:
    """`with happening("training_step", 3, what)`: calls `what` in the third call of that method of TaskModule."""
    from sru_repro.training.module import TaskModule

    @contextmanager
    def patched(method: str, count: int, what: Callable[[], object]) -> Iterator[None]:
        original, calls = getattr(TaskModule, method), iter(range(1, 1_000_000))

        def call(self: TaskModule, *values: Any) -> Any:
            result = original(self, *values)
            if next(calls) == count:
                what()
            return result

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(TaskModule, method, call)
            yield

    return patched


@pytest.fixture(scope="session")
def sigterm() -> Callable[[], None]:
    """Sends SIGTERM to this process."""
    return lambda: os.kill(os.getpid(), signal.SIGTERM)
