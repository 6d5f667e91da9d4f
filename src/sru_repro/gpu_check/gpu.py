"""What the pieces need of CUDA beyond tensors; on the CPU, in a rehearsal, the plainest thing with the same result."""

import gc
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch

from ..bench.graphs import graph, spoilt


def name(device: torch.device) -> str:
    """The GPU's name; in a rehearsal on the CPU none, as a machine's name there depends on the threads."""
    if device.type != "cuda":
        return "no GPU"
    return torch.cuda.get_device_properties(torch.cuda.current_device()).name


def facts(device: torch.device) -> dict[str, Any]:
    """Name, capability, multiprocessors, memory (bytes), driver and number of GPUs; mostly None on the CPU."""
    if device.type != "cuda":
        empty = dict.fromkeys(("capability", "multiprocessors", "memory_bytes", "driver"))
        return {"name": name(device), **empty, "devices": 0}
    found = torch.cuda.get_device_properties(torch.cuda.current_device())
    return {
        "name": found.name,
        "capability": f"{found.major}.{found.minor}",
        "multiprocessors": found.multi_processor_count,
        "memory_bytes": found.total_memory,
        "driver": _driver(),
        "devices": torch.cuda.device_count(),
    }


def _driver() -> str | None:
    """The version of the driver, as its own tool tells it."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return None
    args = [tool, "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        done = subprocess.run(args, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return next(iter(done.stdout.split()), None) if done.returncode == 0 else None


def synchronize(device: torch.device) -> None:
    """Waits for everything; raises what a kernel has done wrong."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def broken(device: torch.device) -> bool:
    """Whether the process should use its GPU no more: after an access to memory that is not its own, or a capture
    that failed."""
    if spoilt():
        return True
    try:
        synchronize(device)
    except RuntimeError:
        return True
    return False


def release(device: torch.device) -> None:
    """Gives back what the last piece has left, graphs and their memory too: the next one may need all of it."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()


def reset_peak(device: torch.device) -> None:
    """Memory at its most is counted from here."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)


def peak_bytes(device: torch.device) -> int | None:
    """Of tensors, at its most; of the CPU nothing."""
    return torch.cuda.max_memory_allocated(device) if device.type == "cuda" else None


def streams(device: torch.device, number: int) -> list[Any]:
    """So many streams."""
    return [torch.cuda.Stream(device) if device.type == "cuda" else None for _ in range(number)]


def on(stream: Any) -> AbstractContextManager[Any]:
    """Work goes to that stream, after what the current one has been given so far."""
    if stream is None:
        return nullcontext()
    stream.wait_stream(torch.cuda.current_stream())
    return torch.cuda.stream(stream)


def join(device: torch.device, several: list[Any]) -> None:
    """The current stream goes on after all of them."""
    for stream in several:
        if stream is not None:
            torch.cuda.current_stream(device).wait_stream(stream)


def captured(device: torch.device, call: Callable[[], Any], first: int = 3) -> Callable[[], Any]:
    """The call as a CUDA graph, after so many ordinary ones: a replay gives what the call gave, computed anew."""
    return graph(call, first) if device.type == "cuda" else call


def free_bytes(device: torch.device) -> int:
    """Memory that is left on the GPU; of the CPU, a quarter of a gigabyte."""
    return torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else 1 << 28


@contextmanager
def poisoned() -> Iterator[None]:
    """Memory that nobody has written holds NaN, so that what is read too early, or never written, shows."""
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True)  # PyTorch then fills what it allocates with NaN
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)
