"""NVIDIA's multi-process service: runs side by side compute at the same time instead of taking turns.

Without it a GPU works for one process at a time; a step of a small model fills a tenth of an H100. The service is a
daemon of this call's own, with folders of its own, and ends with it; nothing of the GPU's settings is changed. Where it
cannot be had the runs take turns.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from ..core.process import Process, stop

TOOL = "nvidia-cuda-mps-control"
PROBE = "import torch; torch.ones(8, device='cuda').sum().item()"
PIPES, LOGS = "CUDA_MPS_PIPE_DIRECTORY", "CUDA_MPS_LOG_DIRECTORY"
STARTS_S, PROBE_S = 10.0, 40.0


@contextmanager
def shared() -> Iterator[str]:
    """Processes begun inside share the GPU, where that can be had; says what is the case."""
    tool = shutil.which(TOOL)
    if tool is None:
        yield f"runs take turns: {TOOL} was not found in PATH"
        return
    if os.environ.get(PIPES):
        yield "runs share the GPU through the service that this machine has"
        return
    # The path of a pipe may have 108 letters. The daemon stays in the foreground, and so in this process's group.
    with tempfile.TemporaryDirectory(prefix="mps-", ignore_cleanup_errors=True) as folder:
        own = {PIPES: folder, LOGS: folder}
        daemon = Process([tool, "-f"], Path(folder, "daemon.txt"), own)
        try:
            why = _why_not(tool, daemon, own)
            if why is None:
                os.environ.update(own)
            yield f"runs take turns: {why}" if why else "runs share the GPU through the multi-process service"
        finally:
            for name in own:
                os.environ.pop(name, None)
            if daemon.poll() is None:
                _asked([tool], own, STARTS_S, "quit\n")
                daemon.wait(STARTS_S)
            stop([daemon], 2.0)


def _why_not(tool: str, daemon: Process, own: Mapping[str, str]) -> str | None:
    """Why processes do not share the GPU; None where one was seen to."""
    end = time.monotonic() + STARTS_S
    while (answer := _asked([tool], own, STARTS_S, "get_server_list\n"))[0] != 0:
        if daemon.poll() is not None:
            return f"{TOOL}: {daemon.last_line()}"
        if time.monotonic() > end:
            return f"{TOOL}: {answer[1]}"
        time.sleep(0.2)
    status, said = _asked([sys.executable, "-c", PROBE], own, PROBE_S)
    if status != 0:
        return f"a process that was to share the GPU: {said}"
    # A process that finds no service goes on without a word.
    _, servers = _asked([tool], own, STARTS_S, "get_server_list\n")
    return None if servers.isdigit() else f"{TOOL}: no server was begun"


def _asked(
    args: Sequence[str], variables: Mapping[str, str], seconds: float, told: str = ""
) -> tuple[int | None, str]:
    """Runs a command: its status, None where it gave no answer in time, and its last line."""
    status: int | None = None
    with tempfile.TemporaryFile("w+") as output:  # not a pipe, which a process that stays would keep open
        with suppress(subprocess.TimeoutExpired, OSError):
            status = subprocess.run(
                args,
                input=told,
                stdout=output,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=seconds,
                env={**os.environ, **variables},
            ).returncode
        output.seek(0)
        lines = output.read().strip().splitlines()
    return status, lines[-1][:200] if lines else "no answer" if status is None else f"status {status}"
