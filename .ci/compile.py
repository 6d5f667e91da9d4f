"""Compiles ahead what tests compile on first use, and keep: the CPU's kernels and the authors' package.

What does not compile is left to the tests, which say so.
"""

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import torch

from sru_repro import ops
from sru_repro.ops import cpp
from sru_repro.ops.build import BuildError

TESTS = Path(__file__).parents[1] / "tests/models"
PEER = f"import sys; sys.path.insert(0, {str(TESTS)!r}); from peer import load, Path; load(*map(Path, sys.argv[1:]))"
"""As `tests/models/conftest.py` has it, so that the same builds are found."""

for package in sorted((Path(sys.prefix) / "peers").iterdir()):
    build = package / "build" / f"torch-{torch.__version__}"
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])  # ninja
    environment = os.environ | {"TORCH_EXTENSIONS_DIR": str(build), "PATH": path}
    subprocess.run([sys.executable, "-c", PEER, package, build], env=environment)
for cell, spec in ops.CELLS.items():
    for kind in (torch.float32, torch.float64, torch.bfloat16, torch.float16):
        inputs = {kind, torch.float32} if spec.output == "highway" and kind.itemsize == 2 else {kind}
        for x in inputs:
            with suppress(BuildError):
                cpp._library(cell, kind, x)
