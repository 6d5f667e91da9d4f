"""The authors' `sru` package as a peer: imported where it is installed, or from `.venv/peers`, where `make` puts it."""

import fcntl
import importlib
import importlib.util
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import ModuleType

import torch
from torch import Tensor

from ..ops.build import cache_folder

VERSION = "3.0.0.dev6"
SHIM = Path(__file__).with_name("authors_shim.h")
_WARNING = "Just-in-time loading and compiling the CUDA kernels of SRU"


def peer_folder() -> Path:
    """Where `make` installs it: two versions cannot live in one environment, so it stands beside."""
    return Path(sys.prefix) / "peers" / VERSION


_refused: dict[str, str] = {}
"""Why it did not build, by type of device: a second try would take as long, and find half a package."""


def authors_package(device_type: str) -> ModuleType:
    """The package. Importing it compiles its operators, 20 seconds the first time (for CUDA more than a minute).

    Raises:
        RuntimeError: it is not there, or does not build for that kind of device; the same again when asked again.
    """
    if device_type in _refused:
        raise RuntimeError(_refused[device_type])
    try:
        return _package(device_type)
    except Exception as error:
        _refused[device_type] = str(error)
        raise


@cache
def _package(device_type: str) -> ModuleType:
    beside = importlib.util.find_spec("sru") is None
    if beside and not (peer_folder() / "sru").is_dir():
        raise RuntimeError(f"sru {VERSION} is not installed; `make setup` does it")
    with _builds(device_type), warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        sys.path += [str(peer_folder())] * beside
        try:
            package = importlib.import_module("sru")
        finally:
            sys.path[:] = [place for place in sys.path if not beside or place != str(peer_folder())]
    refused = [str(warning.message) for warning in told if _WARNING in str(warning.message)]
    if refused and device_type == "cuda":
        lines = refused[0].strip().splitlines()
        raise RuntimeError(lines[1] if len(lines) > 1 else lines[0])
    return package


@contextmanager
def _builds(device_type: str) -> Iterator[None]:
    """Its operators are built by one process at a time, beside the package where `make` has put it, else in the
    kernels' cache; for the CPU without nvcc."""
    from torch.utils import cpp_extension

    kind = "" if device_type == "cpu" else f"-{device_type}"
    home = peer_folder() if (peer_folder() / "sru").is_dir() else cache_folder() / "authors"
    build = home / "build" / f"torch-{torch.__version__}{kind}"
    build.mkdir(parents=True, exist_ok=True)
    before = {name: os.environ.get(name) for name in ("PATH", "TORCH_EXTENSIONS_DIR", "NVCC_PREPEND_FLAGS")}
    nvcc = cpp_extension.CUDA_HOME
    os.environ["TORCH_EXTENSIONS_DIR"] = str(build)
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), before["PATH"] or ""])  # ninja
    os.environ["NVCC_PREPEND_FLAGS"] = f"-include {SHIM} {before['NVCC_PREPEND_FLAGS'] or ''}".strip()
    if device_type == "cpu":
        cpp_extension.CUDA_HOME = None
    try:
        with (build / "in_use").open("w") as in_use:
            fcntl.flock(in_use, fcntl.LOCK_EX)
            # PyTorch waits for ever on the file that an interrupted build has left behind.
            for stale in build.glob("*/lock"):
                stale.unlink()
            yield
    finally:
        cpp_extension.CUDA_HOME = nvcc
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def authors_recurrence(
    u_LBkD: Tensor, x_LBD: Tensor, v_2D: Tensor, b_2D: Tensor, c0_BD: Tensor, bidirectional: bool
) -> tuple[Callable[[], Tensor], list[Tensor]]:
    """A call of their elementwise recurrence on the same numbers, and its leaves; U is laid out as theirs before."""
    ops = importlib.import_module(f"{authors_package(u_LBkD.device.type).__name__}.ops")
    run = ops.elementwise_recurrence_gpu if u_LBkD.is_cuda else ops.elementwise_recurrence_naive
    hidden = u_LBkD.size(3) // (2 if bidirectional else 1)
    # Theirs is [direction][feature][gate]: the gate varies fastest.
    u = u_LBkD.detach().transpose(2, 3).flatten(2).contiguous().requires_grad_()
    v, b = (value.detach().flatten().requires_grad_() for value in (v_2D, b_2D))

    def call() -> Tensor:
        h_LBD: Tensor = run(u, x_LBD, v, b, c0_BD, 0, hidden, bidirectional, True)[0]
        return h_LBD

    return call, [u, x_LBD, v, b]
