"""The mark of a speed that was measured while other work took the processor away."""

from collections.abc import Iterable

from ..core.processor import ENOUGH

NONE = "—"
"""What stands in an empty cell."""
DAGGER = "†"
LEGEND = (
    f"{DAGGER} measured while other work took the processor away, with the part of it that is told "
    f"({100 * ENOUGH:.0f} % and more go unmarked)"
)


def least(shares: Iterable[float | None]) -> float | None:
    """The smallest part of the processor; what is not known does not count."""
    return min((share for share in shares if share is not None), default=None)


def marked(text: str, *shares: float | None) -> str:
    """A speed with its mark, where one of the measurements behind it had too little of the processor."""
    share = least(shares)
    if text == NONE or share is None or share >= ENOUGH:
        return text
    return f"{text} {DAGGER}{100 * share:.0f} %"
