"""Runs that are killed, stopped, or left without disk or memory: whole checkpoints, and the same bits in the end."""

import atexit
import resource
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from ..core.errors import DataError
from ..core.lock import holder
from ..records.run import read_record
from ..training.weights import ASIDE, FOLDER, best_weights
from ._ended import Ended, assert_same, ended
from ._promise import Cut, Promise, Skip, Tally
from ._runs import SMALL, Trained, require_whole, train_through

RESUMED = (*SMALL, "resume=true")


@cache
def _undisturbed(timed: bool = False) -> tuple[Ended, float, Path]:
    """What the run leaves that nobody disturbs, the seconds from its start to its end, and its folder; `timed`: of a
    second one, as the first compiles what is not compiled yet."""
    folder = Path(mkdtemp(prefix="undisturbed-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    for name in ("first", "run") if timed else ("run",):
        began = time.monotonic()
        train_through(folder / name)
        seconds = time.monotonic() - began
    return ended(folder / "run"), seconds, folder / "run"


def _goes_on(folder: Path) -> None:
    """Raises unless the run goes on and ends like the undisturbed one."""
    train_through(folder, RESUMED)
    assert_same(ended(folder), _undisturbed()[0])


def killed(tally: Tally, cut: Cut) -> None:
    """kill -9, at random moments and inside writes."""
    seconds, draw = _undisturbed(cut.share == 1)[1], cut.draw("kill")
    hit = inside = early = 0
    for number in range(cut.tries(20)):
        folder = cut.folder / f"kill{number}"
        with tally.trying(f"kill -9, try {number}"):
            run = Trained(folder)
            if number % 2:
                time.sleep(draw.uniform(0.1, 0.9) * seconds)
            else:
                inside += _held_in_a_write(run, draw.randrange(10))
            run.send(signal.SIGKILL)
            hit += run.end() == -signal.SIGKILL
            early += not require_whole(folder)
            _goes_on(folder)
    tally.figure = f"{hit} killed, {inside} inside a write, {early} before the first checkpoint"


def _held_in_a_write(run: Trained, passed: int) -> bool:
    """Stops the run inside the write of a checkpoint, after so many that are let pass; whether it is in one."""
    for at in range(passed + 1):
        run.wait_for(lambda: run.writing, 0.0)
        if at < passed:
            run.wait_for(lambda: not run.writing, 0.0)
    run.send(signal.SIGSTOP)  # or it might be written to the end before the next signal comes
    return run.writing


def stopped(tally: Tally, cut: Cut) -> None:
    """SIGTERM and Ctrl-C, once and twice in a row."""
    seconds, draw = _undisturbed(cut.share == 1)[1], cut.draw("stop")
    ways = [(number, twice) for twice in (False, True) for number in (signal.SIGTERM, signal.SIGINT)]
    for at in range(cut.tries(12)):
        number, twice = ways[(at + 2) % len(ways)]
        folder = cut.folder / f"stop{at}"
        with tally.trying(f"{number.name}{' twice' if twice else ''}, try {at}"):
            run = Trained(folder)
            run.wait_for((folder / "run.json").exists)
            time.sleep(draw.uniform(0.0, 0.5) * seconds)
            run.send(number)
            if twice:
                time.sleep(draw.uniform(0.0, 0.02))
                run.send(number)
            status = run.end()
            expected = {signal.SIGTERM: 143, signal.SIGINT: 130}[number]
            assert status in (expected, 0), f"status {status}: {run.said()[-200:]}"
            require_whole(folder)
            if status:
                last = run.said().strip().splitlines()[-1]
                assert last.startswith(f"sru-repro: interrupted by {number.name}"), last
                _goes_on(folder)


def full_disk(tally: Tally, cut: Cut) -> None:
    """The disk fills up in the middle of a run."""
    for number in range(cut.tries(3)):
        place, what = cut.folder / f"disk{number}", f"a full disk, try {number}"
        with _mounted(place, "-t", "tmpfs", "-o", "size=32m", "none") as disk, tally.trying(what):
            run = Trained(disk / "run", log=cut.folder / f"disk{number}.said")
            run.wait_for_checkpoint()
            filler = disk / "filler"
            with suppress(OSError), filler.open("wb", buffering=0) as file:
                while file.write(b"\0" * 4096):
                    pass
            _one_line(run, disk / "run", "No space left on device")
            filler.unlink()
            _goes_on(disk / "run")


def read_only(tally: Tally, cut: Cut) -> None:
    """The folder of the checkpoints becomes read-only in the middle of a run."""
    for number in range(cut.tries(2)):
        folder = cut.folder / f"closed{number}"
        with tally.trying(f"a read-only folder, try {number}"):
            run = Trained(folder)
            run.wait_for_checkpoint()
            place = folder / FOLDER
            with _mounted(place, "--bind", str(place)):
                for _ in range(100):  # not while it is being written to
                    if _mount("-o", "remount,bind,ro", str(place)):
                        break
                    time.sleep(0.01)
                _one_line(run, folder, "Read-only file system")
            _goes_on(folder)


def no_memory(tally: Tally, cut: Cut) -> None:
    """Memory runs out in the middle of a run."""
    if not hasattr(resource, "prlimit"):
        raise Skip("this system does not limit the memory of another process")
    for number in range(cut.tries(3)):
        folder = cut.folder / f"memory{number}"
        with tally.trying(f"no memory, try {number}"):
            run = Trained(folder)
            run.wait_for_checkpoint()
            resource.prlimit(run.pid, resource.RLIMIT_AS, (1 << 20, resource.RLIM_INFINITY))
            _one_line(run, folder, "out of memory")
            _goes_on(folder)


def together(tally: Tally, cut: Cut) -> None:
    """Two starts at once in one folder: one trains, the other is refused."""
    for number in range(cut.tries(4)):
        folder = cut.folder / f"both{number}"
        with tally.trying(f"two at once, try {number}"):
            log = folder.with_name(f"{folder.name}.other")
            runs = [Trained(folder), Trained(folder, (*SMALL, "seed=2"), log)]
            _hold_until_the_other_ends(folder, runs)
            ends = [run.end() for run in runs]
            assert sorted(ends) == [0, 2], f"statuses {ends}"
            won, lost = sorted(runs, key=lambda run: run.process.exitcode or 0)
            assert "in use by quickstart/sru seed" in lost.said() and lost.said().count("\n") == 1, (
                lost.said()
            )
            best_weights(folder)
            assert read_record(folder).seed == runs.index(won) + 1
            if won is runs[0]:
                assert_same(ended(folder), _undisturbed()[0])


def _hold_until_the_other_ends(folder: Path, runs: list[Trained]) -> None:
    """On a busy machine one could be through before the other one has begun."""
    first, second = runs
    first.wait_for(lambda: (found := holder(folder)) is not None and found.pid in (first.pid, second.pid))
    if (found := holder(folder)) is not None and found.pid == second.pid:
        first, second = second, first
    first.send(signal.SIGSTOP)
    try:
        second.end()
    finally:
        first.send(signal.SIGCONT)


def replacing(tally: Tally, cut: Cut) -> None:
    """A new run in the folder of a finished one, killed: the old one is whole until the new one has a checkpoint."""
    expected, seconds, old_run = _undisturbed(cut.share == 1)
    draw, kept = cut.draw("replace"), 0
    for number in range(cut.tries(4)):
        folder = cut.folder / f"new{number}"
        with tally.trying(f"a new run, try {number}"):
            shutil.copytree(old_run, folder)
            run = Trained(folder, (*SMALL, "seed=2"))
            time.sleep(draw.uniform(0.05, 0.9) * seconds)
            run.send(signal.SIGKILL)
            run.end()
            old = next((place for place in (folder, folder / ASIDE) if _finished(place)), None)
            if old is not None:
                kept += 1
                assert_same(ended(old), expected)
            else:
                assert require_whole(folder) and read_record(folder).seed == 2
    tally.figure = f"{kept} with the old run whole, the others with a checkpoint of the new one"


def _finished(folder: Path) -> bool:
    try:
        return read_record(folder).seed == 1 and read_record(folder).finished
    except DataError:
        return False


OF_A_RUN = ("quic", "data ", "  ")
"""What lines of a training begin with: its title, which may be shortened, its data, and what goes on from a line."""


def _one_line(run: Trained, folder: Path, reason: str) -> None:
    """Raises unless the run ended with status 1 and one line that tells the reason, and left everything whole."""
    status, said = run.end(), run.said()
    errors = [line for line in said.splitlines() if not line.startswith(OF_A_RUN)]
    assert (status, len(errors)) == (1, 1), f"status {status}: {' | '.join(errors[-5:])}"
    assert reason in errors[0] and errors[0].startswith("sru-repro: "), errors[0]
    assert require_whole(folder), "there was a checkpoint before"
    assert read_record(folder).state in ("failed", "interrupted")


def _mount(*words: str) -> bool:
    try:
        return subprocess.run(["mount", *words], capture_output=True).returncode == 0
    except FileNotFoundError:
        return False


@contextmanager
def _mounted(place: Path, *words: str) -> Iterator[Path]:
    """A file system of its own in a folder; skipped where this user may not mount."""
    place.mkdir(exist_ok=True)
    if not _mount(*words, str(place)):
        raise Skip("mounting a file system needs root")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], capture_output=True)


