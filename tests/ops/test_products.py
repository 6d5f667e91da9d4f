"""The products of a layer: the same numbers from either library, the choice between them, and where it is left alone.

Shapes: N rows, D features in, H features out.
"""

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional as F
from torch.testing import assert_close
from torch.utils.flop_counter import FlopCounterMode

from sru_repro import ops
from sru_repro.ops import build, products


@pytest.fixture
def chosen(monkeypatch: pytest.MonkeyPatch) -> Any:
    """`chosen("MKL", "oneDNN", "MKL")` decides as if measured."""
    return lambda *libraries: monkeypatch.setattr(products, "fastest", lambda: libraries)


def arguments(bias: bool) -> list[torch.Tensor]:
    """x (32, 16, 40), W (48, 40), b (48): above the size at which a library is chosen."""
    generator = torch.Generator().manual_seed(0)
    shapes = [(32, 16, 40), (48, 40), *([(48,)] if bias else [])]
    found = [torch.randn(shape, generator=generator, requires_grad=True) for shape in shapes]
    assert found[0].numel() * 48 > products.SMALL
    return found


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("libraries", list(itertools.product(products.LIBRARIES, repeat=3)), ids=",".join)
def test_value_and_gradients_are_those_of_linear(chosen: Any, libraries: Any, bias: bool) -> None:
    chosen(*libraries)
    inputs = arguments(bias)
    y, expected = ops.linear(*inputs), F.linear(*inputs)
    assert_close(y, expected, rtol=1e-5, atol=1e-5)
    back = torch.randn(y.shape).transpose(0, 1).contiguous().transpose(0, 1)  # in another layout
    assert_close(
        torch.autograd.grad(y, inputs, back),
        torch.autograd.grad(expected, inputs, back),
        rtol=1e-4,
        atol=1e-4,
    )


def test_an_input_in_another_layout(chosen: Any) -> None:
    chosen("oneDNN", "oneDNN", "oneDNN")
    x, weight = arguments(False)
    turned = x.detach().transpose(0, 1).contiguous().transpose(0, 1)
    assert_close(ops.linear(turned, weight), F.linear(turned, weight), rtol=1e-5, atol=1e-5)


def test_second_derivatives(chosen: Any) -> None:
    chosen("oneDNN", "oneDNN", "oneDNN")
    found = []
    for product in (ops.linear, F.linear):
        x, weight = arguments(False)
        (grad,) = torch.autograd.grad(product(x, weight).square().sum(), [x], create_graph=True)
        found.append(torch.autograd.grad(grad.square().sum(), [x, weight]))
    assert_close(found[0], found[1], rtol=1e-3, atol=1e-1)


@pytest.mark.parametrize("case", ["small", "float64", "mixed", "autocast", "meta"])
def test_elsewhere_it_is_plain_linear(chosen: Any, monkeypatch: pytest.MonkeyPatch, case: str) -> None:
    chosen("oneDNN", "oneDNN", "oneDNN")
    monkeypatch.setattr(products, "_onednn", lambda *_: pytest.fail("oneDNN was called"))
    x, weight = (value.detach() for value in arguments(False))
    if case == "small":
        x = x[:1, :1]
    elif case == "float64":
        x, weight = x.double(), weight.double()
    elif case == "mixed":
        with pytest.raises(RuntimeError):  # as F.linear
            ops.linear(x.double(), weight)
        return
    elif case == "meta":
        x, weight = x.to("meta"), weight.to("meta")
    with torch.autocast("cpu", torch.bfloat16, enabled=case == "autocast"):
        y, expected = ops.linear(x, weight), F.linear(x, weight)
    assert y.dtype == expected.dtype and y.shape == expected.shape
    assert case == "meta" or torch.equal(y, expected)


@pytest.fixture
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """An empty cache."""
    monkeypatch.setattr(build, "cache_folder", lambda: tmp_path)
    products._fastest.cache_clear()
    yield tmp_path
    products._fastest.cache_clear()


def test_it_is_measured_once_on_a_machine(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    measured = iter([["MKL", "oneDNN", "MKL"], ["oneDNN", "oneDNN", "oneDNN"]])
    monkeypatch.setattr(products, "_measure", lambda: next(measured))
    assert products.fastest() == ("MKL", "oneDNN", "MKL")
    products._fastest.cache_clear()
    assert products.fastest() == ("MKL", "oneDNN", "MKL")
    (path,) = cache.iterdir()
    products._fastest.cache_clear()
    assert products._kept(path) == products.fastest()
    path.write_text(json.dumps(["MKL", "cuBLAS", "MKL"]))  # not what this code writes
    products._fastest.cache_clear()
    assert products.fastest() == ("oneDNN", "oneDNN", "oneDNN")


def test_of_two_that_measure_at_once_the_first_decides(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def measure() -> list[str]:  # and while it measures, another process is done
        name = build.fingerprint(torch.__version__, build.processor(), str(torch.get_num_threads()))
        build.place(cache / f"products-{name}.json", json.dumps(["oneDNN"] * 3).encode(), replace=False)
        return ["MKL"] * 3

    monkeypatch.setattr(products, "_measure", measure)
    assert products.fastest() == ("oneDNN",) * 3
    assert len(list(cache.iterdir())) == 1


def test_a_cache_that_cannot_be_written_stops_nobody(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "cache_folder", lambda: cache / "gone")
    monkeypatch.setattr(products, "_measure", lambda: ["MKL"] * 3)
    assert products.fastest() == ("MKL",) * 3


def test_the_measurement_takes_the_faster_one(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = {"MKL": 3, "oneDNN": 1}
    now = [0.0]

    def slow(library: str) -> None:
        now[0] += ticks[library]

    monkeypatch.setattr(products.time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(products, "product", lambda *args: slow(args[-1]))
    monkeypatch.setattr(products, "input_gradient", lambda *args: slow(args[-1]))
    monkeypatch.setattr(
        products, "weight_gradient", lambda *args: slow({"MKL": "oneDNN"}.get(args[-1], "MKL"))
    )
    assert products._measure() == ["oneDNN", "oneDNN", "MKL"]
    ticks["MKL"] = 1  # equally fast: what PyTorch does by itself
    assert products._measure() == ["MKL", "MKL", "MKL"]


def test_without_onednn_there_is_nothing_to_choose(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    assert products.fastest() == ("MKL", "MKL", "MKL") and not list(cache.iterdir())


def test_operations_are_counted(chosen: Any) -> None:
    chosen("oneDNN", "oneDNN", "MKL")
    x, weight = arguments(False)
    with FlopCounterMode(display=False) as counter:
        ops.linear(x, weight).sum().backward()
    assert counter.get_total_flops() == 3 * 2 * 32 * 16 * 40 * 48
