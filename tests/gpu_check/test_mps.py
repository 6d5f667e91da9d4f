"""The multi-process service: begun, tried, ended; and done without where it cannot be had."""

import os
import sys
from pathlib import Path

import pytest

from sru_repro.gpu_check import mps

DAEMON = """#!{python}
import os, sys, time
folder = os.environ["CUDA_MPS_PIPE_DIRECTORY"]
ready, leave = (os.path.join(folder, name) for name in ("ready", "leave"))
log = open({log!r}, "a", buffering=1)
if sys.argv[1:] == ["-f"]:
    log.write("start " + folder + "\\n")
    if {refuses}:
        sys.exit("An instance of this daemon is already running")
    time.sleep(0.5)
    open(ready, "w").close()
    while not os.path.exists(leave):
        time.sleep(0.05)
elif not os.path.exists(ready):
    sys.exit("Cannot find MPS control daemon process")
elif sys.stdin.read() == "quit\\n":
    log.write("quit\\n")
    open(leave, "w").close()
elif os.path.exists(os.path.join(folder, "client")):
    print(4711)
"""
CLIENT = f"import os; open(os.path.join(os.environ['{mps.PIPES}'], 'client'), 'w').close()"


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the pretended daemon was told."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv(mps.PIPES, raising=False)
    return tmp_path / "log.txt"


def install(log: Path, refuses: bool = False) -> None:
    tool = log.parent / mps.TOOL
    tool.write_text(DAEMON.format(python=sys.executable, log=str(log), refuses=refuses))
    tool.chmod(0o755)


def test_runs_share_the_gpu_while_the_service_lasts(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(log)
    monkeypatch.setattr(mps, "PROBE", CLIENT)
    with mps.shared() as how:
        assert how == "runs share the GPU through the multi-process service"
        folder = os.environ[mps.PIPES]
        assert os.environ[mps.LOGS] == folder and Path(folder).is_dir()
    assert mps.PIPES not in os.environ and mps.LOGS not in os.environ and not Path(folder).exists()
    assert log.read_text().splitlines() == [f"start {folder}", "quit"]
    with pytest.raises(KeyError), mps.shared():
        raise KeyError
    assert log.read_text().splitlines()[-1] == "quit" and mps.PIPES not in os.environ


def test_runs_take_turns_where_it_is_not_there_or_does_not_work(
    log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with mps.shared() as how:
        assert how == f"runs take turns: {mps.TOOL} was not found in PATH"
    install(log, refuses=True)
    with mps.shared() as how:
        assert how == f"runs take turns: {mps.TOOL}: An instance of this daemon is already running"
        assert mps.PIPES not in os.environ
    install(log)
    for probe, why in (
        ("import sys; sys.exit('no CUDA')", "a process that was to share the GPU: no CUDA"),
        ("import time; time.sleep(60)", "a process that was to share the GPU: no answer"),
        ("pass", f"{mps.TOOL}: no server was begun"),
    ):
        monkeypatch.setattr(mps, "PROBE", probe)
        monkeypatch.setattr(mps, "PROBE_S", 0.5 if "sleep" in probe else 20.0)
        with mps.shared() as how:
            assert how == f"runs take turns: {why}" and mps.PIPES not in os.environ
        assert log.read_text().splitlines()[-1] == "quit"


def test_a_service_of_the_machine_is_left_alone(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(log)
    monkeypatch.setenv(mps.PIPES, "/somewhere")
    with mps.shared() as how:
        assert how == "runs share the GPU through the service that this machine has"
    assert not log.exists() and os.environ[mps.PIPES] == "/somewhere"
