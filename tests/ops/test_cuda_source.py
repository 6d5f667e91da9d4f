"""What NVRTC says of the CUDA kernels, on a machine without a GPU; `test_cuda_host.py` runs them."""

import io
import itertools
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from sru_repro import ops
from sru_repro.ops import build, cuda, cuda_driver, launch_config
from sru_repro.ops.cuda_driver import Kernel, Sums, Variant
from sru_repro.ops.launch_config import rule

ARCHITECTURES = ("sm_80", "sm_90", "sm_100")
REGISTERS = 216
"""Of the 255 that a thread may have; with 216 a multiprocessor holds 9 warps."""
linux = pytest.mark.skipif(sys.platform != "linux", reason="NVRTC is locked for Linux only")


def variants() -> Iterator[tuple[Variant, str]]:
    """Every cell in both passes on every architecture; the ways to config it take turns, the SRU has them all."""
    f32, bf16 = torch.float32, torch.bfloat16
    kinds = [(f32, f32, 1, 8), (bf16, bf16, 2, 4), (f32, f32, 4, 2), (bf16, f32, 4, 2)]
    for architecture, kernel in itertools.product(ARCHITECTURES, ("forward", "backward")):
        for i, (cell, spec) in enumerate(ops.CELLS.items()):
            skip = "INPUT" if spec.output == "highway" else "NONE"
            for turn, kind in enumerate(kinds):
                mine = (i + turn) % len(kinds) == ARCHITECTURES.index(architecture)
                if mine or (cell, architecture) == ("sru", "sm_90"):
                    yield Variant(kernel, cell, *kind[:2], skip, True, True, False, *kind[2:]), architecture
        yield Variant(kernel, "sru", f32, f32, "MATRIX", True, True, True, 1, 4), architecture
    yield Variant("backward", "sru", torch.float64, torch.float64, "INPUT", True, True, True, 1, 2), "sm_90"


def chosen() -> Iterator[Variant]:
    """The SRU's kernels as they are launched: by the rule on an H200 (132 multiprocessors), from 1024 columns to a
    million, and as the table has them, which was measured without padding."""
    for row in itertools.chain(*launch_config.read(launch_config.TABLE).values()):
        kind, config = getattr(torch, row.dtype), row.config
        yield Variant(
            row.kernel, "sru", kind, kind, "INPUT", False, False, False, config.columns, config.depth
        )
    kinds = (torch.float32, torch.bfloat16, torch.float64)
    for kind, kernel in itertools.product(kinds, ("forward", "backward")):
        step = cuda.step_bytes(kernel, kind, 3, kind)
        for columns in (1 << i for i in range(10, 21)):
            config = rule(columns, 1 if kind == torch.float64 else 4, step, 128, 132)
            yield Variant(
                kernel, "sru", kind, kind, "INPUT", False, True, False, config.columns, config.depth
            )


@linux
@pytest.mark.slow
@pytest.mark.parametrize(("variant", "architecture"), [*variants()], ids=str)
def test_nvrtc_compiles_without_spills(variant: Variant, architecture: str) -> None:
    check_report(variant, architecture)


@linux
@pytest.mark.slow
@pytest.mark.parametrize("variant", sorted(set(chosen()), key=str), ids=str)
def test_no_launch_configuration_that_is_chosen_spills(variant: Variant) -> None:
    check_report(variant, "sm_90")


@linux
@pytest.mark.slow
@pytest.mark.parametrize("kind", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_kernel_that_adds_up_compiles_without_spills(kind: torch.dtype, architecture: str) -> None:
    check_report(Sums(kind), architecture)


def check_report(variant: Kernel, architecture: str, registers: int = REGISTERS) -> None:
    log = io.StringIO()
    code, report = cuda_driver.cubin(variant, architecture, log), log.getvalue()
    assert code.startswith(b"\x7fELF")
    assert "warning" not in report
    numbers = {
        what: int(n) for n, what in re.findall(r"(\d+) bytes (stack frame|spill stores|spill loads)", report)
    }
    assert numbers == {"stack frame": 0, "spill stores": 0, "spill loads": 0}
    found = re.search(r"Used (\d+) registers", report)
    assert found and int(found[1]) <= registers


@linux
def test_machine_code_is_kept_and_an_error_is_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(build, "cache_folder", lambda: tmp_path)
    variant = next(variants())[0]
    code = cuda_driver.cubin(variant, "sm_90")
    (kept,) = tmp_path.glob("forward-of-sru-sm_90-*.cubin")
    assert build.whole(kept) == code
    kept.write_bytes(build.sealed(kept.name, b"kept"))
    assert cuda_driver.cubin(variant, "sm_90") == b"kept"
    for damaged in (code, kept.read_bytes()[:-1], b""):  # not as it was kept
        kept.write_bytes(damaged)
        assert cuda_driver.cubin(variant, "sm_90") == code == build.whole(kept)
    with pytest.raises(build.BuildError, match=r"^NVRTC failed on forward of sru: .*error: .*arch.*$"):
        cuda_driver.cubin(variant, "sm_12")
    with pytest.raises(build.BuildError, match=r"^NVRTC failed on forward of sru: .*error: .*$"):
        cuda_driver.cubin(variant._replace(skip="NOTHING"), "sm_90")


def test_without_a_device_the_reason_is_one_line() -> None:
    usable, why = cuda.available()
    assert usable == torch.cuda.is_available() and why and "\n" not in why
