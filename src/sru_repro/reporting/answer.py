"""What a page of results says before anything else: its question and the answer that follows from its records.

The same text heads the page, the title of its figure and README, so it is made in one place for each page.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Answer:
    """The finding of one page, as sentences of plain text (no Markdown), each with its figures in it."""

    question: str
    """What the page asks, such as "Does SRU reach the accuracy of an LSTM on SST, and how much sooner?"."""
    short: str
    """The answer in one sentence of at most 140 characters: subtitle of the figure, line of README."""
    sentences: tuple[str, ...]
    """The whole answer: three sentences a reader can quote, then as many as the records give."""
