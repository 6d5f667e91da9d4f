"""The cross-validated sets that there are, a file each; names are resolved by scanning this folder."""

import sys

from ....core import scan
from ..sentence_set import SentenceSet

__all__ = ["SentenceSet", "names", "set_class"]


def names() -> list[str]:
    """The sets, by file name."""
    return scan.names(sys.modules[__name__])


def set_class(name: str) -> type[SentenceSet]:
    """The one `SentenceSet` that the file `name` defines.

    Raises:
        ValueError: there is none.
    """
    return scan.only_class(sys.modules[__name__], name, SentenceSet, "set of sentences")
