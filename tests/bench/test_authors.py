"""The authors' package, loaded for timing."""

import subprocess
import sys

import pytest

SCRIPT = """
import torch, warnings
warnings.filterwarnings("ignore", "Running SRU on CPU with grad_enabled=True")
from sru_repro import ops
from sru_repro.bench import alone
from sru_repro.bench.authors import authors_package, authors_recurrence, peer_folder
from sru_repro.bench.contenders import CONTENDERS
from sru_repro.bench.shapes import Shape
from sru_repro.bench.whole import passes
import sys
cpu = torch.device("cpu")
package = authors_package("cpu")
assert package is authors_package("cpu") and str(peer_folder()) not in sys.path
shape = Shape("", "", 5, 2, 4, 4, bidirectional=True, ragged=True)
for mode, call in passes(CONTENDERS["authors"].build(shape, cpu, torch.float32), shape, cpu, torch.float32).items():
    call()
    print(mode)
u, x, v, b, c0 = alone.inputs(shape, cpu, torch.float32)
call, leaves = authors_recurrence(u, x, v, b, c0, True)
torch.testing.assert_close(call(), ops.recurrence("sru", u, x, v, b, c0, bidirectional=True)[0])
"""


@pytest.mark.slow
def test_it_runs_in_every_mode_and_its_kernel_agrees_with_ours() -> None:
    """In a process of its own, as two versions cannot be loaded into one."""
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["inference", "training", "ragged_inference", "ragged_training"]
    assert done.stderr == ""
