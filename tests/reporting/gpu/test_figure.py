"""The picture of a GPU: what it shows, what it leaves out, and that nothing overlaps."""

from pathlib import Path
from typing import Any

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.image import imread
from matplotlib.text import Text

from sru_repro.reporting.gpu.figure import draw_gpu_figure, write_gpu_figure

from .made_pages import check_of, correct, page, piece, speed, tune, with_graphs
from .training_pages import run, trainings, whole

Page = dict[str, Any]


def drawn(*pages: Page) -> Figure:
    figure = draw_gpu_figure(check_of(*pages))
    assert figure is not None
    FigureCanvasAgg(figure).draw()
    return figure


def titles(figure: Figure) -> list[str]:
    return [axes.get_title(loc="left") for axes in figure.axes if axes.axison]


def test_all_panels(tmp_path: Path) -> None:
    figure = drawn(*whole())
    assert titles(figure) == [
        "the kernel:\nshare of a copy (dotted: 80%)",
        "a call from Python, forward+backward:\nshare of a copy (dotted: 80%)",
        "SRU, forward+backward: times as fast as\nthe fastest nn.LSTM, whose type is named",
        "train-sst, side by side: validation accuracy, %",
        "train-enwik8, side by side: validation bits per byte, lower is better",
        "train-enwik8, one at a time: validation bits per byte, lower is better",
        "train-squad, side by side: validation F1, %",
    ]
    kernel, _, models, _, small, *_ = figure.axes
    assert kernel.get_ylim()[1] >= 1 and {line.get_ydata()[0] for line in kernel.lines} >= {0.8}  # type: ignore
    assert {line.get_xdata()[0] for line in models.lines} == {1.0}  # type: ignore[index]
    assert len(small.lines) == 6, "a run that failed has no curve"
    assert write_gpu_figure(check_of(*whole()), tmp_path / "a.png")
    assert write_gpu_figure(check_of(*whole()), tmp_path / "b.png")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert imread(tmp_path / "a.png").shape[1] == 1600


def test_the_papers_claim_is_shown_in_both_ways_with_the_type_of_lstm() -> None:
    models = drawn(with_graphs(speed())).axes[1]
    told = [text.get_text() for text in models.texts]
    assert told[:2] == ["5.2×  float16", "13.0×  float16"] and len(told) == 2 * 8
    band = models.patches[0].get_extents().transformed(models.transData.inverted())
    assert (round(band.x0), round(band.x1)) == (5, 9)


@pytest.mark.parametrize("pages", [whole(), [*whole()[2:], with_graphs(speed())]], ids=["plain", "graphs"])
def test_words_neither_overlap_nor_leave_the_picture(pages: list[Page]) -> None:
    figure = drawn(*pages)
    width, height = figure.get_size_inches() * figure.dpi
    texts: list[Text] = [text for text in figure.findobj(Text) if isinstance(text, Text)]
    texts = [text for text in texts if text.get_text().strip() and text.get_visible()]
    hidden = [text for axes in figure.axes if not axes.axison for text in axes.findobj(Text)]
    shown = [text for text in texts if text not in hidden]
    boxes = [(text.get_text(), Text.get_window_extent(text)) for text in shown]
    for place, (text, box) in enumerate(boxes):
        assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height, text
        assert not [other for other, its in boxes[:place] if box.overlaps(its)], text


def test_only_what_was_measured_is_drawn(tmp_path: Path) -> None:
    assert titles(drawn(trainings("train-sst"))) == ["train-sst, side by side: validation accuracy, %"]
    content = speed()
    content["pieces"] = [found for found in content["pieces"] if not found["name"].startswith("shapes/")]
    assert len(titles(drawn(content))) == 1
    content["pieces"] = [found for found in speed()["pieces"] if "figure-256/float32" in found["name"]]
    assert titles(drawn(content)) == [
        "SRU, forward+backward: times as fast as\nthe fastest nn.LSTM, whose type is named"
    ]
    assert len(titles(drawn(speed(), tune()))) == 3
    for nothing in (
        [],
        [correct()],
        [page("train-sst", [piece("table", state="failed", error="x")])],
    ):
        assert not write_gpu_figure(check_of(*nothing), tmp_path / "none.png")
    assert not (tmp_path / "none.png").exists()


@pytest.mark.parametrize("diverged", [float("nan"), None])
def test_what_has_diverged_bends_no_axis(diverged: float | None) -> None:
    fine, lost = run("a", "A", 0.9, "accuracy"), run("b", "B", 0.8, "accuracy")
    for epoch in lost["epochs"][3:]:
        epoch["val/accuracy"] = diverged
    content = page(
        "train-sst", [piece("table", {"side_by_side": 2, "seconds_each": 60.0, "runs": [fine, lost]})]
    )
    (axes,) = [axes for axes in drawn(content).axes if axes.axison]
    assert [len(line.get_xdata()) for line in axes.lines] == [12, 3]  # type: ignore[arg-type]
