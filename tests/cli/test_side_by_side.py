"""Runs of a campaign side by side and in turns: who works when, and how long it takes."""

import subprocess
import sys
from contextlib import redirect_stderr
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sru_repro.cli import campaign
from sru_repro.cli.bar import Bar, makespan
from sru_repro.core import cores, machine
from sru_repro.core.interrupt import Signals


def test_side_by_side_every_run_has_its_share_of_the_cores_and_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Two processes that wait for each other: they end only when they run at the same time."""
    program = (
        "import os, pathlib, sys, time\n"
        "me, other = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])\n"
        "(me / 'here').write_text(os.environ['OMP_NUM_THREADS'] + ' ' + os.environ['SRU_REPRO_SIDE_BY_SIDE'])\n"
        "ends = time.time() + 60\n"
        "while not (other / 'here').exists(): assert time.time() < ends; time.sleep(0.05)\n"
        "sys.exit(3 if me.name == 'b' else 0)\n"
    )
    config: Any = SimpleNamespace(top=SimpleNamespace(row="row"))
    jobs = [campaign.Job(tmp_path / name, (), config) for name in "ab"]
    others = {str(tmp_path / "a"): str(tmp_path / "b"), str(tmp_path / "b"): str(tmp_path / "a")}
    start = subprocess.Popen

    def stand_in(words: list[str], **options: Any) -> Any:
        folder = words[-1].removeprefix("hydra.run.dir=")
        return start([sys.executable, "-c", program, folder, others[folder]], **options)

    monkeypatch.setattr(subprocess, "Popen", stand_in)
    monkeypatch.setattr(cores, "cores", lambda: 6)
    with Bar("two", {job.folder: None for job in jobs}, 2) as bar:
        found = {job.folder.name: status for job, status in campaign._finished(jobs, 2, bar, Signals())}
    assert found == {"a": 0, "b": 3}
    assert (tmp_path / "a/here").read_text() == "3 2"


def test_in_turns_one_process_works_at_a_time_and_the_next_is_the_one_that_waited_longest(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = (
        "import pathlib, sys, time\n"
        "from sru_repro.core.turns import Turn\n"
        "me, log = pathlib.Path(sys.argv[1]).name, open(sys.argv[2], 'a', buffering=1)\n"
        "turn = Turn.asked_for()\n"
        "for place in range(3 if me != 'b' else 1):\n"
        "    print('<' + me, file=log); time.sleep(0.02); print(me + '>', file=log)\n"
        "    turn.hand_on()\n"
        "    while not turn.mine(0.2): pass\n"
        "sys.exit(3 if me == 'b' else 0)\n"
    )
    config: Any = SimpleNamespace(top=SimpleNamespace(row="row"))
    jobs = [campaign.Job(tmp_path / name, (), config) for name in "abc"]
    start = subprocess.Popen

    def stand_in(words: list[str], **options: Any) -> Any:
        folder = words[-1].removeprefix("hydra.run.dir=")
        return start([sys.executable, "-c", program, folder, str(tmp_path / "log")], **options)

    monkeypatch.setattr(subprocess, "Popen", stand_in)
    with Bar("three", {job.folder: None for job in jobs}) as bar:
        found = {job.folder.name: status for job, status in campaign._in_turns(jobs, bar, Signals())}
    assert found == {"a": 0, "b": 3, "c": 0}
    told = "".join((tmp_path / "log").read_text().split())
    assert told == "<aa><bb><cc><aa><cc><aa><cc>"


def test_without_a_socket_each_trains_at_a_stretch(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def no_room(session: str) -> None:
        raise OSError("AF_UNIX path too long")

    config: Any = SimpleNamespace(top=SimpleNamespace(row="row"))
    jobs = [campaign.Job(tmp_path / "a", (), config)]
    monkeypatch.setattr(campaign, "Turns", no_room)
    monkeypatch.setattr(campaign, "_finished", lambda jobs, *_: iter([(job, 0) for job in jobs]))
    with Bar("one", {jobs[0].folder: None}) as bar:
        assert list(campaign._in_turns(jobs, bar, Signals())) == [(jobs[0], 0)]
    assert "no socket could be made (AF_UNIX path too long)" in capsys.readouterr().err


def test_a_member_in_this_process_does_not_take_the_lines_of_its_sweep(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """While it trains, its log has its stream; what the sweep's thread says meanwhile stays on the screen."""
    with Bar("one", {tmp_path: None}) as bar, (tmp_path / "log.txt").open("w") as log, redirect_stderr(log):
        bar.done(tmp_path, 1.0, "seed=1 failed after 1 s")
    assert capsys.readouterr().err == "1/1 seed=1 failed after 1 s\n"
    assert (tmp_path / "log.txt").read_text() == ""


def test_hardware_names_the_runs_beside(monkeypatch: pytest.MonkeyPatch) -> None:
    alone = machine.hardware("cpu")
    monkeypatch.setenv(machine.SIDE_BY_SIDE, "2")
    beside = machine.hardware("cpu")
    assert beside["name"] == f"{alone['name']}, 2 runs side by side"
    assert beside["slug"] == f"{alone['slug']}-2-runs"


@pytest.mark.parametrize(
    ("durations", "side_by_side", "expected"),
    [([60, 60, 60], 2, 120), ([60, 60], 2, 60), ([10, 50, 60, 20], 2, 70), ([5, 6], 1, 11), ([], 3, 0)],
)
def test_runs_side_by_side_take_as_long_as_the_last_of_them(
    durations: list[float], side_by_side: int, expected: float
) -> None:
    assert makespan(durations, side_by_side) == expected
