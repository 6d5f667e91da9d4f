"""What a page of results says before anything else: its question and the answer that follows from its records.

The same text heads the page, the title of its figure and README, so it is made in one place for each page.
"""

import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Self

SHORT = 140
"""Letters of an answer in short."""
FIRST = 3
"""Sentences of the first paragraph, where nothing else is said; the rest are one of their own."""


@dataclass(frozen=True)
class Answer:
    """The finding of one page, as sentences of plain text (no Markdown), each with its figures in it."""

    question: str
    """What the page asks, such as "Does SRU reach the accuracy of an LSTM on SST, and how much sooner?"."""
    short: str
    """The answer in one sentence of at most 140 characters: subtitle of the figure, line of README."""
    sentences: tuple[str, ...]
    """The whole answer: three sentences a reader can quote, then as many as the records give."""
    starts: tuple[int, ...] = (FIRST,)
    """Places of the sentences that begin a further paragraph."""

    @classmethod
    def of(cls, question: str, short: str, *subjects: Sequence[str]) -> Self:
        """A paragraph for each subject that has sentences."""
        parts = [tuple(part) for part in subjects if part]
        starts = tuple(accumulate(map(len, parts)))[:-1]
        return cls(question, short, tuple(text for part in parts for text in part), starts)

    @classmethod
    def together(cls, answers: Iterable[Self | None]) -> Self | None:
        """Of several machines the first answer, and the first sentence of each other; None where none answers."""
        found = [answer for answer in answers if answer]
        if not found:
            return None
        first, *others = found
        more = tuple(other.sentences[0] for other in others)
        return cls(first.question, first.short, first.sentences + more, first.starts)

    @property
    def paragraphs(self) -> list[str]:
        """The sentences, put together."""
        ends = [0, *(place for place in self.starts if place < len(self.sentences)), len(self.sentences)]
        return [" ".join(self.sentences[one:other]) for one, other in pairwise(ends) if other > one]


def shortened(text: str) -> str:
    """At most as long as an answer in short may be."""
    return textwrap.shorten(text, SHORT, placeholder=" …")
