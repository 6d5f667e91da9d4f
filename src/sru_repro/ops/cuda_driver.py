"""NVRTC and CUDA's driver: compiles a variant of the kernel, loads it, launches it. Nothing else imports them.

Machine code for the device at hand is written once for each `Kernel` and kept in the cache of `build`. The kernels
include no header of CUDA, so no folder of headers is looked for. Both are called through NVIDIA's thinnest bindings,
which cost a microsecond a launch, let other threads run while they compile, and need no GPU to do so.
"""

import ctypes
import functools
import re
from typing import Any, NamedTuple

import torch

from . import build
from .fused import NAMES

MOST_SHARED = 48 << 10
"""Bytes that a block has without asking for more."""
_Arguments = ctypes.c_char_p * 1


class Variant(NamedTuple):
    """What a kernel of a recurrence is compiled for."""

    kernel: str  # "forward" or "backward"
    cell: str
    u: torch.dtype
    x: torch.dtype
    skip: str  # "NONE", "INPUT" or "MATRIX"
    tanh: bool
    padded: bool
    per_step: bool
    columns: int
    depth: int

    @property
    def source(self) -> str:
        """The file in kernels/."""
        return "recurrence.cu"

    @property
    def threads(self) -> int:
        """Of a block, at most."""
        return 128

    @property
    def template(self) -> str:
        """The same in C++."""
        flags = ["Tanh" if self.tanh else "Identity", *(str(f).lower() for f in (self.padded, self.per_step))]
        arguments = [self.cell, NAMES[self.u], NAMES[self.x], self.skip, *flags, self.columns, self.depth]
        return f"Variant<{', '.join(map(str, arguments))}>"

    @property
    def code(self) -> "Code":
        """What the compiler is given."""
        defines = (("CELL", self.cell), ("KERNEL", self.kernel), ("VARIANT", self.template))
        headers = ("step.h", "recurrence.cuh", f"cells/{self.cell}.h")
        return Code("recurrence", f"{self.kernel} of {self.cell}", headers, defines)


class Sums(NamedTuple):
    """The kernel that adds up partial sums, for their type."""

    work: torch.dtype

    @property
    def code(self) -> "Code":
        """What the compiler is given."""
        return Code("sums", f"sums in {NAMES[self.work]}", (), (("WORK", NAMES[self.work]),))


class StackVariant(NamedTuple):
    """What the kernel of a step through a stack is compiled for."""

    kind: torch.dtype
    rows: int
    wide: bool
    tanh: bool

    @property
    def template(self) -> str:
        """The same in C++."""
        activation = "Tanh" if self.tanh else "Identity"
        return f"Stack<{NAMES[self.kind]}, {self.rows}, {str(self.wide).lower()}, {activation}>"

    @property
    def code(self) -> "Code":
        """What the compiler is given."""
        headers = ("step.h", "recurrence.cuh", "cells/sru.h")
        return Code("stack", "stack of sru", headers, (("VARIANT", self.template),), STACK_THREADS)


STACK_THREADS = 256
"""Of a block of the kernel that takes a stack through a step."""


class Code(NamedTuple):
    """A kernel as the compiler sees it: `name` is that of the source and of the function in it."""

    name: str
    what: str  # in words
    headers: tuple[str, ...]  # besides types.h
    defines: tuple[tuple[str, str], ...]  # but for BOUNDS
    threads: int = 128  # of a block, at most

    @property
    def source(self) -> str:
        """The name of the file."""
        return f"{self.name}.cu"


Kernel = Variant | Sums | StackVariant


def cubin(kernel: Kernel, architecture: str, log: Any = None) -> bytes:
    """The machine code of a kernel for an architecture such as "sm_90", from the cache or from NVRTC.

    A `log`, a file, takes the compiler's report on registers; then the cache is not looked at.

    Raises:
        build.BuildError: a package is missing, or the first error of the compiler.
    """
    try:
        from cuda.bindings import nvrtc
    except ImportError as error:
        raise build.BuildError(f"{error}: install cuda-bindings and nvidia-cuda-nvrtc of 13.x") from None
    code, reports = kernel.code, list[str]()

    def make() -> bytes:
        # Left alone, the compiler may keep values in memory to make room for more threads. Then it hears for how many
        # blocks to make room: for 3 (170 registers a thread), or for one.
        for bounds in (f"{code.threads}{blocks}" for blocks in ("", ", 3", ", 1")):
            machine_code, report = _compile(code, architecture, bounds)
            if not re.search(r"[1-9]\d* bytes spill", report):
                break
        reports.append(report)
        return machine_code

    try:
        sources = build.sources(code.source, *code.headers)
        key = build.fingerprint(sources, repr(code.defines), repr(nvrtc.nvrtcVersion()), architecture)
        if log is None:
            return build.kept(f"{code.what.replace(' ', '-')}-{architecture}-{key}.cubin", make, bytes)
        machine_code = make()
    except Exception as error:  # of three packages, which share no class of errors
        lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [repr(error)]
        told = next((line for line in lines if "error:" in line), lines[0])
        raise build.BuildError(f"NVRTC failed on {code.what}: {told}") from error
    log.write(reports[0])
    return machine_code


