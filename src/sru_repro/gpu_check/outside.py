"""What is seen from outside: accesses to memory by compute-sanitizer, and a run that is stopped and goes on."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from ..core.errors import DataError, RunError
from ..record import Record, read_record
from .plan import Options, Skipped

TOOL = "compute-sanitizer"
STEPS, STEPS_REHEARSED = 800, 40


def sanitizer(options: Options, seconds: float) -> dict[str, Any]:
    """No access outside the tensors, none to what nobody wrote: memcheck and initcheck."""
    tool = shutil.which(TOOL)
    if tool is None:
        raise Skipped(f"{TOOL} was not found in PATH")
    notes: list[str] = []
    calls: re.Match[str] | None = None
    # Without PyTorch's cache every tensor is an allocation of its own, whose ends are watched.
    surroundings = os.environ | {"PYTORCH_NO_CUDA_MEMORY_CACHING": "1"}
    end = time.monotonic() + seconds
    for check in ("memcheck", "initcheck"):
        left_s = end - time.monotonic()
        words = [tool, "--tool", check, "--error-exitcode", "9"]
        if check == "memcheck":  # a thread's first launch is refused once, and enters its context then
            words += ["--report-api-errors", "no"]
        words += [sys.executable, "-m", "sru_repro.gpu_check.sanitized", options.device]
        output, status = _watched(words, left_s, surroundings)
        if status is None:
            if not notes:
                raise RunError(f"{check} was not through after {left_s:.0f} s")
            notes.append(f"{check}: no time left")
            break
        if status and "not supported" in output:
            raise Skipped(f"{TOOL} does not work here: {_finding(output, status)}")
        if status:
            raise RunError(f"{check}: {_finding(output, status)}")
        calls = re.search(r"^(\d+) calls$", output, re.MULTILINE)
        notes.append(f"{check}: no error")
    return {"cases": int(calls[1]) if calls else 0, "note": ", ".join(notes)}


def _watched(words: list[str], seconds: float, surroundings: dict[str, str]) -> tuple[str, int | None]:
    """What a command says, and its status; None where it was not through in time. Nothing of it is left running."""
    process = subprocess.Popen(
        words,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=surroundings,
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=max(1.0, seconds))
        return output, process.returncode
    except subprocess.TimeoutExpired:
        return "", None
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def _finding(output: str, status: int) -> str:
    """The first of what the tool says is wrong."""
    lines = [line.strip("= ").strip() for line in output.splitlines()]
    words = ("not supported", "Invalid", "Uninitialized", "Error", "error", "finite")
    return next((line for line in lines if any(word in line for word in words)), f"status {status}")


def resume(options: Options, seconds: float) -> dict[str, Any]:
    """A training that is ended by SIGTERM and goes on ends with the weights of one that was left alone, bit by bit."""
    steps = STEPS_REHEARSED if options.rehearse else STEPS
    end = time.monotonic() + max(seconds, 75.0)
    with tempfile.TemporaryDirectory() as folder:
        whole, stopped = Path(folder, "whole"), Path(folder, "stopped")
        started = [_start(options, whole, steps), _start(options, stopped, steps)]
        try:
            at = _stop_midway(started[1], stopped, end)
            _wait(started[0], whole, end)
            started.append(_start(options, stopped, steps))
            _wait(started[2], stopped, end)
        finally:
            for process in started:
                process.kill()
        expected, found = (_weights(place) for place in (whole, stopped))
        wrong = [name for name, value in expected.items() if not torch.equal(value, found[name])]
        if wrong:
            off = max(float((expected[name] - found[name]).abs().max()) for name in wrong)
            raise RunError(
                f"{len(wrong)} of {len(expected)} weights differ, by {off:.2g} at most: {wrong[0]} first"
            )
        key = "test/bpc"
        one, other = (read_record(place)["metrics"][key] for place in (whole, stopped))
        if one != other:
            raise RunError(f"{key}: {one} without and {other} with a stop, though all weights are equal")
    return {"cases": len(expected), "note": f"stopped after {at:.0%} of {steps} steps"}


def _start(options: Options, folder: Path, steps: int) -> "subprocess.Popen[bytes]":
    words = [sys.executable, "-m", "sru_repro", "train"]
    words += ["experiment=quickstart/sru", "logger=csv", "resume=true"]
    words += [f"trainer={options.device}", f"trainer.max_steps={steps}", "trainer.max_seconds=0"]
    words += [f"trainer.validate_every={steps // 4}", f"hydra.run.dir={folder}", "model.dropout=0.1"]
    words += ["profile=smoke", "trainer.max_epochs=0"]
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "log.txt").open("a") as log:
        return subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log)


def _stop_midway(process: "subprocess.Popen[bytes]", folder: Path, end: float) -> float:
    """Sends SIGTERM after the first validation; how far the run was."""
    while process.poll() is None and time.monotonic() < end:
        record = _record(folder)
        if record.get("epochs"):
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=max(1.0, end - time.monotonic()))
            break
        time.sleep(0.02)
    record = _record(folder)
    if record.get("state") != "interrupted":
        raise RunError(
            f"expected a run to be stopped, found it {record.get('state', 'not begun')}: {_last(folder)}"
        )
    return float((record.get("progress") or {}).get("fraction", 0.0))


def _wait(process: "subprocess.Popen[bytes]", folder: Path, end: float) -> None:
    try:
        status = process.wait(timeout=max(1.0, end - time.monotonic()))
    except subprocess.TimeoutExpired:
        process.kill()
        raise RunError("the training was not through in its time") from None
    if status:
        raise RunError(f"the training ended with status {status}: {_last(folder)}")


def _record(folder: Path) -> Record:
    try:
        return read_record(folder)
    except DataError:
        return {}


def _last(folder: Path) -> str:
    """The last word of a run."""
    lines = (folder / "log.txt").read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else "no word from it"


def _weights(folder: Path) -> dict[str, torch.Tensor]:
    content = torch.load(folder / "checkpoints/last.ckpt", map_location="cpu", weights_only=True)
    return {name: value for name, value in content["state_dict"].items() if isinstance(value, torch.Tensor)}
