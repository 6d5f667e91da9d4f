"""How fast this machine is, for tests that hold work to a time: a limit in seconds alone asks about the machine."""

import os
import subprocess
import sys
import time


def importing_torch() -> float:
    """Seconds of the processor that a process takes now to import PyTorch: the most of any command's start."""
    began = sum(os.times()[2:4])
    subprocess.run([sys.executable, "-c", "import torch"], check=True)
    return sum(os.times()[2:4]) - began


def adding() -> float:
    """Seconds that 100,000 additions in plain Python take, at best."""
    best = float("inf")
    for _ in range(5):
        began, total = time.perf_counter(), 0
        for number in range(100_000):
            total += number
        best = min(best, time.perf_counter() - began)
    return best
