"""What pictures say and where it stands, read from a figure or from its SVG."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch
from xml.etree import ElementTree

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text


def said(picture: Path) -> list[str]:
    """The lines of text of an SVG, in the order of drawing."""
    found = ElementTree.fromstring(picture.read_text(encoding="utf-8")).iter(
        "{http://www.w3.org/2000/svg}text"
    )
    return ["".join(element.itertext()) for element in found]


def words(figure: Figure) -> list[Text]:
    """All texts that are drawn, laid out; of labels of ticks those within the limits."""
    drawn: list[Text] = []
    draw = Text.draw

    def drawing(self: Text, *arguments: Any) -> None:
        if self.get_visible() and self.get_text().strip():
            drawn.append(self)
        draw(self, *arguments)

    with patch.object(Text, "draw", drawing):
        FigureCanvasAgg(figure).draw()
    return drawn


def colliding(figure: Figure, drawn: Sequence[Text] | None = None) -> list[str]:
    """Texts that stand on another one, or run out of the picture; `drawn` are its `words`, where they are known."""
    width, height = figure.get_size_inches() * figure.dpi
    found: list[str] = []
    # Text's own extent: that of an annotation would take in its hair line.
    boxes = [
        (text.get_text(), Text.get_window_extent(text))
        for text in (words(figure) if drawn is None else drawn)
    ]
    for place, (text, box) in enumerate(boxes):
        if box.x0 < 0 or box.y0 < 0 or box.x1 > width or box.y1 > height:
            found.append(f"{text!r} leaves the picture")
        found += [f"{text!r} stands on {other!r}" for other, its in boxes[:place] if box.overlaps(its)]
    return found
