"""The gates of a model on a sentence as lines of text, for `predict`: a bar a word, as wide as the terminal is, at most
80 columns."""

import shutil
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from rich.cells import cell_len, chop_cells, set_cell_size

from ..training.screen import IN, LEAST_BAR, WIDTH, in_ascii
from .answer import readable

HEADS = ("word", "share of the last state", "share")
NUMBERS = 18
"""Columns of the numbers behind the bar."""
LONGEST_WORD = 24
NARROWEST = 40


def gate_lines(words: Sequence[Mapping[str, Any]]) -> list[str]:
    """The head and a line a word, its bar as long as its share of the last state; the longest bar takes what room there
    is. Nothing for a model without gates."""
    if not words:
        return []
    code = getattr(sys.stdout, "encoding", None) or "utf-8"
    room = _columns() - 2 * len(IN) - NUMBERS
    most_of_word = min(LONGEST_WORD, room - LEAST_BAR)
    names = [_fitting(_known(readable(word["word"]), code), most_of_word) for word in words]
    wide = max(cell_len(name) for name in (*names, HEADS[0]))
    room -= wide
    most = max(word["brought"] for word in words) or 1.0
    share = HEADS[1] if len(HEADS[1]) <= room + 6 else HEADS[2]
    lines = [f"{IN}{HEADS[0]:<{wide}}{IN}{share:<{room + 6}}{'f':>6}{'r':>6}"]
    for name, word in zip(names, words, strict=True):
        bar = "━" * round(room * word["brought"] / most)
        gates = f"{word['forget'][-1]:6.2f}{word['reset'][-1]:6.2f}"
        lines.append(f"{IN}{set_cell_size(name, wide)}{IN}{bar:<{room}}{word['brought']:6.1%}{gates}")
    return lines if "utf" in code.lower() else [in_ascii(line) for line in lines]


def _columns() -> int:
    return max(NARROWEST, min(WIDTH, shutil.get_terminal_size((WIDTH, 24)).columns))


def _known(text: str, code: str) -> str:
    """The text with escapes for letters that the encoding lacks, as they will be written."""
    return text if "utf" in code.lower() else in_ascii(text).encode(code, "backslashreplace").decode(code)


def _fitting(text: str, most: int) -> str:
    """The text, its middle left out where it takes more columns than that; some letters take two."""
    if cell_len(text) <= most:
        return text
    ahead = chop_cells(text[:most], (most - 1) // 2)[0]
    left = most - 1 - cell_len(ahead)
    behind = next(
        text[start:]
        for start in range(max(0, len(text) - left), len(text) + 1)
        if cell_len(text[start:]) <= left
    )
    return f"{ahead}…{behind}"
