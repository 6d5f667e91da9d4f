"""The manifest of the GPU check and the functions of its pieces: none without the other, and a new piece is both."""

from dataclasses import replace
from typing import Any

import pytest

from sru_repro.gpu_check import SectionOptions, plan, tune
from sru_repro.records import gpu_manifest
from sru_repro.records.gpu_manifest import BUDGET_S, SECTIONS, USUAL, Declared


@pytest.mark.parametrize("module", sorted({section.module for section in SECTIONS.values()}))
def test_every_piece_has_a_function_and_every_function_a_piece(module: str) -> None:
    declared = {
        piece.name: piece.several
        for section in SECTIONS.values()
        if section.module == module
        for piece in section.pieces
    }
    found = plan.functions(module)
    assert declared == {name: isinstance(work, plan.Several) for name, work in found.items()}


@pytest.mark.parametrize("rehearse", [True, False])
@pytest.mark.parametrize("section", SECTIONS)
def test_what_is_planned_was_declared(section: str, rehearse: bool) -> None:
    planned = plan.pieces(SectionOptions(section, "out", "cpu", rehearse=rehearse))
    names = [piece.name for piece in planned]
    assert len(set(names)) == len(names) and all(piece.weight > 0 for piece in planned)
    declared = SECTIONS[section].pieces
    for piece in planned:
        (own,) = [
            one
            for one in declared
            if (piece.name.startswith(one.head) if one.several else piece.name == one.name)
            and piece.name.count("/") == one.name.count("/")
        ]
        assert piece.least_s == (0 if rehearse else own.least_s)


def test_the_bench_runs_smallest_first_between_its_checks_and_generation() -> None:
    names = [piece.name for piece in plan.pieces(SectionOptions("speed", "out", "cpu"))]
    assert names[:2] == ["check", "rates"] and names[-2:] == ["decode", "deep"]
    weights = [piece.weight for piece in plan.pieces(SectionOptions("speed", "out", "cpu"))][2:-2]
    assert weights == sorted(weights) and sum(weights) == pytest.approx(1)
    assert {name.split("/")[0] for name in names[2:6]} > {"recurrence"}


def test_capitals_stand_for_several() -> None:
    assert Declared("grid/CELL", "").head == "grid/" and Declared("PASS/TYPE", "").head == ""
    assert not Declared("beyond-2^31", "").several and Declared("paper/ROW", "").several
    assert BUDGET_S == sum(SECTIONS[name].weight for name in USUAL) == 665
    assert {*SECTIONS} - {*USUAL} == {"table1", "table2", "ablation"}


def test_what_needs_a_minute_has_it() -> None:
    """All of `correct` but the pieces that start processes took 94 s on an H100."""
    section = SECTIONS["correct"]
    assert section.weight - sum(piece.least_s for piece in section.pieces) < 94 < section.weight - 60.0
    names = [piece.name for piece in section.pieces]
    assert names[-2:] == ["sanitizer", "resume"]


def test_a_new_piece_is_one_entry_and_one_function(monkeypatch: pytest.MonkeyPatch) -> None:
    def toy(options: SectionOptions, seconds: float) -> dict[str, Any]:
        return {"cases": 1, "note": options.section}

    own = SECTIONS["tune"]
    entry = Declared("toy", "whether a toy is right", 2.0)
    monkeypatch.setattr(
        plan, "SECTIONS", {**gpu_manifest.SECTIONS, "tune": replace(own, pieces=(*own.pieces, entry))}
    )
    monkeypatch.setattr(tune, "FUNCTIONS", {**tune.FUNCTIONS, "toy": toy})
    planned = plan.pieces(SectionOptions("tune", "out", "cpu", rehearse=True))
    assert (planned[-1].name, planned[-1].weight) == ("toy", 2.0)
    assert planned[-1].run(1.0) == {"cases": 1, "note": "tune"}
