"""`sru-repro train` in processes that start in a moment: forked from one that has imported everything already."""

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

from ..records.run import read_record
from ..training.weights import BEST, FOLDER, LAST, PREVIOUS, read_checkpoint

SMALL = (
    *("model=sru", "task=quickstart", "profile=smoke", "logger=csv", "trainer=cpu", "trainer.threads=1"),
    *("model.hidden_size=64", "trainer.max_epochs=0", "trainer.max_steps=26", "trainer.validate_every=3"),
    *("trainer.log_every=3", "task.max_bytes=20000"),
)
"""Twenty-six steps on the standard library's sources, validated every three, ended between two validations; with
dropout."""
SAVE_EVERY_S = 0.05
"""Between two last.ckpt, instead of seconds: so that many moments fall into a write."""
PATIENCE_S = 180.0


class Trained:
    """A run in a process of its own: its folder, and a log of what it says."""

    def __init__(self, folder: Path, words: Sequence[str] = SMALL, log: Path | None = None) -> None:
        self.folder, self.log = folder, log or folder.with_name(f"{folder.name}.said")
        self.process = _context().Process(target=_train, args=(list(words), str(folder), str(self.log)))
        self.process.start()

    @property
    def pid(self) -> int:
        """Its number."""
        assert self.process.pid is not None
        return self.process.pid

    def end(self) -> int:
        """Waits for its end; the exit status, negative for the signal that ended it."""
        self.process.join(PATIENCE_S)
        if self.process.exitcode is None:
            self.process.kill()
            self.process.join()
            raise TimeoutError(f"{self.folder.name}: still running after {PATIENCE_S:.0f} s")
        return self.process.exitcode

    def send(self, number: signal.Signals) -> None:
        """Sends a signal, if it is still running."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def wait_for(self, there: Callable[[], bool], every_s: float = 0.002) -> None:
        """Until something is there, or the run has ended."""
        end = time.monotonic() + PATIENCE_S
        while not there() and self.process.is_alive() and time.monotonic() < end:
            time.sleep(every_s)

    def wait_for_checkpoint(self) -> None:
        """Until there is one to go on from, or the run has ended."""
        self.wait_for((self.folder / LAST).exists)

    @property
    def writing(self) -> bool:
        """Whether a checkpoint is being written."""
        with suppress(FileNotFoundError), os.scandir(self.folder / FOLDER) as files:
            return any(file.name.endswith(".part") for file in files)
        return False

    def said(self) -> str:
        """What it has said."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""


def train_through(folder: Path, words: Sequence[str] = SMALL) -> None:
    """Trains to the end. Raises AssertionError when that fails."""
    run = Trained(folder, words)
    status = run.end()
    assert status == 0, f"status {status}: {run.said().strip().splitlines()[-1:]}"


def require_whole(folder: Path) -> bool:
    """Raises unless all that a run needs to go on is whole; whether there is a checkpoint yet."""
    places = [folder / name for name in (LAST, PREVIOUS) if (folder / name).exists()]
    for place in [*places, *(path for path in [folder / BEST] if path.exists())]:
        read_checkpoint(place, "a whole checkpoint")
    if (folder / "run.json").exists():
        state = read_record(folder).state
        assert state != "running", "a record of a dead process says that it is running"
    return bool(places)


@contextmanager
def one_thread() -> Iterator[None]:
    """Processes that are begun inside have one thread each."""
    before = os.environ.get("OMP_NUM_THREADS")
    os.environ["OMP_NUM_THREADS"] = "1"
    try:
        yield
    finally:
        os.environ.pop("OMP_NUM_THREADS")
        if before is not None:
            os.environ["OMP_NUM_THREADS"] = before


@cache
def _context() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([f"{__package__}._runs_inside"])
    with one_thread():
        warm: Any = context.Process(target=_nothing)
        warm.start()
        warm.join()
    return context


def _nothing() -> None:
    """Has the server started."""


def _train(words: list[str], folder: str, log: str) -> None:
    """Inside the process: the command, as the shell would call it."""
    from ._runs_inside import train

    train([*words, f"hydra.run.dir={folder}"], log, SAVE_EVERY_S)
