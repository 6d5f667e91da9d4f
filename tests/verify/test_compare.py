"""The check before timing: green on right back ends, red on every kind of wrong one."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from sru_repro import ops
from sru_repro.verify import compare, grid

CPU = torch.device("cpu")


def test_a_right_back_end_passes() -> None:
    cases, lines = compare.failures("eager", CPU)
    assert lines == []
    assert cases == len(compare.TYPES) * (len(ops.CELLS) * len(grid.COMPACT) + 3)


def _nearly(h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
    return h * 1.001, c


def _no_number(h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
    return h * torch.nan, c


def _last_state(h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
    return h, c + 1e-3


def _gradient(h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
    return h + 0.01 * (h - h.detach()), c


def _fails(h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
    raise RuntimeError("no kernel\nfor this")


@pytest.mark.parametrize(
    ("wrong", "line"),
    [
        (_nearly, "h is off by"),
        (_no_number, "h is off by nan"),
        (_last_state, "c_n is off by"),
        (_gradient, "gradient of u_LBkD is off by"),
        (_fails, "RuntimeError: no kernel"),
    ],
)
def test_a_wrong_back_end_is_caught(
    wrong: Callable[..., Any], line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = ops.recurrence

    def recurrence(cell: str, *inputs: Any, **options: Any) -> Any:
        results = right(cell, *inputs, **options)
        changed = ops.choose("cpu").name == "eager" and cell == "qrnn_fo"
        return wrong(*results) if changed else results

    monkeypatch.setattr(ops, "recurrence", recurrence)
    _, lines = compare.failures("eager", CPU)
    in_float32 = [text for text in lines if "float32" in text]
    assert len(in_float32) == len(grid.COMPACT)
    assert all(text.startswith("back end eager, qrnn_fo (length ") and line in text for text in in_float32)
    assert not [text for text in lines if "qrnn_fo" not in text]


def test_a_wrong_product_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    right = ops.linear
    monkeypatch.setattr(ops, "linear", lambda x, weight: right(x, weight.roll(1, 0)))
    _, lines = compare.failures("eager", CPU)
    assert len(lines) == 6 and all("product of" in line for line in lines)
