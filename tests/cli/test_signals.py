"""SIGTERM and Ctrl-C: the run is saved and says so, nothing is left running, and the exit status is the customary."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

pytestmark = pytest.mark.slow
Process = Callable[..., subprocess.Popen[str]]

ENDLESS = (
    *("task=quickstart", "profile=smoke", "logger=csv", "trainer=cpu"),
    *("model=gru", "model.hidden_size=8", "trainer.max_epochs=1000000"),
)


def training(folder: Path, process: subprocess.Popen[str]) -> dict[str, Any]:
    """Waits until a run has validated once; its record."""
    until = time.monotonic() + 40
    while time.monotonic() < until and process.poll() is None:
        path = folder / "run.json"
        if path.exists() and (record := json.loads(path.read_text()))["epochs"]:
            return dict(record)
        time.sleep(0.05)
    process.kill()
    raise AssertionError(f"no validation so far: {process.communicate()}")


def test_a_signal_saves_the_run(process: Process, tmp_path: Path) -> None:
    expected = {signal.SIGTERM: 143, signal.SIGINT: 130}
    runs = {number: process("train", *ENDLESS, f"hydra.run.dir={number.name}") for number in expected}
    for number, run in runs.items():
        training(tmp_path / "work" / number.name, run)
        run.send_signal(number)
    for number, run in runs.items():
        folder = tmp_path / "work" / number.name
        _, err = run.communicate(timeout=20)
        assert run.returncode == expected[number], err
        *progress, last = err.splitlines()
        assert (
            last
            == f"sru-repro: interrupted by {number.name}; go on with resume=true hydra.run.dir={number.name}"
        )
        assert all(line.startswith(("quic", "data ", "  ")) for line in progress)
        record = json.loads((folder / "run.json").read_text())
        assert (record["state"], record["error"]) == ("interrupted", f"interrupted by {number.name}")
        saved = torch.load(folder / "checkpoints/last.ckpt", weights_only=True)
        assert saved["global_step"] >= record["epochs"][-1]["step"] and record["wall_s"] > 0


def test_reproduce_stops_its_run_and_goes_on_where_it_was(
    process: Process, sru_repro: Callable[..., Any], tmp_path: Path
) -> None:
    words = (
        *("reproduce", "table=quickstart", "rows=gru", "profile=smoke", "logger=csv", "trainer=cpu"),
        *("model.hidden_size=8", "trainer.max_epochs=0", "trainer.max_seconds=2"),
    )
    folder = tmp_path / "work/runs/quickstart/gru/smoke/seed1"
    first = process(*words)
    pid = training(folder, first)["pid"]
    first.terminate()
    out, err = first.communicate(timeout=20)
    assert first.returncode == 143, err
    assert err.splitlines()[-1] == "sru-repro: interrupted by SIGTERM"
    assert "expected 14 s" in out
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    stopped = json.loads((folder / "run.json").read_text())
    assert stopped["state"] == "interrupted"
    assert "epoch 1" in (folder / "log.txt").read_text()

    second = sru_repro(*words, cwd=tmp_path / "work")
    assert second.status == 0, second.err
    finished = json.loads((folder / "run.json").read_text())
    assert finished["state"] == "finished"
    assert finished["epochs"][: len(stopped["epochs"])] == stopped["epochs"]
    assert finished["throughput"]["step_ms"] * finished["epochs"][-1]["step"] < 3000
    assert "1/1 runs/quickstart/gru/smoke/seed1" in second.err
    assert "runs/quickstart/quickstart.md" in second.out
    lines = (folder / "log.txt").read_text().splitlines()
    told = [line for line in lines if "epoch " in line or "step " in line]
    assert len(told) > 2 and len(told) == len(set(told)), "no line stands twice"
    assert sum("goes on from last.ckpt" in line for line in lines) == 1


def test_a_reader_that_goes_away_is_no_error_of_the_user() -> None:
    """`sru-repro train --help | head -1` says nothing on stderr."""
    command = f"{sys.executable} -m sru_repro train --help | head -1 >/dev/null"
    called = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60)
    assert "sru-repro:" not in called.stderr and "Traceback" not in called.stderr
