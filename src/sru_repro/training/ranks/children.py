"""The processes that the first rank starts on its own machine, and how all of them end together.

A child that dies ends the run within seconds; a child whose parent dies, however that happens, ends by itself: its
standard input, which the parent holds, is closed then. Ctrl-C and a signal to the parent reach the parent alone, which
tells the others at the next step (checkpoints.py); a signal to a child is told the same way.
"""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path

import torch

from ...core import machine
from ...core.errors import RunError
from ...core.home import shown
from ...core.interrupt import Interrupted
from ...core.turns import VARIABLE as TURNS
from .world import FAILED, OVER, Ranks

LOOK_S = 0.2
NOTICED_S = 2.0
"""Within which a process that has died is seen to have."""
STUCK_S = 10.0
"""After which a run ends that does not notice by itself, as it waits for a device."""


def share_of_cores(devices: int) -> int:
    """Threads of each of so many processes on this machine."""
    return max(1, min(torch.get_num_threads(), machine.cores() // devices))


def log_of(folder: Path, rank: int) -> Path:
    """What a rank other than the first says; kept where it fails."""
    return folder / f"rank{rank}.txt"


class Leader(Ranks):
    """The first rank's side: children, if it has started any, and what became of the others.

    `stuck` is called with the error before this process is ended where nothing else can be done.
    """

    def __init__(self, ranks: Ranks, folder: Path) -> None:
        super().__init__(0, ranks.world, ranks.local, ranks.store)
        self.folder = folder
        self.stuck: Callable[[BaseException], None] = lambda error: None
        self._children: dict[int, subprocess.Popen[str]] = {}
        self._end = threading.Event()

    def start(self, port: int) -> None:
        """Starts all others."""
        threads = os.environ.get("OMP_NUM_THREADS") or str(share_of_cores(self.world))
        kept = {key: value for key, value in os.environ.items() if key != TURNS}
        # A model's class may lie in a folder that only this process knows of.
        path = os.pathsep.join(folder or os.getcwd() for folder in sys.path)
        environment = {"TORCH_CPP_LOG_LEVEL": "ERROR", **kept, "OMP_NUM_THREADS": threads, "PYTHONPATH": path}
        for rank in range(1, self.world):
            told = {"rank": rank, "world": self.world, "port": port}
            with log_of(self.folder, rank).open("w") as log:
                child = subprocess.Popen(
                    [sys.executable, "-m", f"{__package__}.follow"],
                    stdin=subprocess.PIPE,
                    stdout=log,
                    stderr=log,
                    env=environment,
                    text=True,
                    start_new_session=True,
                )
            self._children[rank] = child
            assert child.stdin is not None
            with suppress(BrokenPipeError):  # it has died; that is seen below
                child.stdin.write(json.dumps(told) + "\n")
                child.stdin.flush()
        threading.Thread(target=self._watch, daemon=True).start()

    def alive(self) -> None:
        """Raises what ended another rank, if anything did."""
        if (error := self._why()) is not None:
            raise error

    def explained(self, error: BaseException) -> BaseException:
        """The error by which this process ends; where it lost another one, what became of that."""
        if not is_loss(error):
            return error
        end = time.monotonic() + NOTICED_S
        while time.monotonic() < end:
            if (why := self._why()) is not None:
                return why
            time.sleep(LOOK_S)
        # gloo writes a paragraph.
        said = re.search(r"Connection \w+( by peer)?|[Tt]imed out[^.]*", str(error))
        how = said[0] if said else f"{error!s:.80}"
        return RunError(f"another process of the run has ended ({how}); go on with resume=true")

    def _why(self) -> BaseException | None:
        """What ended another rank: first what one has said of itself, then what became of children."""
        for rank in range(1, self.world):
            if (said := self.look_up(f"{FAILED}/{rank}")) is not None:
                if said["signal"] is not None:
                    return Interrupted(said["signal"])
                log = log_of(self.folder, rank)
                written = rank in self._children and log.is_file() and log.stat().st_size
                return RunError(f"rank {rank}: {said['error']}" + (f" (see {shown(log)})" if written else ""))
        ended = {rank: child.poll() for rank, child in self._children.items()}
        # Those that lost another one end with 1.
        for rank, status in sorted(ended.items(), key=lambda item: item[1] or 0):
            if status:
                return RunError(f"{self._name(rank)} {_ended(status)}{self._last_words(rank)}")
        return None

    def _name(self, rank: int) -> str:
        return f"rank {rank} (process {self._children[rank].pid})"

    def _last_words(self, rank: int) -> str:
        with suppress(OSError):
            if lines := log_of(self.folder, rank).read_text(errors="replace").strip().splitlines():
                return f": {lines[-1]:.200}"
        return "; the run ended with it, go on with resume=true"

    def _watch(self) -> None:
        """Ends this process where a child has died and nobody noticed."""
        since: float | None = None
        while not self._end.wait(LOOK_S):
            if since is None and any(child.poll() for child in self._children.values()):
                since = time.monotonic()
            if since is not None and time.monotonic() - since > STUCK_S:
                error = self._why() or RunError("another process of the run has ended")
                self.stuck(error)
                print(f"sru-repro: {error}", file=sys.stderr, flush=True)
                self._kill()
                self._tidy(failed=True)
                os._exit(1)

    def close(self, failed: bool) -> None:
        """Ends all others, at once where this process failed."""
        with suppress(Exception):
            self.post(OVER, {"failed": failed, "folder": str(self.folder.absolute())})
        end = time.monotonic() + (60.0 if self.called and not failed else 0.0)
        while time.monotonic() < end and any(child.poll() is None for child in self._children.values()):
            time.sleep(0.02)
        self._end.set()
        self._kill()
        self._tidy(failed)
        self.leave()

    def _tidy(self, failed: bool) -> None:
        """Takes away what the others have said, where nobody need read it."""
        for rank in self._children:
            log = log_of(self.folder, rank)
            with suppress(OSError):
                if not failed or not log.read_text(errors="replace").strip():
                    log.unlink()

    def _kill(self) -> None:
        for child in self._children.values():
            if child.poll() is None:
                child.kill()
            child.wait()
            if child.stdin is not None:
                with suppress(OSError):
                    child.stdin.close()


def _ended(status: int) -> str:
    if status > 0:
        return f"ended with status {status}"
    with suppress(ValueError):
        return f"was ended by {signal.Signals(-status).name}"
    return f"was ended by signal {-status}"


def is_loss(error: BaseException) -> bool:
    """Whether an error says that another process has gone."""
    return isinstance(error, torch.distributed.DistError) or (
        isinstance(error, RuntimeError)
        and any(sign in str(error) for sign in ("Connection", "gloo", "NCCL", "onnect", "Timed out"))
    )


@contextmanager
def leading(ranks: Ranks, folder: Path) -> Iterator[Leader]:
    """The first rank; of a launcher's processes where it has a store with them, else of children started here."""
    leader, failed = Leader(ranks, folder), True
    try:
        if leader.store is None:
            leader.store = torch.distributed.TCPStore(
                "127.0.0.1",
                0,
                ranks.world,
                is_master=True,
                wait_for_workers=False,
                timeout=timedelta(seconds=60),
            )
            leader.start(leader.store.port)
        yield leader
        failed = False
    finally:
        leader.close(failed)
