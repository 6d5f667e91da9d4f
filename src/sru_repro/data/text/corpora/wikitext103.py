"""WikiText-103 (Merity et al., 2017): 103 million words; its validation and test sets are WikiText-2's."""

from collections.abc import Mapping
from typing import ClassVar

from ..symbols import Level
from ._wikitext import WikiText


class WikiText103(WikiText):
    """See `WikiText`."""

    title, folder = "WikiText-103", "wikitext-103"
    tokens = (103_227_021, 217_646, 245_569)
    published: ClassVar[Mapping[Level, int]] = {"words": 267_735}
    instead = "for its bytes use task.corpus=text task.path=wikitext-103"
