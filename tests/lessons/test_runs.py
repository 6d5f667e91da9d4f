"""Frames, curves and reports of runs, as the third notebook shows them."""

import json
import math
import shutil
from pathlib import Path

import pytest

from sru_repro.core.errors import DataError
from sru_repro.lessons.runs import by_budget, curves, draw_curves, section_of, sweep_report, t_tests
from sru_repro.reporting.statistics import compare_two

RUNS = Path(__file__).parents[2] / "results" / "runs"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two rows of SST with all their seeds; the first validation of one run is said to be perfect."""
    folder = tmp_path_factory.mktemp("runs")
    for row in ("lstm", "sru2"):
        shutil.copytree(RUNS / "sst" / row, folder / row)
    place = next(folder.glob("sru2/short/seed1.json"))
    record = json.loads(place.read_text(encoding="utf-8"))
    record["epochs"][0]["val/accuracy"] = 1.0
    place.write_text(json.dumps(record), encoding="utf-8")
    return folder


def test_the_frame_holds_the_test_of_the_figures(folder: Path) -> None:
    section = section_of(str(folder))
    figures = {group.first.row: group.figures("test/accuracy") for group in section.ranked}
    test = compare_two(figures["lstm"], figures["sru2"])
    frame = t_tests(section, against="lstm")
    lines = frame.to_dict("index")
    found = [lines["sru2"][key] for key in ("minus lstm", "low", "high", "p", "n")]
    assert found == [test.effect, test.low, test.high, test.p, len(figures["sru2"])]
    assert math.isnan(lines["lstm"]["p"])


def test_a_curve_a_run_and_a_band_as_far_as_the_runs_go_apart(folder: Path) -> None:
    section = section_of(str(folder))
    found = curves(section, ["sru2"])
    assert [*found] == ["sru2"] and len(found["sru2"]) == len(section.ranked[-1].runs)
    assert max(point.figure for curve in found["sru2"] for point in curve) == 100
    left, right = draw_curves(section).axes
    assert [line.get_label() for line in left.lines] == [group.name for group in section.ranked]
    for axes in (left, right):
        assert max(band.get_datalim(axes.transData).ymax for band in axes.collections) == 100
    assert right.get_xlabel() == "minutes of training"


def test_a_folder_of_runs_is_reported_and_left_as_it_was(folder: Path) -> None:
    before = sorted(folder.rglob("*"))
    text, picture = sweep_report(folder)
    assert "Ranking by validation accuracy" in text and "sst/sru2" in text and picture.axes
    assert sorted(folder.rglob("*")) == before


def test_only_runs_of_one_budget_stand_together(folder: Path, tmp_path: Path) -> None:
    """One row trains for 4 epochs here, the other for 12."""
    shutil.copytree(folder, tmp_path / "runs")
    short = sorted((tmp_path / "runs" / "sru2").rglob("*.json"))
    for place in short:
        record = json.loads(place.read_text(encoding="utf-8"))
        record["config"]["trainer"]["max_epochs"] = 4
        place.write_text(json.dumps(record), encoding="utf-8")
    found = by_budget(tmp_path / "runs")
    assert [*found] == ["12 epochs", "4 epochs"] and found["4 epochs"] == short
    assert [group.name for group in section_of(*found["12 epochs"]).groups] == ["lstm"]
    every, own = (sweep_report(tmp_path / "runs", only)[0] for only in ((), found["12 epochs"]))
    line = "Not comparable, as trainer.max_epochs differs: 12 epochs (lstm); 4 epochs (sru2)."
    assert line in every and "Not comparable" not in own and "sru2" not in own
    assert every.index(line) < every.index("Ranking")


def test_what_cannot_be_compared_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="expected runs of one task, found 2 tasks"):
        section_of(str(RUNS / "sst"), str(RUNS / "squad"))
    with pytest.raises(DataError, match="found none"):
        sweep_report(tmp_path)
