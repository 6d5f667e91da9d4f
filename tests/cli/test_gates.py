"""Gates word by word as lines: columns stand below each other, whatever letters the words have."""

import io
import sys

import pytest
from rich.cells import cell_len

from sru_repro.cli.gates import gate_lines

WORDS = [
    *("a", "中文電影", "🎬🍿", "naïve", "cafe\u0301", "antidisestablishmentarianism" * 2),
    *("素晴らしい映画" * 4, "x" + "電" * 30, "ab\udcffc"),
]


def told(columns: str, code: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The lines as they come out of a terminal that is so wide."""
    out = io.TextIOWrapper(io.BytesIO(), encoding=code, errors="backslashreplace")
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setattr(sys, "stdout", out)
    words = [
        {"word": word, "brought": 0.02 * (place + 1), "forget": [0.1, 0.25], "reset": [0.3, 0.75]}
        for place, word in enumerate(WORDS)
    ]
    out.write("\n".join(gate_lines(words)))
    out.seek(0)
    return out.read().split("\n")


@pytest.mark.parametrize(
    ("columns", "width"), [("200", 80), ("80", 80), ("60", 60), ("40", 40), ("12", 40), ("0", 80), ("x", 80)]
)
@pytest.mark.parametrize("code", ["utf-8", "ascii", "latin-1"])
def test_columns_stand_below_each_other(
    columns: str, width: int, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.os.get_terminal_size", lambda number: (_ for _ in ()).throw(OSError))
    head, *lines = told(columns, code, monkeypatch)
    assert head.split()[:2] == ["word", "share"] and head.split()[-2:] == ["f", "r"]
    assert [cell_len(line) for line in (head, *lines)] == [width] * (len(WORDS) + 1)
    assert all(line.endswith("  0.25  0.75") for line in lines)
    bar = "━" if code == "utf-8" else "#"
    begins = {cell_len(line[: line.index(bar)]) for line in lines}
    assert begins == {head.index("share")}
    assert lines[-1].count(bar) >= 8 and lines[0].count(bar) == round(lines[-1].count(bar) / len(WORDS))


def test_letters_that_cannot_be_shown_are_escapes(monkeypatch: pytest.MonkeyPatch) -> None:
    assert told("80", "ascii", monkeypatch)[4].split()[0] == "na\\xefve"
    assert told("80", "utf-8", monkeypatch)[2].split()[0] == "中文電影"
    assert told("80", "utf-8", monkeypatch)[6].split()[0] == "antidisesta…mentarianism"


def test_without_gates_there_is_nothing() -> None:
    assert gate_lines([]) == []
