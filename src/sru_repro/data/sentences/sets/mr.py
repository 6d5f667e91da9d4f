"""Movie reviews, a sentence each, positive or negative (Pang and Lee, 2005)."""

from ..sentence_set import POLARITY, LabelledFile, SentenceSet


class MR(SentenceSet):
    """See the head of this file."""

    classes = POLARITY
    file = LabelledFile.of_the_authors(
        "rt-polarity.all",
        "b8846c3bbd59241f901efdc58f7c515e4b280ab3561fd1858caa5aa48da95a8a",
        (5331, 5331),
        "latin-1",
    )
