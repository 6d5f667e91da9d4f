"""A step through a stack of SRU layers in one launch, without a GPU: its kernel compiled for the host (`grid_shim.h`).

Shapes: l layers, B batch, D input features, H columns, k matrices.
"""

import ctypes
import functools
import re
import struct
import subprocess
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from sru_repro.models import SRU
from sru_repro.ops import build, cuda, dispatch, reference, stack
from sru_repro.ops.cuda_driver import StackVariant
from sru_repro.ops.stack import Layer

from .test_cuda_source import ARCHITECTURES, check_report, linux

KINDS = {torch.float32: 2e-6, torch.bfloat16: 2**-7, torch.float16: 2**-10}
"""The types, and how far a value may be off: of half precision, of which layers hand outputs on, two roundings."""


@dataclass(frozen=True)
class Case:
    """A stack: layers, batch, input features, columns."""

    layers: int = 3
    batch: int = 1
    inputs: int = 64
    columns: int = 64
    kind: torch.dtype = torch.float32
    skip: str = "input"
    tanh: bool = False
    peephole: bool = True
    blocks: int = 3

    def draw(self) -> tuple[list[Layer], Tensor, Tensor]:
        """Layers, x (B, D), c0 (l, B, H)."""
        generator = torch.Generator().manual_seed(self.layers * 1000 + self.batch)

        def normal(*sizes: int) -> Tensor:
            return torch.randn(sizes, generator=generator)

        layers = []
        for i in range(self.layers):
            inputs = self.columns if i else self.inputs
            skip: Any = "matrix" if self.skip == "input" and inputs != self.columns else self.skip
            weight = normal((4 if skip == "matrix" else 3) * self.columns, inputs) / inputs**0.5
            v, b = (normal(2, self.columns).to(self.kind) for _ in range(2))
            layers.append(Layer(weight.to(self.kind), v if self.peephole else None, b, skip, 1.25))
        x = normal(self.batch, self.inputs).to(self.kind)
        return layers, x, normal(self.layers, self.batch, self.columns)

    @property
    def variant(self) -> StackVariant:
        values = 16 // self.kind.itemsize
        wide = self.inputs % values == 0 and self.columns % values == 0
        return StackVariant(self.kind, 1 if self.batch == 1 else stack.ROWS, wide, self.tanh)


def expected(case: Case, layers: list[Layer], x: Tensor, c0: Tensor) -> tuple[Tensor, Tensor]:
    """Layer by layer in float64, from one layer to the next in the type of the case."""
    h, last = x.unsqueeze(0), []
    for layer, c_BH in zip(layers, c0, strict=True):
        u = (h.double() @ layer.weight_kHD.double().T).view(1, case.batch, -1, case.columns)
        x_in = h.double() if layer.skip == "input" else None
        cell = "sru" if layer.v_2H is not None else "sru_v1"
        v = None if layer.v_2H is None else layer.v_2H.double()
        h, c_n = reference.recurrence(
            *(cell, u, x_in, v, layer.b_2H.double(), c_BH.double(), None, None, case.tanh),
            *(layer.skip_scale, False),
        )
        h = h.to(case.kind)
        last.append(c_n)
    return h[0], torch.stack(last)


CASES = [
    *(Case(layers, batch, kind=kind) for kind in KINDS for layers in (1, 2, 16) for batch in (1, 2, 32)),
    *(Case(3, batch, 40, 72, kind) for kind in KINDS for batch in (1, 7, 9)),  # four matrices, and not in all
    *(Case(2, batch, 37, 51, kind) for kind in KINDS for batch in (1, 3, 10)),  # no access of 16 bytes
    *(Case(2, batch, 1, 1, kind) for kind in KINDS for batch in (1, 2)),
    # More than is read ahead, and more columns than there are warps.
    *(Case(2, batch, 1032, 1032, kind) for kind in (torch.float32, torch.bfloat16) for batch in (1, 2)),
    Case(2, 4, 601, 601),
    *(Case(4, 5, skip=skip, tanh=True) for skip in ("none", "input", "matrix")),
    *(Case(4, 5, skip=skip, peephole=False) for skip in ("none", "input", "matrix")),
    *(Case(5, 2, blocks=blocks) for blocks in (1, 2, 40)),
    Case(stack.LAYERS, 2, 16, 16),
]  # fmt: skip


def symbol(variant: StackVariant) -> str:
    return re.sub(r"\W+", "_", variant.template)


