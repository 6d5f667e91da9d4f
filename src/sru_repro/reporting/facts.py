"""What numbers follow from, as lines beneath them: which code, when."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..records.base import Part, Stamp
from ..records.bench import Rates
from .numbers import significant


def code(stamps: Iterable[Stamp], more: str = "") -> str:
    """All revisions and versions of torch; `more` is put behind them."""
    found = list(stamps)
    versions = ", ".join(sorted({stamp.torch for stamp in found})) or "unknown"
    return f"Code: {', '.join(revisions(found)) or 'unknown'}; torch {versions}{more}"


def revisions(stamps: Iterable[Stamp]) -> list[str]:
    """Each once, with a word on what was changed."""
    changed = {True: " with local changes"}
    return sorted({f"{stamp.revision or 'unknown'}{changed.get(bool(stamp.dirty), '')}" for stamp in stamps})


def days(stamps: Iterable[Stamp]) -> str:
    """The first day and the last, "" without any."""
    found = sorted({stamp.date[:10] for stamp in stamps})
    return " to ".join(dict.fromkeys((found[0], found[-1]))) if found else ""


def processor(parts: Iterable[Part]) -> str:
    """How much of the processor that they asked for the measurements had; `parts` of records hold them anywhere."""
    found = [share for part in parts for share in _shares(part.plain())]
    if not found:
        return "Processor: whether other work took it away was not counted"
    low, high = (f"{100 * share:.0f}" for share in (min(found), max(found)))
    return f"Processor: {low if low == high else f'{low} to {high}'} % of what was asked for"


def _shares(tree: Any) -> Iterator[float]:
    """The values of all keys of that name."""
    if isinstance(tree, Mapping):
        for key, value in tree.items():
            if key == "processor" and value is not None:
                yield value
            else:
                yield from _shares(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from _shares(value)


def unique(texts: Iterable[str]) -> list[str]:
    """Each text once, in their order, without the empty ones."""
    return list(dict.fromkeys(text for text in texts if text))


RATES = (
    ("copy", "copy_bytes_per_s", 1e9, "GB/s"),
    ("float32 products", "float32_flop_per_s", 1e12, "TFLOP/s"),
    ("bfloat16 products", "bfloat16_flop_per_s", 1e12, "TFLOP/s"),
)
"""What a machine does by itself: name, key, and the unit that it is told in."""


def rates(found: Rates) -> list[str]:
    """Those that were measured."""
    known = [(name, getattr(found, key), unit, of) for name, key, unit, of in RATES]
    return [f"{name} {significant(value / unit)} {of}" for name, value, unit, of in known if value]
