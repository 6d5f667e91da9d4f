"""Any number of runs side by side: what differs in them, and whether their figures do."""

from collections.abc import Sequence
from pathlib import Path

from .gather import Found, gather, records_of
from .groups import sections
from .judged import called
from .overview import overview
from .page import page
from .pair import pair
from .screen import printed

__all__ = ["Found", "called", "compare", "compared", "gather", "page", "records_of", "sections"]


def compare(*places: Path, width: int = 80) -> str:
    """A text for a terminal about run folders or records. Raises DataError when one cannot be read."""
    return compared(gather(places), width=width)


def compared(found: Sequence[Found], against: str = "", width: int = 80) -> str:
    """A text for a terminal of that width: two runs key by key, more of them row by row. `against` names the row that
    all are compared with, by default the best."""
    if len(found) == 2 and not against:
        return printed(pair(*found), width)
    return printed(overview(found, sections(found), against, width), width)
