"""The other process of the tests of ranks: trains what it is told, a line each, as one of a launcher's processes.

A line is {"words": configuration, "folder": its own, "resume": bool, "what": "sigterm" | "nan" | "bug" | "",
"at": batch}.
"""

import json
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from sru_repro.cli.compose import composed
from sru_repro.core.errors import SuiteError
from sru_repro.core.interrupt import Interrupted
from sru_repro.training.run import train


def _misled(what: str, at: int) -> None:
    """Has something happen in the training of a batch, counted from 1; as ever where nothing is named."""
    from sru_repro.training.module import TaskModule

    calls = iter(range(1, 1_000_000))

    def call(self: TaskModule, batch: Any, batch_idx: int) -> Any:
        now = next(calls) == at
        if now and what == "sigterm":
            os.kill(os.getpid(), signal.SIGTERM)
        if now and what == "bug":
            raise ValueError("a model's own")
        if now and what == "nan":
            step = self.task.step
            self.task.step = lambda *values: replace(step(*values), loss=step(*values).loss * float("nan"))  # type: ignore[method-assign]
        return ORIGINAL(self, batch, batch_idx)

    TaskModule.training_step = call  # type: ignore[method-assign]


if __name__ == "__main__":
    import torch

    from sru_repro.training.module import TaskModule

    torch.set_num_threads(1)
    ORIGINAL = TaskModule.training_step
    for line in sys.stdin:
        told = json.loads(line)
        _misled(told["what"], told["at"])
        try:
            ended: str = train(composed(told["words"]), Path(told["folder"]), [], told["resume"]).state
        except (SuiteError, Interrupted, SystemExit) as error:
            ended = f"{type(error).__name__} {error}"
        print(ended, flush=True)
