"""What runs under compute-sanitizer: every cell once in both passes, with sizes that leave blocks half empty.

compute-sanitizer python -m sru_repro.gpu_check.sanitized cuda
"""

import sys

import torch

from .. import ops
from ..bench import correct
from ..ops.tiling import Tiling, tiled
from . import card

SIZE = {"length": 7, "batch": 3, "size": 36}


def main(device: torch.device) -> int:
    """Calls of all cells; how many. Values are compared elsewhere, here only accesses are watched."""
    number = 0
    name = "cuda" if device.type == "cuda" else ops.choose(device.type).name
    for cell in ops.CELLS:
        _, run, inputs = correct.case(cell, device, **SIZE, bidirectional=True, padding=True)
        for kind, cut in ((torch.float32, Tiling(1, 8, 32)), (torch.bfloat16, Tiling(4, 2, 64))):
            with tiled(forward=cut, backward=cut):
                found = correct.results(name, run, {key: value.to(kind) for key, value in inputs.items()})
            if not all(value.isfinite().all() for value in found.values()):
                raise SystemExit(f"{cell}: a result is not finite")
            number += 1
    card.synchronize(device)
    return number


if __name__ == "__main__":
    print(f"{main(torch.device(sys.argv[1]))} calls")
