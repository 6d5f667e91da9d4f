"""Processes that end, hang, die or are interrupted: what is told of them, and that nothing of them is left."""

import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from sru_repro.core import cores
from sru_repro.core.interrupt import Interrupted
from sru_repro.core.process import Process, Training, stop, wait_all

STUBBORN = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, lambda *_: print("no", flush=True))
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"])
print(child.pid, flush=True)
while True: time.sleep(0.05)
"""
"""Starts another process, and does not end when it is asked to."""


def script(code: str, log: Path | None = None, own_group: bool = False) -> Process:
    return Process([sys.executable, "-c", code], log, own_group=own_group)


def until(true: Callable[[], object]) -> None:
    end = time.monotonic() + 20
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


def is_there(pid: int) -> bool:
    """Whether a process runs; one that has ended and was not asked for its status does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_it_ends_with_its_status_and_its_last_line(tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    process = script("import sys; print('one'); print('two', file=sys.stderr); sys.exit(3)", log)
    assert process.wait(20) == process.poll() == 3
    assert sorted(process.output().split()) == ["one", "two"]
    again = script("print('three\\n')", log)
    assert wait_all([process, again], 20) and again.poll() == 0
    assert again.last_line() == "three" and "one" in again.output()
    silent = script("", tmp_path / "other.txt")
    assert silent.wait(20) == 0 and silent.last_line() == "it said nothing"


def test_it_dies_of_a_signal(tmp_path: Path) -> None:
    process = script("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", tmp_path / "log.txt")
    assert process.wait(20) == -signal.SIGKILL and process.last_line() == "it said nothing"


def test_it_hangs_and_is_ended_with_what_it_started(tmp_path: Path) -> None:
    process = script(STUBBORN, tmp_path / "log.txt", own_group=True)
    until(process.output)
    child = int(process.output())
    assert process.wait(0.1) is None and not wait_all([process], 0.1) and process.poll() is None
    stop([process], 0.3)
    assert process.poll() == -signal.SIGKILL and "no" in process.output()
    until(lambda: not is_there(child))


def test_what_a_process_leaves_of_its_group_is_ended_with_it(tmp_path: Path) -> None:
    code = "import subprocess; print(subprocess.Popen(['sleep', '1000']).pid)"
    process = script(code, tmp_path / "log.txt", own_group=True)
    assert process.wait(20) == 0
    child = int(process.output())
    assert is_there(child)
    stop([process], 5.0)
    until(lambda: not is_there(child))


def test_without_patience_asked_for_it_ends_by_itself(tmp_path: Path) -> None:
    saves = (
        "import signal, sys, time\n"
        "def save(*_): time.sleep(0.5); print('saved'); sys.exit(143)\n"
        "signal.signal(signal.SIGTERM, save); print('here', flush=True); time.sleep(1000)"
    )
    processes = [script(saves, tmp_path / f"{name}.txt") for name in "ab"]
    for process in processes:
        until(process.output)
    stop(processes)
    assert [process.poll() for process in processes] == [143, 143]
    assert [process.last_line() for process in processes] == ["saved", "saved"]


def test_an_interruption_while_it_is_being_stopped_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = script(STUBBORN, tmp_path / "log.txt", own_group=True)
    until(process.output)

    def interrupted(seconds: float) -> None:
        monkeypatch.undo()
        raise Interrupted(signal.SIGTERM)

    monkeypatch.setattr(time, "sleep", interrupted)
    with pytest.raises(Interrupted):
        stop([process], 100.0)
    assert process.poll() == -signal.SIGKILL


@pytest.mark.parametrize("side_by_side", [1, 3])
def test_a_training_is_told_its_folder_and_its_share(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, side_by_side: int
) -> None:
    program = tmp_path / "python"
    program.write_text('#!/bin/sh\necho "$@"\necho "$OMP_NUM_THREADS" "$SRU_REPRO_SIDE_BY_SIDE" "$MINE"\n')
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    monkeypatch.setattr(cores, "cores", lambda: 7)
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    monkeypatch.setenv("MINE", "kept")
    folder = tmp_path / "deep" / "run"
    run = Training(["seed=1", "resume=true"], folder, side_by_side)
    assert run.wait(20) == 0
    said: Sequence[str] = (folder / "log.txt").read_text().splitlines()
    assert said[0] == f"-m sru_repro train seed=1 resume=true hydra.run.dir={folder}"
    assert said[1].split() == (["5", "kept"] if side_by_side == 1 else ["2", "3", "kept"])


def test_a_process_can_be_told_by_its_number() -> None:
    process = script("import time; time.sleep(1000)")
    assert os.getpgid(process.pid) == os.getpgid(0), "Ctrl-C reaches it too"
    process.send(signal.SIGINT)
    assert process.wait(20) in (-signal.SIGINT, 1)
