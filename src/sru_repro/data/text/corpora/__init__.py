"""The corpora that there are, a file each; names are resolved by scanning this folder."""

import sys

from ....core import scan
from ..corpus import Corpus

__all__ = ["Corpus", "corpus_class", "names"]


def names() -> list[str]:
    """The corpora, by file name."""
    return scan.names(sys.modules[__name__])


def corpus_class(name: str) -> type[Corpus]:
    """The one `Corpus` that the file `name` defines.

    Raises:
        ValueError: there is none.
    """
    return scan.only_class(sys.modules[__name__], name, Corpus, "corpus")
