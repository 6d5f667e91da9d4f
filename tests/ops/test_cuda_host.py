"""What the CUDA kernels compute, without a GPU: their source compiled for the host.

`host_shim.h` stands in for CUDA; variants, grid and arguments are those that `ops.cuda` would launch with.
Shapes: L time, B batch, k matrices, D columns.
"""

import ctypes
import functools
import itertools
import math
import mmap
import operator
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from sru_repro import ops
from sru_repro.ops import build, cuda
from sru_repro.ops.cuda_driver import Kernel, Sums, Variant
from sru_repro.ops.launch_config import LaunchConfig, launched
from sru_repro.verify.call import gradient_of
from sru_repro.verify.draw import draw

BOTH = {"bidirectional": True}
WINDOW = 64
LINUX = sys.platform == "linux"
PASSES = ("forward", "backward")


@dataclass(frozen=True, eq=False)
class Case:
    """A call of `verify.draw.draw`, its types, and its launch configuration (None: as the rule says)."""

    cell: str
    shape: tuple[int, int, int] = (5, 3, 4)  # L, B, features of one direction
    options: dict[str, Any] = field(default_factory=dict)
    u: torch.dtype = torch.float32
    rest: torch.dtype | None = None  # of the other inputs; None: as U
    config: LaunchConfig | None = None

    def __str__(self) -> str:
        words = [self.cell, str(self.shape), *(f"{k}={v}" for k, v in self.options.items())]
        words += [str(kind).removeprefix("torch.") for kind in (self.u, self.rest) if kind]
        return "-".join([*words, *("x".join(map(str, config)) for config in [self.config] if config)])

    def run(
        self, make_call: Any, change: Callable[[Any], Any] = lambda call: call
    ) -> tuple[Any, dict[str, Any]]:
        """The call in the types of the case, and what `passes` gives for it."""
        length, batch, size = self.shape
        call = cast(make_call(self.cell, length, batch, size, **self.options), self)
        config = {} if self.config is None else dict.fromkeys(PASSES, self.config)
        with launched(**config):
            return call, passes(change(call))


def cases() -> Iterator[Case]:
    for cell, spec in ops.CELLS.items():
        highway = spec.output == "highway"
        everything = BOTH | {"activation": "tanh", "mask": highway, "padding": True}
        yield Case(cell, config=LaunchConfig(1, 2, 32))
        yield Case(cell, (19, 3, 37), everything, config=LaunchConfig(1, 8, 64))
        yield Case(cell, (1, 1, 131), BOTH, torch.float64)
        yield Case(cell, (9, 2, 12), everything, torch.bfloat16, config=LaunchConfig(4, 2, 32))
        yield Case(cell, (11, 3, 20), everything, torch.float64, config=LaunchConfig(1, 2, 64))
        yield Case(cell, (8, 5, 16), BOTH, torch.float16, config=LaunchConfig(2, 4, 32))
        if highway:
            for skip in ("matrix", "none"):
                yield Case(cell, (6, 3, 8), {"skip": skip, "mask": True}, config=LaunchConfig(4, 2, 32))
    # Every length about the depth of the pipeline, and columns that leave a block half empty.
    for length in (1, 2, 3, 4, 5, 7, 8, 9, 11, 12, 13):
        yield Case("sru", (length, 2, 37), {"padding": True}, config=LaunchConfig(1, 4, 64))
    for batch, size in ((1, 1), (1, 131), (7, 131), (64, 1)):
        yield Case("sru", (5, batch, size), {"padding": True}, config=LaunchConfig(1, 4, 32))
    for kind, config in itertools.product(
        (torch.float32, torch.bfloat16), (LaunchConfig(1, 4, 32), LaunchConfig(2, 4, 32))
    ):
        yield Case("sru", (10, 3, 8), {"per_step": True, "padding": True} | BOTH, kind, config=config)
    yield Case(
        "sru",
        (10, 3, 6),
        {"per_step": True, "skip": "matrix", "activation": "tanh"},
        config=LaunchConfig(2, 2, 32),
    )
    for config in (LaunchConfig(1, 4, 32), LaunchConfig(4, 2, 64)):  # as under autocast
        yield Case("sru", (6, 4, 8), BOTH, torch.bfloat16, torch.float32, config)
        yield Case("sru", (6, 4, 8), {"mask": True}, torch.float16, torch.float32, config)
    # Eight columns of 16 bits are 16 bytes; a tuner may ask for them, the rule does not.
    for kind, rest in ((torch.bfloat16, torch.float32), (torch.float16, None)):
        yield Case("sru", (9, 2, 16), BOTH | {"padding": True}, kind, rest, LaunchConfig(8, 2, 32))
    yield Case("qrnn_ifo", (6, 3, 8), BOTH, torch.bfloat16, config=LaunchConfig(8, 4, 32))
    # Pairs of columns at most, where the directions meet at an odd pair; none where they meet at an odd column.
    for size in (10, 5):
        yield Case("sru", (6, 3, size), BOTH, config=LaunchConfig(4, 2, 32))
    # As the rule launches them on a device of one multiprocessor: 1, 2 and 4 columns a thread, 8, 4 and 2 steps ahead.
    for batch, size in ((2, 16), (13, 32), (26, 64)):
        yield Case("sru", (20, batch, size), BOTH)


