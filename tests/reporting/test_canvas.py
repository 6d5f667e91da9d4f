"""The frame of pictures: both files, whole, small, always the same bytes, with text as text."""

from pathlib import Path

import pytest
from matplotlib.figure import Figure
from PIL import Image

from sru_repro.core.palette import FAMILIES
from sru_repro.reporting.canvas import canvas, save

from .drawn import colliding, said

QUESTION = (
    "Does a question that is so long that no line of a page could ever hold the whole of it fill two lines?"
)


@pytest.fixture(scope="module")
def figure() -> Figure:
    with canvas(title=QUESTION, subtitle="It does, $x$ & all.", notes=["first note", "word " * 60]) as drawn:
        drawn.subplots().plot([1, 2], [3, 4], color=FAMILIES["lstm"], lw=3, label="$y$")
    return drawn


def test_title_subtitle_and_notes_stand_around_the_axes_in_lines_that_fit(figure: Figure) -> None:
    assert colliding(figure) == []
    lines = [text.get_text() for text in figure.texts]
    assert " ".join(lines[:2]) == QUESTION and lines[2] == "It does, $x$ & all."
    assert lines[3] == "first note" and " ".join(lines[4:]).split() == ["word"] * 60
    (axes,) = figure.axes
    box = axes.get_tightbbox()
    heights = [text.get_window_extent() for text in figure.texts]
    assert box is not None and heights[2].y0 > box.y1 and heights[3].y1 < box.y0


@pytest.mark.parametrize("name", ["a.b", "a.b.svg", "a.b.png"])
def test_both_files_from_any_of_their_names(figure: Figure, tmp_path: Path, name: str) -> None:
    assert save(figure, tmp_path / name) == [tmp_path / "a.b.svg", tmp_path / "a.b.png"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.b.png", "a.b.svg"]


def test_size_bytes_and_colours(figure: Figure, tmp_path: Path) -> None:
    first, second = (save(figure, tmp_path / name / "x") for name in ("a", "b"))
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    text = first[0].read_text()
    assert 'width="504pt" height="252pt" viewBox="0 0 1008 504"' in text, "seven inches, a page's width"
    assert "'DejaVu Sans', Verdana, sans-serif" in text and "<dc:date>" not in text
    assert said(first[0])[-1].strip() and "It does, $x$ & all." in said(first[0]), (
        "a dollar begins no formula"
    )
    with Image.open(first[1]) as image:
        assert image.size == (1400, 700) and image.mode == "P"
        colours = {colour for _, colour in image.convert("RGB").getcolors(1 << 16) or ()}
    assert (0, 0x72, 0xB2) in colours and (255, 255, 255) in colours


def test_signs_that_would_steer_a_terminal_are_shown_as_escapes(tmp_path: Path) -> None:
    with canvas(title="a\x1b[31mb") as figure:
        figure.subplots()
    vector, _ = save(figure, tmp_path / "x")
    assert said(vector)[-1] == r"a\x1b[31mb" or r"a\x1b[31mb" in said(vector)
