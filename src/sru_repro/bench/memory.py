"""Peak memory of one call: what it allocates itself, beyond weights and inputs that are there before."""

import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
from torch.profiler import ProfilerActivity, profile


def peak_bytes(call: Callable[[], object], device: torch.device) -> int:
    """The highest sum of bytes that PyTorch's allocator has handed out during the call and not got back.

    On the CPU from the profiler's record of every allocation: a process's high-water mark would be coarser than
    the differences, and memory freed by one model would hide the next one's. What a library allocates by itself
    is not seen.
    """
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        call()
        torch.cuda.synchronize(device)
        return torch.cuda.max_memory_allocated(device) - before
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # it reports its start on standard error
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as seen:
        call()
    with tempfile.TemporaryDirectory() as folder:
        trace = Path(folder) / "trace.json"
        seen.export_chrome_trace(str(trace))
        events = json.loads(trace.read_text(encoding="utf-8", errors="replace"))["traceEvents"]
    return max(
        (event["args"]["Total Allocated"] for event in events if event.get("name") == "[memory]"), default=0
    )
