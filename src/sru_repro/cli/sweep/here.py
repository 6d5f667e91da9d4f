"""A member that trains in this process, one after the other: for many runs of seconds on a GPU that is lent by the
minute, of which each would take longer to start than to train. What ends this process ends them all."""

import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, redirect_stderr, redirect_stdout
from pathlib import Path

from hydra.core.global_hydra import GlobalHydra
from hydra.core.singleton import Singleton

from .. import main

ONE_PROCESS = "SRU_REPRO_ONE_PROCESS"
"""The variable by which the GPU check asks for it."""


class Here:
    """A training like `core.process.Training` that has ended when it has been made."""

    def __init__(
        self, words: Sequence[str], folder: Path, side_by_side: int, variables: Mapping[str, str]
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        state, args = Singleton.get_state(), sys.argv  # Hydra's, of the sweep that is under way
        before = {name: os.environ.get(name) for name in variables}
        GlobalHydra.instance().clear()
        os.environ.update(variables)
        self.status = 0
        try:
            with ExitStack() as stack:
                log = stack.enter_context((folder / "log.txt").open("a", encoding="utf-8"))
                stack.enter_context(redirect_stdout(log))
                stack.enter_context(redirect_stderr(log))
                main(["train", *words, f"hydra.run.dir={folder}"])
        except SystemExit as end:
            self.status = int(end.code or 0)
        finally:
            sys.argv = args
            Singleton.set_state(state)
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value

    def poll(self) -> int:
        """The exit status."""
        return self.status

    def wait(self, seconds: float) -> int:
        """The exit status."""
        return self.status
