"""The picture of a GPU: what it shows, what it leaves out, and that nothing overlaps."""

from pathlib import Path
from typing import Any

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.image import imread
from matplotlib.text import Text

from sru_repro.reporting.gpu.figure import draw_gpu_figure, write_gpu_figure

from .test_pages import check_of, correct, page, piece, run, speed, trainings, tune, whole

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
        "recurrence, forward: share of a copy",
        "recurrence, forward+backward: share of a copy",
        "forward+backward, times as fast as nn.LSTM",
        "train-sst, side by side: validation accuracy, %",
        "train-enwik8, side by side: validation bits per byte, lower is better",
        "train-enwik8, one at a time: validation bits per byte, lower is better",
        "train-squad, side by side: validation F1, %",
    ]
    forward, _, models, _, small, *_ = figure.axes
    assert forward.get_ylim()[1] >= 1 and {line.get_ydata()[0] for line in forward.lines} >= {0.8}  # type: ignore
    assert {line.get_xdata()[0] for line in models.lines} == {1.0, 5.0}  # type: ignore[index]
    assert len(small.lines) == 6, "a run that failed has no curve"
    assert write_gpu_figure(check_of(*whole()), tmp_path / "a.png")
    assert write_gpu_figure(check_of(*whole()), tmp_path / "b.png")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert imread(tmp_path / "a.png").shape[1] == 1600


def test_words_neither_overlap_nor_leave_the_picture() -> None:
    figure = drawn(*whole())
    width, height = figure.get_size_inches() * figure.dpi
    texts: list[Text] = [text for text in figure.findobj(Text) if isinstance(text, Text)]
    texts = [text for text in texts if text.get_text().strip() and text.get_visible()]
    hidden = [text for axes in figure.axes if not axes.axison for text in axes.findobj(Text)]
    hidden += figure.axes[1].get_yticklabels()  # told by the panel to the left
    shown = [text for text in texts if text not in hidden]
    boxes = [(text.get_text(), Text.get_window_extent(text)) for text in shown]
    for place, (text, box) in enumerate(boxes):
        assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height, text
        assert not [other for other, its in boxes[:place] if box.overlaps(its)], text


def test_only_what_was_measured_is_drawn(tmp_path: Path) -> None:
    assert titles(drawn(trainings("train-sst"))) == ["train-sst, side by side: validation accuracy, %"]
    content = speed()
    content["pieces"] = [found for found in content["pieces"] if not found["name"].startswith("shapes/")]
    assert len(titles(drawn(content))) == 2
    content["pieces"] = [found for found in speed()["pieces"] if "figure-256/float32" in found["name"]]
    assert titles(drawn(content)) == ["forward+backward, times as fast as nn.LSTM, float32"]
    for nothing in (
        [],
        [correct(), tune()],
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
