"""WikiText-2 (Merity et al., 2017): two million words; all words of validation and test occur in training."""

from collections.abc import Mapping
from typing import ClassVar

from ..symbols import Level
from ._wikitext import WikiText


class WikiText2(WikiText):
    """See `WikiText`."""

    title, folder = "WikiText-2", "wikitext-2"
    tokens = (2_088_628, 217_646, 245_569)
    mark = "a8b792fe4e9034e3"
    published: ClassVar[Mapping[Level, int]] = {"words": 33_278}
    instead = "for its bytes use task.corpus=text task.path=wikitext-2"
