"""The pictures: size, what they say in words, that nothing overlaps, and that no speed-up is claimed."""

from collections.abc import Callable
from pathlib import Path

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.image import imread
from matplotlib.text import Text

from sru_repro.core.errors import DataError
from sru_repro.records.run import RunRecord
from sru_repro.reporting.runs.figure import draw_figure, write_figure
from sru_repro.reporting.runs.line import Row


def words(figure: Figure) -> list[Text]:
    """All visible texts, laid out."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    texts = figure.findobj(Text)
    return [
        text for text in texts if isinstance(text, Text) and text.get_text().strip() and text.get_visible()
    ]


def test_size_and_bytes(tmp_path: Path, sst: list[RunRecord], rows: list[Row]) -> None:
    write_figure("sst", sst, rows, tmp_path / "a.png")
    write_figure("sst", sst[::-1], rows, tmp_path / "b.png")
    assert imread(tmp_path / "a.png").shape[:2] == (700, 1600)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_says_what_it_shows(sst: list[RunRecord], rows: list[Row]) -> None:
    said = " ".join(text.get_text() for text in words(draw_figure("sst", sst, rows)))
    for fact in ("profile short", "seeds 1, 2, 3", "2-core AMD EPYC, 24 GB", "trained on 77,195 phrases"):
        assert fact in said
    assert "word vectors wiki2015.300d.bin" in said and "Not comparable with the paper" in said
    assert "81.5" in said and "89.2" in said


def test_no_word_of_speed_with_a_reference_loop(
    sst: list[RunRecord], language_models: list[RunRecord]
) -> None:
    for table, records in (("sst", sst), ("quickstart", language_models)):
        said = " ".join(text.get_text() for text in words(draw_figure(table, records, []))).lower()
        assert "reference loop" in said
        assert not any(claim in said for claim in ("speed", "faster", "×", "tokens/s"))


@pytest.mark.parametrize("seeds", [(1,), (1, 2, 3)])
def test_labels_neither_overlap_nor_leave_the_picture(
    sst: list[RunRecord], rows: list[Row], seeds: tuple[int, ...]
) -> None:
    for row in rows:
        row.label = f"{row.label}, long name"
    figure = draw_figure("sst", [run for run in sst if run.seed in seeds], rows)
    labels = {row.label for row in rows}
    # Text's own extent: that of an annotation would take in its hair line.
    boxes = [Text.get_window_extent(text) for text in words(figure) if text.get_text() in labels]
    assert len(boxes) == 2 * len(rows)  # at the left axis, and at the curves' ends
    for place, box in enumerate(boxes):
        assert box.x0 >= 0 and box.x1 <= 1600 and box.y0 >= 0 and box.y1 <= 700
        assert not any(box.overlaps(other) for other in boxes[:place])


def overlapping(figure: Figure, labels: set[str]) -> list[str]:
    """Labels that run into another one or out of the picture, each of which stands in both panels."""
    found = [text for text in words(figure) if text.get_text() in labels]
    boxes = [Text.get_window_extent(text) for text in found]
    assert len(boxes) == 2 * len(labels)
    return [
        text.get_text()
        for place, (text, box) in enumerate(zip(found, boxes, strict=True))
        if min(box.x0, box.y0, 1600 - box.x1, 700 - box.y1) < 0
        or any(box.overlaps(other) for other in boxes[:place])
    ]


def test_language_models_are_dots_on_an_axis_that_shows_their_differences(
    small_models: list[RunRecord],
) -> None:
    figure = draw_figure("enwik8", small_models, [])
    left, right = figure.axes
    said = [text.get_text() for text in words(figure)]
    low, high = left.get_xlim()
    assert 1.9 < low < 1.985 and 2.3 < high < 2.5 and not left.patches
    assert {"1.985", "2.021", "2.108", "2.112", "2.139", "2.141", "2.300"} <= set(said)
    assert left.get_title(loc="left") == "test bits per byte, lower is better"
    assert right.get_title(loc="left") == "validation bits per byte, lower is better"
    assert right.get_xlabel() == "training time, minutes" and len(right.lines) == 7
    top = max(run.metrics["test/bpc"] for run in small_models) + 2 / 4
    assert right.get_ylim()[1] < top + 0.1, "the first quarter, where curves fall steeply, is cut off"
    labels = {run.paper.label or "" for run in small_models if run.paper}
    assert overlapping(figure, labels) == []


@pytest.mark.parametrize("count", [12, 24])
def test_many_rows_stay_apart(language_model: Callable[..., RunRecord], count: int) -> None:
    labels = [f"SRU++, {k} layers, attention in every layer" for k in range(count)]
    runs = [language_model(f"m{k:02}", 1, 2 + 0.002 * k, label) for k, label in enumerate(labels)]
    figure = draw_figure("enwik8", runs, [])
    assert overlapping(figure, set(labels)) == []
    dashes = "_unscaled_dash_pattern"  # matplotlib tells all dashes of one's own as "--"
    looks = {(line.get_color(), getattr(line, dashes)) for line in figure.axes[1].lines}
    assert len(looks) == count, "no two curves look alike"


def test_the_papers_numbers_stand_beside_the_large_models(
    language_model: Callable[..., RunRecord], small_models: list[RunRecord], enwik8_rows: list[Row]
) -> None:
    large = [
        language_model(name, 1, bpc, seconds=90_000, profile="paper")
        for name, bpc in (("lstm3", 1.42), ("srupp", 1.03))
    ]
    figure = draw_figure("enwik8", [*small_models, *large], enwik8_rows)
    shown = words(figure)
    said = [text.get_text() for text in shown]
    assert {"1.39 (unconfirmed)", "1.022", "1.030", "SRU++, 42M"} <= set(said)
    assert not {"minGRU", "SRU, 12 layers"} & set(said) and any("◇ paper" in text for text in said)
    assert figure.axes[1].get_xlabel() == "training time, hours"
    (marked,) = [text for text in shown if text.get_text() == "1.39 (unconfirmed)"]
    assert Text.get_window_extent(marked).x1 <= figure.axes[0].get_window_extent().x1 + 1


def test_readers_on_the_dev_set(readers: list[RunRecord], reader_rows: list[Row]) -> None:
    figure = draw_figure("squad", readers, reader_rows)
    left, right = figure.axes
    assert left.get_title(loc="left") == "dev F1, %" and right.get_title(loc="left") == "validation F1, %"
    assert right.get_xlabel() == "training time, minutes" and len(right.lines) == 3
    assert right.lines[2].get_xydata()[-1] == pytest.approx([20.0, 62.1])  # type: ignore[index]
    said = [text.get_text() for text in words(figure)]
    assert {"68.1", "79.3", "78.8"} <= set(said), "the paper's mark is of exact match, not of F1"
    assert overlapping(figure, {row.label for row in reader_rows}) == []


def test_data_sets_side_by_side(cross_validation: list[RunRecord], rows: list[Row]) -> None:
    figure = draw_figure("sentences", cross_validation, rows)
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["CR, test accuracy, %"]


def test_rows_not_run_and_no_run_at_all(sst: list[RunRecord], rows: list[Row]) -> None:
    only = [run for run in sst if run.row == "sru2"]
    said = [text.get_text() for text in words(draw_figure("sst", only, rows))]
    assert said.count("not run") == len(rows) - 1
    with pytest.raises(DataError, match="sst: expected finished runs to draw, found none"):
        draw_figure("sst", [], rows)


def test_runs_without_curves(sst: list[RunRecord], rows: list[Row]) -> None:
    for run in sst:
        run.epochs = []
    said = [text.get_text() for text in words(draw_figure("sst", sst, rows))]
    assert "no val/accuracy was recorded" in said
