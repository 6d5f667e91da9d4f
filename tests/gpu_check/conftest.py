"""A GPU that is pretended: whatever asks for CUDA gets the CPU, so that the lines for a GPU run on any machine."""

import time
from collections.abc import Iterator
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any
from unittest.mock import create_autospec

import pytest
import torch
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_map

from sru_repro.bench import alone, authors, contenders, whole
from sru_repro.gpu_check import gpu
from sru_repro.ops import cpp, cuda, cuda_driver, dispatch


class _OnCPU(TorchFunctionMode):
    """Every function of torch that is asked for a GPU."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        args, kwargs = tree_map(_moved, (args, kwargs or {}))
        return func(*args, **kwargs)


def _moved(value: Any) -> Any:
    return torch.device("cpu") if isinstance(value, torch.device) else value


class _Event:
    """The host's clock."""

    def __init__(self, enable_timing: bool) -> None:
        self.at = 0.0

    def record(self) -> None:
        self.at = time.perf_counter()

    def synchronize(self) -> None:
        """Nothing to wait for."""

    def elapsed_time(self, other: "_Event") -> float:
        return 1e3 * (other.at - self.at)


def _named_or_run(name: str) -> Any:
    """The CUDA back end names its kernels as it would on a GPU; the CPU's kernels compute."""

    def call(*arguments: Any, **options: Any) -> Any:
        return getattr(cuda if cuda._named is not None else cpp, name)(*arguments, **options)

    return call


@pytest.fixture
def pretended_gpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """The list of the variants whose machine code was asked for."""
    stream = torch.cuda.Stream
    built: list[Any] = []
    properties = SimpleNamespace(
        name="A pretended GPU", major=9, minor=0, multi_processor_count=132, total_memory=80 << 30
    )

    def cubin(variant: Any, architecture: str) -> bytes:
        built.append(variant)
        return b"code"

    stand_ins: dict[str, Any] = {
        "Stream": lambda device=None: create_autospec(stream, instance=True),
        "current_stream": lambda device=None: create_autospec(stream, instance=True),
        "stream": lambda stream: nullcontext(),
        "Event": _Event,
        "synchronize": lambda device=None: None,
        "get_device_properties": lambda index: properties,
        "get_device_capability": lambda index=None: (9, 0),
        "get_device_name": lambda index=None: properties.name,
        "current_device": lambda: 0,
        "device_count": lambda: 2,
        "is_available": lambda: True,
        "mem_get_info": lambda device=None: (1 << 40, 1 << 40),
        "reset_peak_memory_stats": lambda device=None: None,
        "memory_allocated": lambda device=None: 0,
        "max_memory_allocated": lambda device=None: 1,
        "_sleep": lambda cycles: None,
    }
    for name, stand_in in stand_ins.items():
        assert hasattr(torch.cuda, name)
        monkeypatch.setattr(torch.cuda, name, stand_in)
    back_end = SimpleNamespace(
        available=lambda: (True, "pretended"),
        forward=_named_or_run("forward"),
        backward=_named_or_run("backward"),
    )
    real = dispatch.module
    monkeypatch.setattr(dispatch, "module", lambda name: back_end if name == "cuda" else real(name))
    monkeypatch.setattr(dispatch, "FUSED", {"cpp": "cpu", "cuda": "cpu"})
    monkeypatch.setattr(cuda, "_multiprocessors", lambda index: 132)
    monkeypatch.setattr(cuda, "_gpu", lambda index: properties.name)
    monkeypatch.setattr(cuda_driver, "cubin", cubin)

    def fail(device_type: str) -> None:
        raise RuntimeError("nothing compiles here")

    for module in (authors, contenders):
        monkeypatch.setattr(module, "authors_package", fail)
    monkeypatch.setattr(alone, "backends", lambda device: ["cuda", "eager"])
    for module in (gpu, whole):
        monkeypatch.setattr(module, "graph", lambda call, first=3: call)
    dispatch._fitting.cache_clear()
    with _OnCPU():
        yield built
    dispatch._fitting.cache_clear()
