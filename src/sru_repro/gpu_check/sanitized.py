"""What runs under compute-sanitizer: every cell once in both passes, with sizes that leave blocks half empty.

compute-sanitizer python -m sru_repro.gpu_check.sanitized cuda
"""

import sys

import torch

from .. import ops
from ..bench import correct
from ..ops.launch_config import LaunchConfig, launched
from . import gpu

SIZE = {"length": 7, "batch": 3, "size": 36}


def main(device: torch.device) -> int:
    """Calls of all cells; how many. Values are compared elsewhere, here only accesses are watched."""
    number = 0
    name = "cuda" if device.type == "cuda" else ops.choose(device.type).name
    for cell in ops.CELLS:
        _, run, inputs = correct.case(cell, device, **SIZE, bidirectional=True, padding=True)
        for kind, config in (
            (torch.float32, LaunchConfig(1, 8, 32)),
            (torch.bfloat16, LaunchConfig(4, 2, 64)),
        ):
            with launched(forward=config, backward=config):
                found = correct.results(name, run, {key: value.to(kind) for key, value in inputs.items()})
            if not all(value.isfinite().all() for value in found.values()):
                raise SystemExit(f"{cell}: a result is not finite")
            number += 1
    gpu.synchronize(device)
    return number


if __name__ == "__main__":
    print(f"{main(torch.device(sys.argv[1]))} calls")
