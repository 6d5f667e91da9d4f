"""The pieces on lean calls run without a GPU, and find what they are there to find."""

from typing import Any

import pytest

from sru_repro.core.errors import RunError
from sru_repro.gpu_check import SectionOptions, lean
from sru_repro.ops import casts


@pytest.fixture
def options(tmp_path: Any) -> SectionOptions:
    return SectionOptions(section="correct", out=str(tmp_path), device="cpu", rehearse=True)


@pytest.mark.parametrize("piece", [lean.launches, lean.one_piece, lean.casts])
def test_they_pass(options: SectionOptions, piece: Any) -> None:
    assert piece(options, 10.0)["cases"] > 0


def test_a_cast_too_many_is_found(options: SectionOptions, monkeypatch: pytest.MonkeyPatch) -> None:
    cast = casts.cast
    monkeypatch.setattr(casts, "cast", lambda weight, kind: cast(weight.double(), kind))
    with pytest.raises(RunError, match=r"of 4 wrong: forward float32 2, expected 0: aten::copy_"):
        lean.launches(options, 10.0)


def test_a_stale_cast_is_found(options: SectionOptions, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(casts, "_count", lambda *_: None)  # a fused optimiser's steps go unseen
    with pytest.raises(RunError, match="stale after step 1"):
        lean.casts(options, 10.0)
