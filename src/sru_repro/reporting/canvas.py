"""The frame of every picture: style, size, the question and its answer on top, what signs mean beneath, both files.

A picture is drawn at twice the size at which a paper shows it: letters of 15 points on 14 inches are 7.5 points on 7
inches, the width of a page. The SVG says that size, the PNG has 1400 pixels for it.
"""

import io
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core.files import whole, write_text
from ..core.palette import GREY, STYLE
from .document import literal
from .labels import measured

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from PIL import Image

WIDTH, HEIGHT = 1400, 700
"""Pixels of a picture for a page."""
LETTERS = 15.0
"""Points, of most letters of it."""
SUFFIXES = (".svg", ".png")
_DPI = 100
_TITLE, _SUBTITLE, _NOTES = 20.0, 16.0, 12.5
_MARGIN, _LINE = 14, 1.32
"""Pixels at every edge; the height of a line, in sizes of its letters."""
_COLOURS = 256
_HINTED = 1.03
"""Letters on whole pixels are so much wider."""
_FACES = "'DejaVu Sans', Verdana, sans-serif"
"""For machines without the first one; the second is as wide."""
_FILES = {"svg.fonttype": "none", "svg.hashsalt": "sru-repro"}


@contextmanager
def canvas(
    width: int = WIDTH,
    height: int = HEIGHT,
    *,
    title: str,
    subtitle: str = "",
    notes: Sequence[str] = (),
    letters: float = LETTERS,
) -> Iterator["Figure"]:
    """An empty figure of so many pixels with title, subtitle and notes beneath, in lines that fit; what is drawn inside
    has the style."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    title, subtitle, notes = literal(title), literal(subtitle), [*map(literal, notes)]
    with rc_context(STYLE | {"font.size": letters, "axes.titlesize": letters}), _any_letters():
        figure = Figure(figsize=(width / _DPI, height / _DPI), dpi=_DPI, layout="constrained")
        top = _write(figure, _MARGIN, [title], _TITLE, weight="bold")
        top = _write(figure, top, [subtitle] if subtitle else [], _SUBTITLE, color="#333333")
        foot = sum(map(len, (_lines(figure, note, _NOTES) for note in notes))) * _pixels(_NOTES)
        _write(figure, height - _MARGIN / 2 - foot, notes, _NOTES, color=GREY)
        below = foot + (_MARGIN if notes else _MARGIN / 2)
        inner = 1 - (top + _MARGIN / 2 + below) / height
        rect = (_MARGIN / width, below / height, 1 - 2 * _MARGIN / width, inner)
        layout: Any = figure.get_layout_engine()
        layout.set(rect=rect, h_pad=0.08, w_pad=0.06)
        yield figure
        figure.draw_without_rendering()  # ticks that come late would have another style
        _settle(figure)


def save(figure: "Figure", out: Path) -> list[Path]:
    """Writes `out` as SVG and as PNG, each whole or not at all; the same figure gives the same bytes.

    Args:
        out: the place without a suffix, or with either of them.

    Returns:
        The two files, the SVG first. Its text is text, in letters of whoever looks at it.
    """
    from matplotlib import rc_context
    from matplotlib.text import Text
    from PIL import Image

    for text in figure.findobj(Text):
        text.set_text(literal(text.get_text()))
    stem = out.with_suffix("") if out.suffix in SUFFIXES else out
    vector, raster = (stem.with_name(stem.name + suffix) for suffix in SUFFIXES)
    with rc_context(STYLE | _FILES), _any_letters():
        drawn = io.StringIO()
        figure.savefig(drawn, format="svg", metadata={"Date": None, "Creator": None})
        write_text(vector, _as_shown(drawn.getvalue()))
        pixels = io.BytesIO()
        figure.savefig(pixels, dpi=_DPI, format="png")
        with whole(raster) as part:
            _of_few_colours(Image.open(pixels)).save(part, "PNG", optimize=True)
    return [vector, raster]


def _settle(figure: "Figure") -> None:
    """Axes stay where they are: the layout's solver differs in the last digits from one time to the next, and names of
    clip paths follow from all digits."""
    figure.set_layout_engine("none")
    for axes in figure.axes:
        bounds = axes.get_position(original=True).bounds
        axes.set_position(tuple(round(float(bound), 6) for bound in bounds))  # type: ignore[arg-type]


@contextmanager
def _any_letters() -> Iterator[None]:
    """Names may be in letters that the font lacks: a PNG has boxes for them."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")
        yield


def _of_few_colours(image: "Image.Image") -> "Image.Image":
    """The commonest colours as they are, shades at the rims of letters as the nearest of them: a third of the bytes."""
    import numpy
    from PIL import Image

    shifts = numpy.array([16, 8, 0])
    packed = (numpy.asarray(image.convert("RGB")).astype(numpy.int64) << shifts).sum(-1)
    known, at, counts = numpy.unique(packed, return_inverse=True, return_counts=True)
    kept = known[numpy.argsort(-counts, kind="stable")[:_COLOURS]]
    parts, palette = (colours[:, None] >> shifts & 255 for colours in (known, kept))
    nearest = ((parts[:, None] - palette) ** 2).sum(-1).argmin(-1)
    found = Image.fromarray(nearest[at].reshape(packed.shape).astype(numpy.uint8))
    found.putpalette(palette.astype(numpy.uint8).tobytes())
    return found


def _as_shown(svg: str) -> str:
    """At half the size, with letters to fall back on. Clips are numbered: the names that they come with follow from
    digits of the layout that change from drawing to drawing."""
    for place, clip in enumerate(dict.fromkeys(re.findall(r'clip-path="url\(#(\w+)\)"', svg))):
        svg = svg.replace(f'"{clip}"', f'"clip{place}"').replace(f"#{clip})", f"#clip{place})")
    head, tag, rest = svg.partition("<defs>")
    head = re.sub(
        r'\b(width|height)="([\d.]+)pt"', lambda found: f'{found[1]}="{float(found[2]) / 2:g}pt"', head
    )
    return head + tag + rest.replace("'DejaVu Sans'", _FACES)


def _write(figure: "Figure", top: float, texts: Sequence[str], size: float, **look: str) -> float:
    """Paragraphs from so many pixels below the upper edge; where they end."""
    height = figure.bbox.height
    for line in (line for text in texts for line in _lines(figure, text, size, look.get("weight", "normal"))):
        where = (_MARGIN / figure.bbox.width, 1 - top / height)
        figure.text(*where, line, va="top", fontsize=size, **look)  # type: ignore[arg-type]
        top += _pixels(size)
    return top


def _lines(figure: "Figure", text: str, size: float, weight: str = "normal") -> list[str]:
    """The text in lines that fit the width."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        fits = _HINTED * measured(longer, size, weight) * _DPI / 72 <= figure.bbox.width - 2 * _MARGIN
        lines[-1:] = [longer] if fits or not lines[-1] else [lines[-1], word]
    return lines


def _pixels(size: float) -> float:
    return size * _LINE * _DPI / 72
