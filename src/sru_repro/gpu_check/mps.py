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
from collections.abc import Iterator
from contextlib import contextmanager, suppress

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
    with tempfile.TemporaryDirectory(
        prefix="mps-", ignore_cleanup_errors=True
    ) as folder:  # the path of a pipe may have 108 letters
        own = {PIPES: folder, LOGS: folder}
        why = _asked([tool, "-d"], own, STARTS_S) or _asked([sys.executable, "-c", PROBE], own, PROBE_S)
        try:
            if why is None:
                os.environ.update(own)
                yield "runs share the GPU through the multi-process service"
            else:
                yield f"runs take turns: {why}"
        finally:
            for name in own:
                os.environ.pop(name, None)
            _asked([tool], own, STARTS_S, "quit\n")


def _asked(args: list[str], variables: dict[str, str], seconds: float, said: str = "") -> str | None:
    """Runs a command; why it failed, None where it did not."""
    with tempfile.TemporaryFile("w+") as output:  # not a pipe, which a daemon would keep open
        status: int | None = None
        with suppress(subprocess.TimeoutExpired, OSError):
            status = subprocess.run(
                args,
                input=said,
                stdout=output,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=seconds,
                env={**os.environ, **variables},
            ).returncode
        output.seek(0)
        lines = output.read().strip().splitlines()
    if status == 0:
        return None
    name = os.path.basename(args[0])
    return (
        f"{name}: {lines[-1][:200] if lines else f'status {status}' if status is not None else 'no answer'}"
    )
