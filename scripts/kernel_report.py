"""What the compiler makes of the CUDA kernels, without a GPU: registers, warps, bytes on their way, instructions.

    python scripts/kernel_report.py [sm_90 ...]

Prints Markdown for results/kernel-log.md. Instructions are counted where nvdisasm is found (PATH, or NVDISASM).
Shapes: a column-step is one step of one column of (B, D).
"""

import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import torch

from sru_repro.gpu_check import tune
from sru_repro.ops import cuda, cuda_driver
from sru_repro.ops.cuda_driver import Variant

REGISTERS, WARPS = 65536, 64
"""Of a multiprocessor."""


def main(architectures: list[str]) -> None:
    """A table for each architecture."""
    disassembler = os.environ.get("NVDISASM") or shutil.which("nvdisasm")
    for architecture in architectures:
        print(f"\n**{architecture}**, NVRTC {'.'.join(map(str, nvrtc()))}\n")
        print(
            "| pass | type | columns × steps ahead | registers | spilled, B | warps | ahead, KB | instructions |"
        )
        print("| --- | --- | --: | --: | --: | --: | --: | --: |")
        for kernel in ("forward", "backward"):
            for kind in tune.TYPES:
                shapes = dict.fromkeys(
                    (config.columns, config.depth) for config in tune.configs(kernel, kind)
                )
                for columns, depth in shapes:
                    row(kernel, kind, columns, depth, architecture, disassembler)


def nvrtc() -> tuple[int, int]:
    """The compiler's version."""
    from cuda.bindings import nvrtc as bindings

    return bindings.nvrtcVersion()[1:]


def row(
    kernel: str, kind: torch.dtype, columns: int, depth: int, architecture: str, disassembler: str | None
) -> None:
    """A line of the table: the SRU with an input as skip, peepholes, biases."""
    log = io.StringIO()
    variant = Variant(kernel, "sru", kind, kind, "INPUT", False, False, False, columns, depth)
    code = cuda_driver.cubin(variant, architecture, log)
    used = max(map(int, re.findall(r"Used (\d+) registers", log.getvalue())))
    spilled = sum(map(int, re.findall(r"(\d+) bytes spill stores", log.getvalue())))
    warps = min(WARPS, REGISTERS // (32 * -(-used // 8) * 8))  # registers are handed out by eights
    ahead = warps * 32 * columns * depth * cuda.step_bytes(kernel, kind, 3, kind) / 1024
    counted = "—"
    if disassembler:
        length = loop_length(code, disassembler)
        counted = f"{length / (columns * depth):.0f}" if length else "—"
    name = str(kind).removeprefix("torch.")
    cells = [kernel, name, f"{columns} × {depth}", used, spilled or "—", warps, f"{ahead:.0f}", counted]
    print("| " + " | ".join(map(str, cells)) + " |")


def loop_length(code: bytes, disassembler: str) -> int | None:
    """Instructions of the loop over time, the shortest one that reads memory; None where none is recognised."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "kernel.cubin")
        path.write_bytes(code)
        done = subprocess.run([disassembler, "-c", str(path)], capture_output=True, text=True, check=True)
    places: dict[str, int] = {}
    lines: list[str] = []
    loops: list[int] = []
    for line in done.stdout.splitlines():
        if label := re.match(r"\s*(\.L_x_\d+):", line):
            places[label[1]] = len(lines)
        elif found := re.match(r"\s+/\*[0-9a-f]{4,}\*/\s+(.*?);", line):
            lines.append(found[1])
            back = re.search(r"BRA .*?`\((\.L_x_\d+)\)", found[1])
            if back and back[1] in places and any("LDG" in inside for inside in lines[places[back[1]] :]):
                loops.append(len(lines) - places[back[1]])
    return min(loops, default=None)


if __name__ == "__main__":
    main(sys.argv[1:] or ["sm_90"])
