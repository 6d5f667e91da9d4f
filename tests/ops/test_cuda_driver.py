"""How the CUDA kernels are loaded and launched, without a GPU: through NVIDIA's own bindings, by a driver that keeps
what it is told (`fake_driver.cpp`) and runs the kernels compiled for the host (`host_shim.h`).

What the bindings make of their arguments, the order of the calls, and the bytes that reach a kernel are the real ones.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from sru_repro.ops import build, cuda, cuda_driver
from sru_repro.ops.cuda_driver import StackVariant

HERE = Path(__file__).parent
linux = pytest.mark.skipif(sys.platform != "linux", reason="the bindings are locked for Linux only")

SCRIPT = """
import ctypes, json, sys
import torch
from sru_repro import ops
from sru_repro.ops import build, cuda, cuda_driver

names, host = json.loads(sys.argv[1]), ctypes.CDLL(sys.argv[2])
fake = ctypes.CDLL("libcuda.so.1")
torch.cuda.current_device = lambda: 0
torch.cuda.get_device_capability = lambda index: (9, 0)
torch._C._cuda_getCurrentRawStream = lambda index: 4242
cuda._multiprocessors, cuda._gpu = lambda index: 1, lambda index: "a host"
cuda.launch = lambda variant, blocks, threads, call, index: cuda_driver.launch(variant, blocks, threads, call, 0)
told = []

@ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_uint, ctypes.c_uint, ctypes.c_void_p, ctypes.c_void_p)
def launched(function, blocks, threads, stream, call):
    told.append((function, blocks, threads, stream))
    host[names[function - 1]](ctypes.c_void_p(call), 0, blocks, threads)

fake.fake_on_launch(launched)
torch.manual_seed(0)
sizes = (9, 3, 3, 40), (9, 3, 40), (2, 40), (2, 40), (3, 40)
u, x, v, b, c0 = (torch.randn(size, requires_grad=True) for size in sizes)
expected, last = ops.reference.recurrence("sru", u, x, v, b, c0, None, None, False, 1.0, False)
back = torch.randn_like(expected), torch.zeros_like(last)
truth = torch.autograd.grad(expected, (u, x, v, b, c0), back[0])
given = [value.detach() for value in (u, x, v, b, c0)]

def both():
    h, c_n, states = cuda.forward("sru", *given, None, None, False, 1.0, False, True)
    grads = cuda.backward(*back, "sru", *given[:4], None, None, states, False, 1.0, False)
    for found, right in zip((h, c_n, *grads), (expected, last, *truth), strict=True):
        torch.testing.assert_close(found, right.detach(), rtol=1e-4, atol=1e-5)

both()
both()
assert fake.fake_loaded() == 3, "each kernel is loaded once"
assert fake.fake_capture_mode() == 0, "the mode of capture is put back"
assert [call[0] for call in told] == [1, 2, 3, 1, 2, 3] and {call[3] for call in told} == {4242}, told
assert all(blocks * threads >= 120 for _, blocks, threads, _ in told), told
fake.fake_refuse(1)  # a thread that has done nothing on the device so far: its context is entered
both()
fake.fake_refuse(2)
try:
    both()
except RuntimeError as error:
    print(error)
kept = build.cache_folder().glob("*.cubin")
for path in kept:
    path.write_bytes(build.sealed(path.name, b"no machine code"))
cuda_driver.load.cache_clear()
try:
    both()
except build.BuildError as error:
    print(error)