PROMISES = [
    Promise(
        "kill -9",
        "Killed at any moment, a run leaves whole checkpoints and ends, taken up again, with the same weights and "
        "figures, bit for bit.",
        "tests/torture/test_kills.py::test_a_run_survives",
        killed,
        headline=True,
    ),
    Promise(
        "SIGTERM and Ctrl-C",
        "Stopped by a signal, or by two in a row, a run says so and ends, taken up again, with the same bits.",
        "tests/torture/test_kills.py::test_a_run_survives",
        stopped,
    ),
    Promise(
        "a full disk",
        "When the disk fills up a run ends with one line; its last checkpoint is whole.",
        "tests/training/test_one_folder.py::test_a_disk_that_takes_no_more_is_one_line",
        full_disk,
        headline=True,
    ),
    Promise(
        "a read-only folder",
        "When its folder can no longer be written a run ends with one line; its last checkpoint is whole.",
        "tests/training/test_one_folder.py::test_a_disk_that_takes_no_more_is_one_line",
        read_only,
    ),
    Promise(
        "no memory",
        "When memory runs out a run ends with one line; its last checkpoint is whole.",
        "tests/torture/test_kills.py::test_a_run_survives",
        no_memory,
    ),
    Promise(
        "one folder, one run",
        "Of two runs started at once in one folder one trains and the other is refused in one line.",
        "tests/torture/test_kills.py::test_a_run_survives",
        together,
        headline=True,
    ),
    Promise(
        "a new run in the folder of another",
        "The old run stays whole until the new one has a checkpoint; figures of one never lie beside weights of the "
        "other.",
        "tests/training/test_one_folder.py::test_a_new_run_keeps_the_old_one",
        replacing,
    ),
]
