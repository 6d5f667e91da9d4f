"""Customer reviews of products, positive or negative (Hu and Liu, 2004)."""

from ..sentence_set import POLARITY, LabelledFile, SentenceSet


class CR(SentenceSet):
    """See the head of this file."""

    classes = POLARITY
    file = LabelledFile.of_the_authors(
        "custrev.all", "a3839a79bd3285177a07158c6104b49038a7a06ab2abe897734cde5d22e5e325", (1368, 2407)
    )
