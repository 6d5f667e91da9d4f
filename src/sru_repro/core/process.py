"""Commands as processes of their own: begun, watched, and ended in the end, whatever happens; above all
`sru-repro train`, which campaigns and the GPU check start.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from . import cores

_POLL_S = 0.05
SILENT = "it said nothing"
"""What stands for the last line of a log without lines."""


class Process:
    """A command that has been started, without input.

    log          file to which it says what it says; None: where this process says it
    environment  variables beside this process's own
    own_group    it leads a group, which is ended with it: what it starts may outlive it otherwise. Ctrl-C in a
                 terminal does not reach such a group.
    """

    def __init__(
        self,
        args: Sequence[str],
        log: Path | None = None,
        environment: Mapping[str, str] | None = None,
        own_group: bool = False,
    ) -> None:
        self.log, self._own_group = log, own_group
        output = None if log is None else log.open("a")
        try:
            self._process = subprocess.Popen(
                list(args),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=None if output is None else subprocess.STDOUT,
                env={**os.environ, **(environment or {})},
                start_new_session=own_group,
            )
        finally:
            if output is not None:
                output.close()

    @property
    def pid(self) -> int:
        """Its number."""
        return self._process.pid

    def poll(self) -> int | None:
        """The exit status, negative for the signal that ended it; None while it is running."""
        return self._process.poll()

    def wait(self, seconds: float) -> int | None:
        """The exit status; None where it is still running after so many seconds."""
        with suppress(subprocess.TimeoutExpired):
            return self._process.wait(timeout=max(0.0, seconds))
        return None

    def output(self) -> str:
        """What its log holds; of a log that it goes on writing to, also what was there before."""
        return self.log.read_text(encoding="utf-8", errors="replace") if self.log else ""

    def last_line(self) -> str:
        """The last line of its log."""
        return last_line(self.log) if self.log else SILENT

    def send(self, number: signal.Signals) -> None:
        """Sends a signal to it, or to its group; to a process that has ended nothing, to what is left of a group all
        the same."""
        if self._own_group:
            with suppress(ProcessLookupError):
                os.killpg(self.pid, number)
        else:
            self._process.send_signal(number)


class Training(Process):
    """`sru-repro train` with these overrides, in its folder, where its log is.

    Of several side by side each is told so, and has its share of the cores.
    """

    def __init__(
        self,
        overrides: Sequence[str],
        folder: Path,
        side_by_side: int = 1,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        environment = dict(environment or {})
        if side_by_side > 1:
            share = max(1, cores.cores() // side_by_side)
            environment |= {"OMP_NUM_THREADS": str(share), cores.SIDE_BY_SIDE: str(side_by_side)}
        args = [sys.executable, "-m", "sru_repro", "train", *overrides, f"hydra.run.dir={folder}"]
        super().__init__(args, folder / "log.txt", environment)


def last_line(log: Path) -> str:
    """The last line of what a process said."""
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines() if log.exists() else []
    return lines[-1] if lines else SILENT


def wait_all(processes: Iterable[Process], seconds: float | None) -> bool:
    """Until all have ended; whether they had after so many seconds (None: as long as it takes)."""
    end = None if seconds is None else time.monotonic() + seconds
    running = list(processes)
    while running := [process for process in running if process.poll() is None]:
        if end is not None and time.monotonic() >= end:
            return False
        time.sleep(_POLL_S)
    return True


def stop(processes: Iterable[Process], patience_s: float | None = None) -> None:
    """Ends all that are still running: SIGTERM, and after so many seconds SIGKILL, also when this is interrupted.

    `patience_s=None` waits until they have ended by themselves: a training saves where it is.
    """
    every = list(processes)
    for process in every:
        if process.poll() is None:
            process.send(signal.SIGTERM)
    try:
        wait_all(every, patience_s)
    finally:
        if patience_s is not None:
            for process in every:
                process.send(signal.SIGKILL)
            for process in every:
                process.wait(10.0)