CASES = [*cases()]


def cast(call: Any, case: Case) -> Any:
    """The call in the types of the case; the initial state in the type of the work."""
    rest, work = case.rest or case.u, cuda.WORK[case.u]
    kinds = {"u_LBkD": case.u, "c0_BD": work}
    low = call.with_inputs(lambda name, value: value.to(kinds.get(name, rest)))
    low.rest.update({key: low.rest[key].to(rest) for key in ("mask_BD",) if key in low.rest})
    return low


def passes(call: Any) -> dict[str, Any]:
    """Both passes of the CUDA driver: what `Call.results` gives, the states, and gradients of what was not given."""
    get = (call.inputs | call.rest).get
    u, shared, masks = (
        get("u_LBkD"),
        (get("x_LBD"), get("v"), get("b_2D")),
        (get("mask_BD"), get("padding_LB")),
    )
    options = (get("activation") == "tanh", get("skip_scale", 1.0), get("bidirectional"))
    arguments = (call.cell, u, *shared, get("c0_BD"), *masks, *options)
    h, c_n, states = cuda.forward(*arguments, True)
    assert states is not None
    grad_h, grad_c_n = call.incoming("h", h), call.incoming("c_n", c_n)  # NaN at padded steps
    grads = cuda.backward(grad_h, grad_c_n, call.cell, u, *shared, *masks, states, *options)
    names = map(gradient_of, ("u_LBkD", "x_LBD", "v", "b_2D", "c0_BD"))
    found = {"h": h, "c_n": c_n, "states": states} | dict(zip(names, grads, strict=True))
    h_alone, c_n_alone, nothing = cuda.forward(*arguments, False)
    return found | {"h of inference": h_alone, "c_n of inference": c_n_alone, "states of inference": nothing}


@functools.cache
def clean(case: Case) -> dict[str, Any]:
    """What the kernels give for a case; inside `on_host`."""
    return case.run(draw)[1]


@functools.cache
def library(make_call: Any, folder: Path) -> ctypes.CDLL:
    """Every kernel that the cases launch, compiled for the host."""
    found: dict[str, Kernel] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cuda, "_multiprocessors", lambda _: 1)
        patch.setattr(cuda, "_gpu", lambda _: "a host")
        patch.setattr(cuda, "launch", lambda kernel, *_: found.setdefault(symbol(kernel), kernel))
        for case in CASES:
            case.run(make_call)
        if LINUX:
            big(cuda.launch)
    sums = [found.pop(symbol(Sums(kind))) for kind in (torch.float32, torch.float64)]
    variants = {name: kernel for name, kernel in found.items() if isinstance(kernel, Variant)}
    one = next(iter(variants.values()))
    lines = ['#include "host_shim.h"']
    lines += [f"#define {name} {value}" for name, value in [*one.code.defines, ("BOUNDS", "128")]]
    lines += ['#include "recurrence.cu"', *(f'#include "cells/{cell}.h"' for cell in ops.CELLS)]
    lines += [f"ON_HOST({name}, {variant.kernel}, {variant.template})" for name, variant in variants.items()]
    for name, work in ((symbol(kernel), kernel.code.defines[0][1]) for kernel in sums):
        lines += [f"#undef WORK\n#define WORK {work}\nnamespace of_{work} {{", '#include "sums.cu"']
        lines += [f"TOGETHER_ON_HOST({name}, Call, Shared, add_rows, add_groups)", "}"]
    source, built = folder / "host.cpp", folder / "host.so"
    source.write_text("\n".join(lines) + "\n")
    command = ["g++", "-std=c++17", "-O0", "-fPIC", "-shared", "-fno-strict-aliasing", "-Werror"]
    command += [f"-I{Path(__file__).parent}", f"-I{build.KERNELS}", str(source), "-o", str(built)]
    subprocess.run(command, check=True)
    return ctypes.CDLL(str(built))


def symbol(kernel: Kernel) -> str:
    """The name of a kernel in that library."""
    template = kernel.template if isinstance(kernel, Variant) else ""
    return re.sub(r"\W+", "_", f"{kernel.code.what} {template}")