def _compile(code: Code, architecture: str, bounds: str) -> tuple[bytes, str]:
    """Machine code, and the compiler's report. `bounds`: threads and, if told, blocks that are to fit.

    Raises:
        build.BuildError: the compiler's report.
    """
    from cuda.bindings import nvrtc

    source = (build.KERNELS / code.source).read_bytes()
    macros = [*code.defines, ("BOUNDS", bounds)]
    args = [f"--gpu-architecture={architecture}", "--std=c++17", f"--include-path={build.KERNELS}"]
    args += ["--ftz=true"]  # e^x in one instruction; states below 1e-38 become zero
    args += [*(f"--define-macro={name}={value}" for name, value in macros), "--ptxas-options=-v"]
    options = [arg.encode() for arg in args]
    program = _checked(nvrtc.nvrtcCreateProgram(source, code.source.encode(), 0, [], []), "take the source")
    try:
        (status,) = nvrtc.nvrtcCompileProgram(program, len(options), options)
        report = _text(nvrtc.nvrtcGetProgramLogSize, nvrtc.nvrtcGetProgramLog, program).decode(
            errors="replace"
        )
        if int(status):
            raise build.BuildError(report.strip("\0 \n") or status.name)
        return _text(nvrtc.nvrtcGetCUBINSize, nvrtc.nvrtcGetCUBIN, program), report.strip("\0")
    finally:
        nvrtc.nvrtcDestroyProgram(program)


def _text(size_of: Any, read: Any, program: Any) -> bytes:
    """What a pair of NVRTC's functions gives: one tells the size, the other fills a buffer."""
    buffer = bytes(_checked(size_of(program), "tell a size"))
    _checked(read(program, buffer), "hand over its output")
    return buffer


def _checked(result: tuple[Any, ...], what: str) -> Any:
    """The value of a call of the driver or of the compiler.

    Raises:
        build.BuildError: the call failed.
    """
    if int(result[0]):
        whose = "NVRTC" if type(result[0]).__name__.startswith("nvrtc") else "CUDA's driver"
        raise build.BuildError(f"{whose} could not {what}: {result[0].name}")
    return result[1] if len(result) > 1 else None


@functools.cache
def _context(index: int) -> Any:
    """The context of a device that PyTorch uses, too."""
    from cuda.bindings import driver

    _checked(driver.cuInit(0), "start")
    device = _checked(driver.cuDeviceGet(index), "find the device")
    return _checked(driver.cuDevicePrimaryCtxRetain(device), "open the device")


@functools.cache
def load(kernel: Kernel, index: int) -> int:
    """The kernel, loaded on a device: its handle.

    Raises:
        build.BuildError: it cannot be built, or the driver does not take it.
    """
    from cuda.bindings import driver

    code = cubin(kernel, "sm_{}{}".format(*torch.cuda.get_device_capability(index)))
    _checked(driver.cuCtxSetCurrent(_context(index)), "enter the device's context")
    # While a graph is captured, loading is allowed in this mode only; it disturbs nothing that is recorded.
    mode = driver.CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_RELAXED
    before = _checked(driver.cuThreadExchangeStreamCaptureMode(mode), "prepare to load a kernel")
    try:
        module = _checked(driver.cuModuleLoadData(code), f"load a kernel for device {index}")
        function = _checked(driver.cuModuleGetFunction(module, kernel.code.name.encode()), "find the kernel")
        _checked(driver.cuFuncLoad(function), "load the kernel")  # now, and not at its first launch
    finally:
        driver.cuThreadExchangeStreamCaptureMode(before)
    return int(function)


def launch(
    kernel: Kernel, blocks: int, threads: int, call: bytes, index: int | None, shared: int | None = None
) -> None:
    """Starts a kernel on the current stream of a device.

    Args:
        kernel: what is launched.
        blocks: in the grid.
        threads: in a block.
        call: the kernel's struct of arguments.
        index: the device's.
        shared: bytes of shared memory for each block. With it all blocks run at once, or none: they may wait for each
            other.

    Raises:
        build.BuildError: the kernel could not be built or loaded.
        RuntimeError: the driver's reason why it could not be started.
    """
    from cuda.bindings import driver

    assert index is not None
    if torch.cuda.current_device() != index:
        with torch.cuda.device(index):
            return launch(kernel, blocks, threads, call, index, shared)
    function, stream = load(kernel, index), torch._C._cuda_getCurrentRawStream(index)
    arguments = _Arguments(call)  # lives until the driver has copied what it points to
    grid = (function, blocks, 1, 1, threads, 1, 1, shared or 0, stream, ctypes.addressof(arguments))
    start = functools.partial(driver.cuLaunchKernel, *grid, 0)
    if shared is not None:
        start = functools.partial(driver.cuLaunchCooperativeKernel, *grid)
        if shared > MOST_SHARED:
            most = driver.CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES
            _checked(driver.cuFuncSetAttribute(function, most, shared), "give a block more shared memory")
    (status,) = start()
    if status == driver.CUresult.CUDA_ERROR_INVALID_CONTEXT:
        # A thread that has done nothing on this device so far.
        _checked(driver.cuCtxSetCurrent(_context(index)), "enter the device's context")
        (status,) = start()
    if status:
        raise RuntimeError(f"CUDA could not start the kernel {kernel.code.what}: {status.name}")
    return None
