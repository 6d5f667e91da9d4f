"""Phrases of news texts that express an opinion, positive or negative (Wiebe et al., 2005)."""

from ..sentence_set import POLARITY, LabelledFile, SentenceSet


class MPQA(SentenceSet):
    """See the head of this file."""

    classes = POLARITY
    file = LabelledFile.of_the_authors(
        "mpqa.all", "661de8a069da4b9845fc8b9ae59cc97ffe554f3018fa6bf0e640e3d626a4eaf7", (7294, 3312)
    )
