"""One run on two GPUs beside the same run on one: its losses step by step, its figures, and its pace."""

import csv
import tempfile
from pathlib import Path

import torch

from ..core.errors import RunError
from ..core.process import Training, stop, wait_all
from ..records.run import RunRecord, read_record
from .plan import Checked, SectionOptions, Skipped, Unfinished

STEPS, STEPS_REHEARSED = 50, 6
NEAR = 1e-4
"""Of a loss, in float32: sums in another order drift apart a little with each step."""
PATIENCE_S = 60.0


def together(options: SectionOptions, seconds: float) -> Checked:
    """Losses on two GPUs, over NCCL, are those on one; a rehearsal takes two processes on the CPU, over gloo."""
    if options.on_gpu and torch.cuda.device_count() < 2:
        raise Skipped("there is one GPU")
    steps = STEPS_REHEARSED if options.rehearse else STEPS
    with tempfile.TemporaryDirectory() as place:
        folders = {number: Path(place, str(number)) for number in (1, 2)}
        runs = {number: _start(options, folder, steps, number) for number, folder in folders.items()}
        try:
            in_time = wait_all(runs.values(), 3600.0 if options.rehearse else max(seconds, PATIENCE_S))
        finally:
            stop(runs.values(), 4.0)
        if not in_time:
            raise Unfinished("the two trainings were not through in their time", {})
        for number, run in runs.items():
            if run.poll():
                raise RunError(f"on {number} devices: status {run.poll()}: {run.last_line()}")
        one, two = (read_record(folder) for folder in folders.values())
        curves = [_losses(folder) for folder in folders.values()]
    if len(curves[0]) != steps or len(curves[1]) != steps:
        raise RunError(f"expected {steps} losses of each, found {len(curves[0])} and {len(curves[1])}")
    apart = max(abs(a - b) / abs(a) for a, b in zip(*curves, strict=True))
    key = one.headline
    apart = max(apart, abs(one.metrics[key] - two.metrics[key]) / abs(one.metrics[key]))
    if two.ranks is None or two.ranks.world != 2 or apart > NEAR:
        raise RunError(f"two devices differ from one by {apart:.2g} of the loss, expected at most {NEAR:g}")
    paces = ", ".join(f"{_pace(record):,.0f}" for record in (one, two))
    note = (
        f"over {two.ranks.backend}: at most {apart:.1g} of a loss apart in {steps} steps; {paces} symbols/s"
    )
    return {"cases": steps + 1, "note": note}


def _start(options: SectionOptions, folder: Path, steps: int, devices: int) -> Training:
    overrides = ["experiment=quickstart/sru", "logger=csv", "profile=smoke", f"trainer={options.device}"]
    overrides += ["trainer.precision=32-true", "trainer.graph=false", f"trainer.devices={devices}"]
    overrides += [f"trainer.max_steps={steps}", "trainer.max_epochs=0", "trainer.max_seconds=0"]
    return Training([*overrides, "trainer.log_every=1", "model.dropout=0", "task.dropout=0"], folder)


def _losses(folder: Path) -> list[float]:
    with (folder / "metrics.csv").open() as file:
        return [float(line["train/loss"]) for line in csv.DictReader(file) if line.get("train/loss")]


def _pace(record: RunRecord) -> float:
    return float(record.throughput.tokens_per_s or 0.0)
