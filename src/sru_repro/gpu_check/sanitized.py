"""What runs under compute-sanitizer: every cell once in both passes, with sizes that leave blocks half empty.

compute-sanitizer python -m sru_repro.gpu_check.sanitized cuda
"""

import sys

import torch

from .. import ops
from ..verify.compare import both_passes, launched
from ..verify.draw import draw
from . import gpu

SIZE = (7, 3, 36)
"""L, B and columns of one direction."""


def main(device: torch.device) -> int:
    """Calls of all cells; how many. Values are compared elsewhere, here only accesses are watched."""
    number = 0
    name = "cuda" if device.type == "cuda" else ops.choose(device.type).name
    for cell in ops.CELLS:
        call = draw(cell, *SIZE, bidirectional=True, padding=True, device=device)
        for kind, config in ((torch.float32, both_passes(1, 8, 32)), (torch.bfloat16, both_passes(4, 2, 64))):
            with launched(**config):
                found = call.to(kind).results(name)
            if not all(value.isfinite().all() for value in found.values()):
                raise SystemExit(f"{cell}: a result is not finite")
            number += 1
    gpu.synchronize(device)
    return number


if __name__ == "__main__":
    print(f"{main(torch.device(sys.argv[1]))} calls")
