"""The pictures: size, what they say in words, that nothing overlaps, and that no speed-up is claimed."""

from pathlib import Path
from typing import Any

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.image import imread
from matplotlib.text import Text

from sru_repro.errors import DataError
from sru_repro.reporting.figure import draw_figure, write_figure

Record = dict[str, Any]


def words(figure: Figure) -> list[Text]:
    """All visible texts, laid out."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    texts = figure.findobj(Text)
    return [
        text for text in texts if isinstance(text, Text) and text.get_text().strip() and text.get_visible()
    ]


def test_size_and_bytes(tmp_path: Path, sst: list[Record], rows: list[Record]) -> None:
    write_figure("sst", sst, rows, tmp_path / "a.png")
    write_figure("sst", sst[::-1], rows, tmp_path / "b.png")
    assert imread(tmp_path / "a.png").shape[:2] == (700, 1600)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_says_what_it_shows(sst: list[Record], rows: list[Record]) -> None:
    said = " ".join(text.get_text() for text in words(draw_figure("sst", sst, rows)))
    for fact in ("profile short", "seeds 1, 2, 3", "2-core AMD EPYC, 24 GB", "trained on 77,195 phrases"):
        assert fact in said
    assert "word vectors wiki2015.300d.bin" in said and "Not comparable with the paper" in said
    assert "81.5" in said and "89.2" in said


def test_no_word_of_speed_with_a_reference_loop(sst: list[Record], language_models: list[Record]) -> None:
    for table, records in (("sst", sst), ("quickstart", language_models)):
        said = " ".join(text.get_text() for text in words(draw_figure(table, records, []))).lower()
        assert "reference loop" in said
        assert not any(claim in said for claim in ("speed", "faster", "×", "tokens/s"))


@pytest.mark.parametrize("seeds", [(1,), (1, 2, 3)])
def test_labels_neither_overlap_nor_leave_the_picture(
    sst: list[Record], rows: list[Record], seeds: tuple[int, ...]
) -> None:
    for row in rows:
        row["label"] = f"{row['label']}, long name"
    figure = draw_figure("sst", [run for run in sst if run["seed"] in seeds], rows)
    labels = {row["label"] for row in rows}
    # Text's own extent: that of an annotation would take in its hair line.
    boxes = [Text.get_window_extent(text) for text in words(figure) if text.get_text() in labels]
    assert len(boxes) == 2 * len(rows)  # at the left axis, and at the curves' ends
    for place, box in enumerate(boxes):
        assert box.x0 >= 0 and box.x1 <= 1600 and box.y0 >= 0 and box.y1 <= 700
        assert not any(box.overlaps(other) for other in boxes[:place])


def test_data_sets_side_by_side(cross_validation: list[Record], rows: list[Record]) -> None:
    figure = draw_figure("sentences", cross_validation, rows)
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["CR, test accuracy, %"]


def test_rows_not_run_and_no_run_at_all(sst: list[Record], rows: list[Record]) -> None:
    only = [run for run in sst if run["row"] == "sru2"]
    said = [text.get_text() for text in words(draw_figure("sst", only, rows))]
    assert said.count("not run") == len(rows) - 1
    with pytest.raises(DataError, match="sst: expected finished runs to draw, found none"):
        draw_figure("sst", [], rows)


def test_runs_without_curves(sst: list[Record], rows: list[Record]) -> None:
    for run in sst:
        run["epochs"] = []
    said = [text.get_text() for text in words(draw_figure("sst", sst, rows))]
    assert "no val/accuracy was recorded" in said