@pytest.fixture
def on_host(
    make_call: Any, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ctypes.CDLL]:
    """`ops.cuda` launches on the host, as on a device of one multiprocessor, into memory full of NaN."""
    kernels = library(make_call, tmp_path_factory.getbasetemp())

    def launch(kernel: Kernel, blocks: int, threads: int, call: bytes, _: int | None) -> None:
        kernels[symbol(kernel)](call, 0, blocks, threads)

    monkeypatch.setattr(cuda, "_multiprocessors", lambda _: 1)
    monkeypatch.setattr(cuda, "_gpu", lambda _: "a host")
    monkeypatch.setattr(cuda, "launch", launch)
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True)
    try:
        assert torch.empty(3).isnan().all()
        yield kernels
    finally:
        torch.use_deterministic_algorithms(before)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_kernels_compute_the_reference(make_call: Any, on_host: Any, case: Case) -> None:
    """Within 2 (gradients: 3) times the error of the reference loop on the same rounded inputs.

    Errors are root mean squares; half a unit of the type, the rounding of the result itself, is granted to either.
    """
    low, found = cast(draw(case.cell, *case.shape, **case.options), case), clean(case)
    loop = low.results("reference")
    truth = low.with_inputs(lambda _, value: value.double()).results("reference")
    for name, exact in truth.items():
        value, expected = found[name], loop[name]
        assert (value.dtype, value.shape) == (expected.dtype, expected.shape), name
        if not exact.numel():
            continue
        error, allowed = (float((r - exact).square().mean().sqrt()) for r in (value, expected))
        rounding = float(exact.abs().max()) * torch.finfo(value.dtype).eps / 2
        if value.dtype == torch.float64:
            rounding = 1e-10  # the loop is the truth itself there
        assert error <= (2 if name in ("h", "c_n") else 3) * max(allowed, rounding), name
    assert torch.equal(found["states"][0], low.inputs["c0_BD"])
    assert torch.equal(found["states"][-1], found["c_n"])
    assert found["states of inference"] is None
    assert all(torch.equal(found[name], found[f"{name} of inference"]) for name in ("h", "c_n"))
    assert all(found[name] is None for name in map(gradient_of, ("x_LBD", "v", "b_2D")) if name not in truth)


@pytest.mark.parametrize("case", [case for case in CASES if case.options.get("padding")], ids=str)
def test_what_stands_at_padded_steps_goes_nowhere(make_call: Any, on_host: Any, case: Case) -> None:

    def spoil(call: Any) -> Any:
        spoilt = call.with_inputs(lambda name, value: value.clone())
        for name, value in spoilt.inputs.items():
            if name in ("u_LBkD", "x_LBD") or value.dim() == 4:
                value[call.rest["padding_LB"]] = torch.nan
        return spoilt

    for name, value in case.run(make_call, spoil)[1].items():
        assert value is None or torch.equal(value, clean(case)[name]), name


def test_layouts_and_addresses_do_not_matter(make_call: Any, on_host: Any) -> None:
    """Transposed arguments, and arguments that begin at an odd place in memory, where no wide access may go."""
    case = Case("sru", (10, 3, 8), {"per_step": True, "padding": True} | BOTH, config=LaunchConfig(2, 4, 32))
    plain = clean(case)

    def transposed(_: str, value: Tensor) -> Tensor:
        return value.transpose(0, 1).contiguous().transpose(0, 1)

    def moved(_: str, value: Tensor) -> Tensor:
        return torch.cat([value.new_zeros(1), value.flatten()])[1:].view(value.shape)

    for change in (transposed, moved):
        found = case.run(make_call, operator.methodcaller("with_inputs", change))[1]
        for name, value in found.items():
            assert value is None or torch.equal(value, plain[name]), (change.__name__, name)


def test_an_empty_batch_is_no_launch(make_call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuda, "launch", lambda *_: pytest.fail("launched"))
    found = Case("sru", (4, 0, 8)).run(make_call)[1]
    assert (
        found["h"].shape == (4, 0, 8)
        and not found["gradient of v"].any()
        and not found["gradient of b_2D"].any()
    )


@pytest.mark.parametrize("kind", [torch.float32, torch.float64])
@pytest.mark.parametrize(("rows", "size"), [(1, 1), (3, 16), (4, 17), (37, 24), (1000, 5)])
def test_partial_sums_are_added_up_in_double(on_host: Any, kind: torch.dtype, rows: int, size: int) -> None:
    parts = [torch.randn(rows, 2, size, dtype=kind) * 1e3 for _ in range(2)]
    for number in (1, 2):
        sums = [torch.empty(2, size, dtype=kind) for _ in range(number)]
        cuda._add_up(parts[:number], sums)
        for part, found in zip(parts, sums, strict=False):
            # In double nothing is left but the rounding of the result.
            groups = torch.stack([part[group::8].double().sum(0) for group in range(8)])
            eps = torch.finfo(kind).eps
            torch.testing.assert_close(found, groups.sum(0).to(kind), rtol=eps, atol=1e3 * rows * 2**-52)


