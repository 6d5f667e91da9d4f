"""How a run is told in lines of a terminal's width: titles, durations, bars. Text alone; console.py prints it."""

from collections.abc import Iterable, Sequence

WIDTH = 80
"""Columns of a file or pipe, and of what does not say how many it has."""
IN = "  "
"""Before what goes on from the line above."""
LEAST_BAR = 8
DOT = " · "
_PLAIN = str.maketrans(
    {"·": "|", "…": "~", "↓": "v", "↑": "^", "→": ">", "━": "#", "─": "-", "╸": "#", "×": "x"}
)


def in_ascii(text: str) -> str:
    """The text for a place that has no other signs."""
    return text.translate(_PLAIN)


def shortened(text: str, most: int) -> str:
    """The text with its middle left out where it is longer than that: both ends tell runs apart."""
    if len(text) <= most:
        return text
    if most < 3:
        return text[: max(0, most)]
    ahead = (most - 1) // 2
    return f"{text[:ahead]}…{text[len(text) - (most - 1 - ahead) :]}"


def duration(seconds: float) -> str:
    """As 0:07, 12:30, 1:02:03 or 2d 04:05."""
    minutes, s = divmod(max(0, round(seconds)), 60)
    hours, m = divmod(minutes, 60)
    if hours >= 24:
        return f"{hours // 24}d {hours % 24:02}:{m:02}"
    return f"{hours}:{m:02}:{s:02}" if hours else f"{m}:{s:02}"


def wrapped(parts: Iterable[str], width: int = WIDTH) -> list[str]:
    """The parts in as few lines as they fit into, all but the first set in; one that is longer than a line has one of
    its own, as it is."""
    lines: list[str] = []
    for part in filter(None, parts):
        if lines and len(lines[-1]) + len(DOT) + len(part) <= width:
            lines[-1] += DOT + part
        else:
            lines.append(f"{IN}{part}" if lines else part)
    return lines


def line(title: str, parts: Sequence[str], width: int = WIDTH) -> str:
    """`title: parts`, the title shortened as far as it takes, down to ten signs."""
    told = "  ".join(filter(None, parts))
    return f"{shortened(title, max(10, width - len(told) - 2))}: {told}"


def bar(
    title: str, fraction: float, note: str, elapsed_s: float, left_s: float | None, width: int
) -> tuple[str, int, int, str]:
    """A line with a bar as (title, signs of the bar that are done, signs that are not, what stands behind it), in
    `width` columns: where they are few it does without the time until now, then the bar, then the title."""
    percent = f"{fraction:4.0%}"
    left = "" if left_s is None else f"{duration(left_s)} left"
    ways: list[tuple[int, int, list[str]]] = [
        (28, LEAST_BAR, [percent, note, duration(elapsed_s), left]),
        (20, LEAST_BAR, [percent, note, left]),
        (12, 0, [percent, note, left]),
        (0, 0, [percent, note, left]),
        (0, 0, [percent, note]),
    ]
    for most, least, parts in ways:
        behind = "  ".join(part for part in parts if part)
        name = shortened(title, most)
        room = width - len(name) - len(behind) - (1 if name else 0)
        if room >= (least + 1 if least else 0):
            size = min(30, room - 1) if least else 0
            done = min(size, int(size * fraction + 0.5))
            return name, done, size - done, behind
    return "", 0, 0, shortened(behind, width)
