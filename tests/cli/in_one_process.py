"""Sections of `gpu-check` carried out in this process, with what they train: another one takes longer to start."""

import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from sru_repro.cli.sweep.here import Here
from sru_repro.core import cores
from sru_repro.core.process import last_line
from sru_repro.gpu_check import run as gpu_check
from sru_repro.gpu_check import section, side_by_side, training


class TrainingHere(Here):
    """A training in this process, which takes a second; another one takes six to start."""

    def __init__(
        self,
        words: Sequence[str],
        folder: Path,
        side_by_side: int = 1,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder
        share = {cores.SIDE_BY_SIDE: str(side_by_side)} if side_by_side > 1 else {}
        super().__init__(words, folder, side_by_side, {**share, **(environment or {})})

    def last_line(self) -> str:
        """The last line of its log."""
        return last_line(self.folder / "log.txt")

    def send(self, number: signal.Signals) -> None:
        """It has ended."""


def carried_out_here(patch: pytest.MonkeyPatch, *names: str) -> None:
    """These sections are carried out in this process, and the trainings that they start; not the sweeps of `steps`."""
    process = gpu_check._process

    def carried_out(options: Any, caught: Any) -> int:
        if options.section not in names:
            return process(options, caught)
        with pytest.MonkeyPatch.context() as within:
            for module in (training, side_by_side):
                within.setattr(module, "Training", TrainingHere)
            within.setattr(section, "_alarm", lambda seconds: None)  # it would end the tests
            return section.carry_out(options)

    patch.setattr(gpu_check, "_process", carried_out)