def test_what_is_absent_begins_with_zero_and_what_is_not_needed_is_not_written(on_host: Any) -> None:
    """No initial state, no gradient of the last one, and a gradient of U alone."""
    call = Case("sru", (6, 3, 8), BOTH | {"mask": True}, config=LaunchConfig(4, 2, 32))
    low = cast(draw(call.cell, *call.shape, **call.options), call)
    u, *shared = (low.inputs[name] for name in ("u_LBkD", "x_LBD", "v", "b_2D"))
    zeros, rest = torch.zeros_like(low.inputs["c0_BD"]), (low.rest["mask_BD"], None)
    options = (False, low.rest["skip_scale"], True)
    h, c_n, states = cuda.forward("sru", u, *shared, zeros, *rest, *options, True)  # type: ignore[call-arg]
    absent = cuda.forward("sru", u, *shared, None, *rest, *options, True)  # type: ignore[call-arg]
    assert torch.equal(h, absent[0]) and torch.equal(c_n, absent[1])
    assert states is not None and absent[2] is not None and torch.equal(states, absent[2])
    arguments: Any = ("sru", u, *shared, *rest, states, *options)
    full = cuda.backward(h, zeros, *arguments)
    alone = cuda.backward(h, None, *arguments, needed=(False,) * 4)
    assert torch.equal(full[0], alone[0]) and alone[1:] == (None,) * 4


def sparse(kind: torch.dtype, *shape: int) -> Tensor:
    """Zeros that take no memory until they are written, however many they are; random at both ends of the last axis."""
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x4000  # MAP_NORESERVE, a name that Python 3.11 lacks
    memory = mmap.mmap(-1, math.prod(shape) * kind.itemsize, flags)
    memory.madvise(mmap.MADV_NOHUGEPAGE)
    value = torch.frombuffer(memory, dtype=kind).view(shape)
    value[..., :WINDOW].normal_()
    value[..., -WINDOW:].normal_()
    return value


def big(launch: Callable[..., Any]) -> list[Tensor]:
    """Both passes over arrays of 4.7e9 to 1.9e10 values, of which the first and the last columns are computed."""
    length, size, bf16, f32 = 9, 1 << 29, torch.bfloat16, torch.float32
    (u, grad_u), (h, grad_h) = ([sparse(bf16, length, 1, *k, size) for _ in range(2)] for k in ([4], []))
    c0, c_n, grad_c0, grad_c_n = (sparse(f32, 1, size) for _ in range(4))
    states = sparse(f32, length + 1, 1, size)
    none = [None] * 7
    ahead = (u, *none[:3], c0, None, None, h, c_n, states, *none)
    back = (u, *none[:6], None, None, states, grad_h, grad_c_n, grad_u, *none[:3], grad_c0)
    with pytest.MonkeyPatch.context() as patch, launched(**dict.fromkeys(PASSES, LaunchConfig(1, 2, 32))):
        patch.setattr(cuda, "launch", launch)
        for kernel, arrays in zip(PASSES, (ahead, back), strict=True):
            cuda._run(kernel, "qrnn_ifo", arrays, False, 1.0, True)
    return [u, c0, h, c_n, states, grad_h, grad_c_n, grad_u, grad_c0]


@pytest.mark.skipif(not LINUX, reason="takes memory without a reserve, in Linux's way")
def test_tensors_of_more_than_2_to_the_32_values(on_host: ctypes.CDLL) -> None:
    """The first and the last blocks of a call that fills no memory, in both directions of time."""

    def launch(variant: Variant, blocks: int, threads: int, call: bytes, _: int | None) -> None:
        for first in (0, blocks - WINDOW // threads):
            on_host[symbol(variant)](call, first, first + WINDOW // threads, threads)

    def window(value: Tensor) -> Tensor:
        return torch.cat([value[..., :WINDOW], value[..., -WINDOW:]], -1)

    u, c0, h, c_n, states, grad_h, grad_c_n, grad_u, grad_c0 = map(window, big(launch))
    assert torch.equal(states[0], c0) and torch.equal(states[-1], c_n)
    leaves = [value.double().requires_grad_() for value in (u, c0)]
    with ops.use("reference"):
        outputs = ops.recurrence("qrnn_ifo", leaves[0], c0_BD=leaves[1], bidirectional=True)
    grads = torch.autograd.grad(outputs, leaves, [grad_h.double(), grad_c_n.double()])
    for value, exact in zip((h, c_n, grad_u, grad_c0), (*outputs, *grads), strict=True):
        torch.testing.assert_close(value.double(), exact.detach(), rtol=0.01, atol=0.01)
