"""Sentences of film reviews and of plot summaries: subjective or objective (Pang and Lee, 2004)."""

from ..sentence_set import LabelledFile, SentenceSet


class SUBJ(SentenceSet):
    """See the head of this file."""

    classes = ("subjective", "objective")
    file = LabelledFile.of_the_authors(
        "subj.all",
        "f3ffbe2aa8e4f3ba3e63e46dce51613854edbca122fb3aa758b9bce047ded23c",
        (5000, 5000),
        "latin-1",
    )
