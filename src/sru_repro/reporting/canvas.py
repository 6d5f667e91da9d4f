"""The frame of every picture: style, size, title, what is said beneath, and how it is saved."""

import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ..core.files import whole
from ..core.palette import GREY, STYLE
from .document import literal

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_DPI = 100


@contextmanager
def canvas(
    width: int, height: int, title: str, notes: Sequence[str] = (), *, letters: int = 12
) -> Iterator["Figure"]:
    """An empty figure of so many pixels with a title and notes beneath; what is drawn inside has the style."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    large = letters > 12
    with rc_context(STYLE | {"font.size": letters, "axes.titlesize": letters + 1}):
        figure = Figure(figsize=(width / _DPI, height / _DPI), dpi=_DPI, layout="constrained")
        space = {"rect": (0.01, 0, 0.98, 1), "h_pad": 0.14 if large else 0.12}
        figure.get_layout_engine().set(**space)  # type: ignore[union-attr]
        lines = textwrap.fill(title, 105 if large else 110)
        figure.suptitle(lines, x=0.012, ha="left", fontsize=17, fontweight="bold")
        if notes:
            text = "\n".join(textwrap.fill(note, 180 if large else 190) for note in notes)
            figure.supxlabel(text, x=0.012, ha="left", fontsize=12 if large else 11.5, color=GREY)
        yield figure


def save(figure: "Figure", out: Path) -> None:
    """Writes a PNG, whole or not at all; the same figure gives the same bytes. Text of records is taken literally."""
    from matplotlib.text import Text

    for text in figure.findobj(Text):
        text.set_text(literal(text.get_text()))
    with whole(out) as part:
        figure.savefig(part, dpi=_DPI, format="png", metadata={"Software": None})