"""


def host_library(folder: Path) -> tuple[list[str], Path]:
    """The kernels of one call in both passes, for the host: their names in the order of the launches, the library."""
    with cuda.only_named() as forward:
        u, x, v = torch.zeros(9, 3, 3, 40), torch.zeros(9, 3, 40), torch.zeros(2, 40)
        c0 = torch.zeros(3, 40)
        h, c_n, states = cuda.forward("sru", u, x, v, v, c0, None, None, False, 1.0, False, True)
    with cuda.only_named() as backward:
        assert states is not None
        cuda.backward(h, c_n, "sru", u, x, v, v, None, None, states, False, 1.0, False)
    variants = [*forward, *backward]
    for variant in variants:  # here, as NVRTC asks a driver that is there for much more than a launch takes
        cuda_driver.cubin(variant, "sm_90")
    cuda_driver.cubin(cuda_driver.Sums(torch.float32), "sm_90")
    names = [re.sub(r"\W+", "_", f"{variant.kernel}_{variant.template}") for variant in variants]
    lines = ['#include "host_shim.h"']
    lines += [f"#define {name} {value}" for name, value in [*variants[0].code.defines, ("BOUNDS", "128")]]
    lines += ['#include "recurrence.cu"', '#include "cells/sru.h"']
    lines += [
        f"ON_HOST({name}, {variant.kernel}, {variant.template})"
        for name, variant in zip(names, variants, strict=True)
    ]
    lines += ["#define WORK f32", "namespace sums {", '#include "sums.cu"']
    lines += ["TOGETHER_ON_HOST(add_up, Call, Shared, add_rows, add_groups)", "}"]
    (folder / "host.cpp").write_text("\n".join(lines) + "\n")
    compile_library(folder / "host.cpp", folder / "host.so", f"-I{HERE}", f"-I{build.KERNELS}")
    return [*names, "add_up"], folder / "host.so"


def compile_library(source: Path, built: Path, *flags: str) -> None:
    command = ["g++", "-std=c++17", "-O0", "-fPIC", "-shared", "-fno-strict-aliasing", *flags]
    subprocess.run([*command, str(source), "-o", str(built)], check=True)


@linux
def test_kernels_are_loaded_once_and_launched_with_their_arguments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cuda, "_multiprocessors", lambda index: 1)
    monkeypatch.setattr(cuda, "_gpu", lambda index: "a host")
    (tmp_path / "kernels").mkdir()
    monkeypatch.setattr(build, "cache_folder", lambda: tmp_path / "kernels")
    names, library = host_library(tmp_path)
    compile_library(HERE / "fake_driver.cpp", tmp_path / "libcuda.so.1")
    environment = os.environ | {
        "LD_LIBRARY_PATH": str(tmp_path),
        "SRU_REPRO_KERNELS": str(tmp_path / "kernels"),
    }
    words = [sys.executable, "-c", SCRIPT, str(names).replace("'", '"'), str(library)]
    done = subprocess.run(words, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    refused, broken = done.stdout.splitlines()
    assert refused == "CUDA could not start the kernel forward of sru: CUDA_ERROR_INVALID_CONTEXT"
    assert broken == "CUDA's driver could not load a kernel for device 0: CUDA_ERROR_INVALID_IMAGE"


TOGETHER = """
import ctypes
import torch
from sru_repro.ops import cuda_driver
from sru_repro.ops.cuda_driver import StackVariant

fake = ctypes.CDLL("libcuda.so.1")
torch.cuda.current_device = lambda: 0
torch.cuda.get_device_capability = lambda index: (9, 0)
torch._C._cuda_getCurrentRawStream = lambda index: 4242
told = []

@ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_uint, ctypes.c_uint, ctypes.c_void_p, ctypes.c_void_p)
def launched(shared, blocks, threads, stream, call):
    told.append((-shared, blocks, threads, stream, ctypes.string_at(call, 5)))

fake.fake_on_launch(launched)
variant = StackVariant(torch.float32, 1, True, False)
for shared in (1024, 64 << 10):
    cuda_driver.launch(variant, 132, variant.code.threads, b"hello" + bytes(3000), 0, shared)
fake.fake_refuse(2)
try:
    cuda_driver.launch(variant, 132, variant.code.threads, b"hello", 0, 1024)
except RuntimeError as error:
    print(error)
print(told == [(shared, 132, 256, 4242, b"hello") for shared in (1024, 64 << 10)], fake.fake_loaded())
"""


@linux
def test_blocks_that_wait_for_each_other_are_launched_together(tmp_path: Path) -> None:
    """With as much shared memory as they ask for, also where that is more than a block has by itself."""
    (tmp_path / "kernels").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(build, "cache_folder", lambda: tmp_path / "kernels")
        cuda_driver.cubin(StackVariant(torch.float32, 1, True, False), "sm_90")
    compile_library(HERE / "fake_driver.cpp", tmp_path / "libcuda.so.1")
    environment = os.environ | {
        "LD_LIBRARY_PATH": str(tmp_path),
        "SRU_REPRO_KERNELS": str(tmp_path / "kernels"),
    }
    words = [sys.executable, "-c", TOGETHER]
    done = subprocess.run(words, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    refused, told = done.stdout.splitlines()
    assert refused == "CUDA could not start the kernel stack of sru: CUDA_ERROR_INVALID_CONTEXT"
    assert told == "True 1"