@functools.cache
def library(folder: Path) -> ctypes.CDLL:
    """The kernel of every case, and what an SRU of the tests takes, for the host."""
    variants = {case.variant for case in CASES} | {
        StackVariant(torch.float32, rows, True, tanh) for rows in (1, stack.ROWS) for tanh in (False, True)
    }
    lines = ['#include "grid_shim.h"', '#include "stack.cu"']
    lines += [f"STACK_ON_HOST({symbol(variant)}, {variant.template})" for variant in variants]
    source, built = folder / "stack.cpp", folder / "stack.so"
    source.write_text("\n".join(lines) + "\n")
    command = ["g++", "-std=c++17", "-O1", "-fPIC", "-shared", "-fno-strict-aliasing", "-Werror"]
    command += [f"-I{Path(__file__).parent}", f"-I{build.KERNELS}", str(source), "-o", str(built)]
    subprocess.run(command, check=True)
    return ctypes.CDLL(str(built))


@pytest.fixture
def on_host(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> list[tuple[StackVariant, int]]:
    """`ops.stack` launches on the host, as on a device of three multiprocessors; the variants and blocks it chose."""
    kernels = library(tmp_path_factory.getbasetemp())
    told: list[tuple[StackVariant, int]] = []

    def launch(
        variant: StackVariant, blocks: int, threads: int, call: bytes, _: int | None, shared: int
    ) -> None:
        assert len(call) == stack._CALL.size + stack.LAYERS * stack._LAYER.size
        told.append((variant, blocks))
        getattr(kernels, symbol(variant))(call, blocks, threads, shared)

    monkeypatch.setattr(cuda, "_multiprocessors", lambda _: 3)
    monkeypatch.setattr(stack, "GPUS", ("cpu",))
    monkeypatch.setattr(stack, "launch", launch)
    monkeypatch.setattr(stack, "_failed", "")
    monkeypatch.setattr(stack, "choose", lambda device: dispatch.Choice("cuda", "pretended"))
    return told


@pytest.mark.parametrize(
    "case",
    [pytest.param(case, marks=pytest.mark.slow if case.layers * case.batch > 100 else ()) for case in CASES],
    ids=str,
)
def test_the_kernel_computes_the_reference(
    case: Case, on_host: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cuda, "_multiprocessors", lambda _: case.blocks)
    layers, x, c0 = case.draw()
    before = c0.clone()
    found = stack.step(layers, x, c0, case.tanh)
    assert found is not None and on_host == [(case.variant, min(case.blocks, case.columns))]
    wanted = expected(case, layers, x, c0)
    for value, exact, kind in zip(found, wanted, (case.kind, torch.float32), strict=True):
        assert value.dtype == kind and value.shape == exact.shape
        off = (value.double() - exact.double()).abs()
        assert float((off / (1 + exact.double().abs())).max()) <= KINDS[case.kind] * case.layers**0.5
    again = stack.step(layers, x, c0, case.tanh)
    assert again is not None and all(map(torch.equal, found, again)), "always the same bits"
    assert torch.equal(c0, before)


def test_blocks_wait_for_each_other(on_host: list[Any], tmp_path_factory: pytest.TempPathFactory) -> None:
    """The last block runs first on the host: it finds nothing there, and looks again."""
    kernels = library(tmp_path_factory.getbasetemp())
    misses: list[int] = []

    def launch(
        variant: StackVariant, blocks: int, threads: int, call: bytes, _: int | None, shared: int
    ) -> None:
        run = getattr(kernels, symbol(variant))
        run.restype = ctypes.c_ulonglong
        misses.append(run(call, blocks, threads, shared))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stack, "launch", launch)
        for layers in (1, 3):
            assert stack.step(*Case(layers).draw(), False)
    assert misses[0] == 0 < misses[1]


def test_without_a_state_it_starts_from_zeros(on_host: list[Any]) -> None:
    layers, x, c0 = Case().draw()
    alone, zeros = stack.step(layers, x, None, False), stack.step(layers, x, torch.zeros_like(c0), False)
    assert alone and zeros and all(map(torch.equal, alone, zeros))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("batch", [1, 2])
def test_what_is_no_number_is_handed_on(kind: torch.dtype, batch: int, on_host: list[Any]) -> None:
    """A layer does not wait for an output that is no number; rows of the batch stay apart."""
    layers, x, c0 = Case(3, batch, kind=kind).draw()
    x[0, 0] = torch.nan
    found = stack.step(layers, x, c0, False)
    assert found is not None
    h, c_n = found
    assert h[0].isnan().all() and c_n[:, 0].isnan().all() and not h[1:].isnan().any()


SRUS: dict[str, dict[str, Any]] = {
    "plain": {},
    "highway": {"highway_bias": -2.0, "rescale": False},
    "matrix": {"input_size": 24},
    "no skip": {"has_skip_term": False},
    "tanh": {"activation": "tanh", "input_size": 24},
    "v1": {"v1": True, "input_size": 24},
    "batch first": {"batch_first": True},
}


