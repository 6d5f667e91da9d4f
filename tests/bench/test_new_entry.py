"""A contender or a decoder of one's own: one entry, and it is checked, timed, told in the tables and drawn."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from sru_repro import bench
from sru_repro.bench.contenders import CONTENDERS, Contender, Subject
from sru_repro.bench.decoders import MODELS, Model
from sru_repro.bench.shapes import Shape

Command = Callable[..., Any]
pytestmark = pytest.mark.usefixtures("no_authors", "one_check")


class Sums(nn.Module):
    """Sums of all inputs so far, times a weight."""

    def __init__(self, input_size: int, columns: int) -> None:
        super().__init__()
        self.linear = nn.Linear(input_size, columns)

    def forward(self, x_LBD: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        h_LBH = self.linear(x_LBD).cumsum(0) + (0.0 if state is None else state)
        return h_LBH, h_LBH[-1]


def sums(shape: Shape, device: torch.device, dtype: torch.dtype) -> Subject:
    """As many features out as the other contenders have."""
    module = Sums(shape.input_size, shape.columns).to(device, dtype)
    return Subject(module, lambda x: module(x)[0], step=module)


@pytest.mark.slow
def test_a_contender_is_one_entry(
    sru_repro: Command, tmp_path: Path, tiny: dict[str, Shape], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(CONTENDERS, "sums", Contender("Running sums", sums, calls=True))
    monkeypatch.setattr(bench, "SHAPES", tiny)
    monkeypatch.setattr(bench, "GROWTH", {"small": tiny["small"]})
    called = sru_repro("bench", "device=cpu", "repeats=1", "budget=1", cwd=tmp_path)
    assert called.status == 0, called.err
    (path,) = (tmp_path / "results").glob("speed-*.json")
    record = json.loads(path.read_text())
    for section, modes in (("shapes", ["inference", "training"]), ("overhead", ["inference", "training"])):
        (row,) = [row for row in record[section][0]["rows"] if row.get("contender") == "sums"]
        assert all(row[mode]["median_s"] > 0 for mode in modes)
    (row,) = [row for row in record["shapes"][1]["rows"] if row["contender"] == "sums"]
    assert row["inference"]["median_s"] > 0, "step by step"
    assert "Running sums" in called.out and "Running sums" in (tmp_path / "results/speed.md").read_text()
    assert len(list((tmp_path / "results").glob("*.png"))) == 1


@pytest.mark.slow
def test_a_decoder_is_one_entry(sru_repro: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in set(MODELS) - {"lstm"}:
        monkeypatch.delitem(MODELS, name)
    monkeypatch.setitem(MODELS, "sums", Model("Running sums", 1, lambda width, window: Sums(width, width)))
    called = sru_repro(
        "bench", "task=decode", "device=cpu", "contexts=4", "repeats=1", "budget=1", cwd=tmp_path
    )
    assert called.status == 0, called.err
    (path,) = (tmp_path / "results").glob("decode-*.json")
    for group in json.loads(path.read_text())["groups"]:
        rows = [row for row in group["rows"] if row["contender"] == "sums"]
        assert [row["batch"] for row in rows] == [1, 32] and all(row["median_s"] > 0 for row in rows)
        assert all(row["state_bytes"] == 4 * row["width"] for row in rows)
    assert "Running sums" in (tmp_path / "results/decode.md").read_text()


def test_an_entry_that_is_wrong_stops_everything(
    sru_repro: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Forgets(Sums):
        def forward(self, x_LBD: Tensor, state: Any = None) -> tuple[Tensor, Any]:
            return super().forward(x_LBD, None)

    monkeypatch.setitem(MODELS, "forgets", Model("Forgets", 1, lambda width, window: Forgets(width, width)))
    called = sru_repro("bench", "task=decode", "device=cpu", "contexts=4", cwd=tmp_path)
    assert called.status == 1 and "nothing is timed: Forgets, stepped, is off by" in called.err
    assert list(tmp_path.iterdir()) == []
