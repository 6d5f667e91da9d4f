"""The code of the library's page, as it stands there, one piece after the other."""

from pathlib import Path
from typing import Any

import pytest
import torch

from ..pages import page

WIDTH = 2 * 128
"""Columns of both directions."""


@pytest.fixture
def weights(tmp_path: Path) -> dict[str, torch.Tensor]:
    """A state dict as the authors' package writes it, in sru.pt."""
    found: dict[str, torch.Tensor] = {}
    for layer, (inputs, matrices, alpha) in enumerate(((300, 4, 1.0), (WIDTH, 3, 3**0.5))):
        parts = {"weight": (inputs, WIDTH * matrices), "weight_c": (2 * WIDTH,), "bias": (2 * WIDTH,)}
        found |= {f"rnn_lst.{layer}.{name}": torch.randn(shape) for name, shape in parts.items()}
        found[f"rnn_lst.{layer}.scale_x"] = torch.full((1,), alpha)
    torch.save(found, tmp_path / "sru.pt")
    return found


def test_the_code_of_the_library_page(
    weights: dict[str, torch.Tensor], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    known: dict[str, Any] = {}
    first, padded, *rest = page("library").code
    exec(first, known)
    assert known["h"].shape == (10, 8, 128) and known["c_n"].shape == (2, 8, 128)
    exec(padded, known)
    assert known["h"].shape == (40, 8, 128)
    assert (known["h"] == 0).all(-1).equal(known["padding"]), "zero where padded, and nowhere else"
    for code in rest:
        exec(code, known)
    assert known["tags"].shape == (8, 40, 17)
    torch.testing.assert_close(known["sru"].layers[0].bias.flatten(), weights["rnn_lst.0.bias"])
    assert known["truth"].shape == (40, 8, 128)
