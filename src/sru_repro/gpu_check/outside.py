"""What is seen from outside: accesses to memory by compute-sanitizer, and a run that is stopped and goes on."""

import re
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from ..core.errors import DataError, RunError
from ..core.process import Process, Training, stop
from ..records.run import RunRecord, read_record
from .plan import Checked, SectionOptions, Skipped, Unfinished

TOOL = "compute-sanitizer"
STEPS, STEPS_REHEARSED = 800, 40


def sanitizer(options: SectionOptions, seconds: float) -> Checked:
    """No access outside the tensors, none to what nobody wrote: memcheck and initcheck."""
    tool = shutil.which(TOOL)
    if tool is None:
        raise Skipped(f"{TOOL} was not found in PATH")
    notes: list[str] = []
    calls: re.Match[str] | None = None
    # Without PyTorch's cache every tensor is an allocation of its own, whose ends are watched.
    environment = {"PYTORCH_NO_CUDA_MEMORY_CACHING": "1"}
    end = time.monotonic() + seconds
    for check in ("memcheck", "initcheck"):
        left_s = end - time.monotonic()
        args = [tool, "--tool", check, "--error-exitcode", "9"]
        if check == "memcheck":  # a thread's first launch is refused once, and enters its context then
            args += ["--report-api-errors", "no"]
        args += [sys.executable, "-m", "sru_repro.gpu_check.sanitized", options.device]
        output, status = _watched(args, left_s, environment)
        if status is None:
            if not notes:
                raise Unfinished(f"{check} was not through after {left_s:.0f} s", {})
            notes.append(f"{check}: no time left")
            break
        if status and "not supported" in output:
            raise Skipped(f"{TOOL} does not work here: {_finding(output, status)}")
        if status:
            raise RunError(f"{check}: {_finding(output, status)}")
        calls = re.search(r"^(\d+) calls$", output, re.MULTILINE)
        notes.append(f"{check}: no error")
    return {"cases": int(calls[1]) if calls else 0, "note": ", ".join(notes)}


def _watched(args: Sequence[str], seconds: float, environment: Mapping[str, str]) -> tuple[str, int | None]:
    """What a command says, and its status; None where it was not through in time. Nothing of it is left running."""
    with tempfile.TemporaryDirectory() as folder:
        process = Process(args, Path(folder, "log.txt"), environment, own_group=True)
        try:
            status = process.wait(max(1.0, seconds))
        finally:
            stop([process], 0.0)
        return process.output(), status


def _finding(output: str, status: int) -> str:
    """The first of what the tool says is wrong."""
    lines = [line.strip("= ").strip() for line in output.splitlines()]
    signs = ("not supported", "Invalid", "Uninitialized", "Error", "error", "finite")
    return next((line for line in lines if any(sign in line for sign in signs)), f"status {status}")


def resume(options: SectionOptions, seconds: float) -> Checked:
    """A training that is ended by SIGTERM and goes on ends with the weights of one that was left alone, bit by bit."""
    steps = STEPS_REHEARSED if options.rehearse else STEPS
    end = time.monotonic() + (3600.0 if options.rehearse else max(seconds, 75.0))
    with tempfile.TemporaryDirectory() as folder:
        whole, stopped = Path(folder, "whole"), Path(folder, "stopped")
        started = [_start(options, whole, steps), _start(options, stopped, steps)]
        try:
            at = _stop_midway(started[1], end)
            _wait(started[0], end)
            started.append(_start(options, stopped, steps))
            _wait(started[2], end)
        finally:
            stop(started, 0.0)
        expected, found = (_weights(place) for place in (whole, stopped))
        wrong = [name for name, value in expected.items() if not torch.equal(value, found[name])]
        if wrong:
            off = max(float((expected[name] - found[name]).abs().max()) for name in wrong)
            raise RunError(
                f"{len(wrong)} of {len(expected)} weights differ, by {off:.2g} at most: {wrong[0]} first"
            )
        key = "test/bpc"
        one, other = (read_record(place).metrics[key] for place in (whole, stopped))
        if one != other:
            raise RunError(f"{key}: {one} without and {other} with a stop, though all weights are equal")
    return {"cases": len(expected), "note": f"stopped after {at:.0%} of {steps} steps"}


def _start(options: SectionOptions, folder: Path, steps: int) -> Training:
    overrides = ["experiment=quickstart/sru", "logger=csv", "resume=true", "profile=smoke"]
    overrides += [f"trainer={options.device}", f"trainer.max_steps={steps}", "trainer.max_seconds=0"]
    overrides += [f"trainer.validate_every={steps // 4}", "trainer.max_epochs=0", "model.dropout=0.1"]
    return Training(overrides, folder)


def _stop_midway(run: Training, end: float) -> float:
    """Sends SIGTERM after the first validation; how far the run was."""
    while run.poll() is None and time.monotonic() < end:
        if (record := _record(run)) and record.epochs:
            run.send(signal.SIGTERM)
            run.wait(max(1.0, end - time.monotonic()))
            break
        time.sleep(0.02)
    record = _record(run)
    if run.poll() is None:
        raise Unfinished("no validation was seen in its time", {})
    if record is None or record.state != "interrupted":
        state = record.state if record else "not begun"
        raise RunError(f"expected a run to be stopped, found it {state}: {run.last_line()}")
    return float(record.progress.fraction) if record.progress else 0.0


def _wait(run: Training, end: float) -> None:
    status = run.wait(max(1.0, end - time.monotonic()))
    if status is None:
        raise Unfinished("the training was not through in its time", {})
    if status:
        raise RunError(f"the training ended with status {status}: {run.last_line()}")


def _record(run: Training) -> RunRecord | None:
    try:
        return read_record(run.folder)
    except DataError:
        return None


def _weights(folder: Path) -> dict[str, torch.Tensor]:
    content = torch.load(folder / "checkpoints/last.ckpt", map_location="cpu", weights_only=True)
    return {name: value for name, value in content["state_dict"].items() if isinstance(value, torch.Tensor)}