def generated(model: SRU, batch: int) -> tuple[Tensor, Tensor]:
    """Four steps, and the last state."""
    generator, state, outputs = torch.Generator().manual_seed(3), None, []
    for _ in range(4):
        sizes = (batch, 1) if model.batch_first else (1, batch)
        x = torch.randn(*sizes, model.input_size, generator=generator)
        h, state = model(x, state)
        assert isinstance(h, Tensor)
        outputs.append(h.transpose(0, 1) if model.batch_first else h)
    assert state is not None
    return torch.cat(outputs), state


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("name", SRUS)
def test_an_sru_generates_in_one_launch_a_step(name: str, batch: int, on_host: list[Any]) -> None:
    torch.manual_seed(0)
    model = SRU(**{"input_size": 32, "hidden_size": 32, "num_layers": 3, **SRUS[name]}).eval()
    torch.nn.init.normal_(model.layers[1].bias)
    with torch.no_grad():
        found = generated(model, batch)
        assert len(on_host) == 4
        with stack.layer_by_layer():
            wanted = generated(model, batch)
        assert len(on_host) == 4
    for value, expected in zip(found, wanted, strict=True):
        assert value.shape == expected.shape and value.dtype == expected.dtype
        torch.testing.assert_close(value, expected, rtol=1e-4, atol=1e-5)


def test_other_calls_of_an_sru_stay_as_they_are(on_host: list[Any]) -> None:
    model, x = SRU(16, 16, 2, dropout=0.1).eval(), torch.randn(1, 2, 16)
    model(x)  # with gradients
    with torch.no_grad():
        model(torch.randn(2, 2, 16))
        model(x, None, torch.zeros(1, 2, dtype=torch.bool))
        model.train()(x)
        others: list[dict[str, Any]] = [
            {"bidirectional": True},
            {"layer_norm": "pre"},
            {"layer_norm": "post"},
            {"projection_size": 4},
        ]
        for options in others:
            SRU(16, 16, 2, **options).eval()(x)
        hook = model.eval().layers[1].register_forward_hook(lambda *_: None)
        model(x)
        hook.remove()
        assert not on_host
        model(x)
        assert len(on_host) == 1
        with pytest.raises(ValueError, match=r"^input: expected \(L, B, 16\)"):
            model(x[..., :3])
        with pytest.raises(ValueError, match=r"^state: expected \(2, 2, 16\)"):
            model(x, torch.zeros(2, 1, 16))


def test_what_does_not_fit_goes_layer_by_layer(on_host: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    layers, x, c0 = Case().draw()
    wider = x.expand(stack.BATCH + 1, -1), c0.expand(-1, stack.BATCH + 1, -1)
    huge = Case(1, 2, 1600, 1600).draw()
    half = [layer._replace(weight_kHD=layer.weight_kHD.half()) for layer in layers]
    turned = [layers[0]._replace(weight_kHD=layers[0].weight_kHD.T.contiguous().T)]
    doubles = [
        Layer(one.weight_kHD.double(), None, one.b_2H.double(), one.skip, one.skip_scale) for one in layers
    ]
    calls: list[tuple[list[Layer], Tensor, Tensor]] = [
        (layers, *wider),
        (layers * 11, x, c0.repeat(11, 1, 1)),
        (half, x, c0),
        (turned, x, c0[:1]),
        (doubles, x.double(), c0),
        huge,
    ]
    for call in calls:
        assert stack.step(*call, False) is None
    with torch.autocast("cpu", torch.bfloat16):
        assert stack.step(layers, x, c0, False) is None
    assert not on_host
    monkeypatch.setattr(stack, "choose", lambda device: dispatch.Choice("eager", "asked for"))
    assert stack.step(layers, x, c0, False) is None
    monkeypatch.setattr(stack, "GPUS", ("cuda",))
    assert stack.step(layers, x, c0, False) is None


def test_a_kernel_that_cannot_be_launched_is_told_once(
    on_host: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("CUDA could not start the stack kernel of sru: TOO_LARGE\nmore")

    monkeypatch.setattr(stack, "launch", fail)
    layers, x, c0 = Case().draw()
    with pytest.warns(
        UserWarning, match=r"^steps of generation go layer by layer: CUDA could not start .*LARGE$"
    ):
        assert stack.step(layers, x, c0, False) is None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert stack.step(layers, x, c0, False) is None


def test_arguments_are_packed_as_the_kernel_reads_them() -> None:
    assert stack._LAYER.size == 40 and stack._CALL.size == 64
    assert stack._CALL.size + stack.LAYERS * stack._LAYER.size <= 4096, "what a launch takes at most"
    assert struct.calcsize("P") == 8 and list(stack.SKIPS.values()) == [0, 1, 2]


@linux
@pytest.mark.slow
@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("wide", [True, False])
@pytest.mark.parametrize("rows", [1, stack.ROWS])
@pytest.mark.parametrize("kind", KINDS)
def test_nvrtc_compiles_without_spills(kind: torch.dtype, rows: int, wide: bool, architecture: str) -> None:
    for tanh in (False, True) if architecture == "sm_90" else (True,):  # which needs more registers
        check_report(StackVariant(kind, rows, wide, tanh), architecture, 255)
