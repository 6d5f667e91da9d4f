"""Questions by what they ask for (Li and Roth, 2002); the one set with a test set of its own."""

from ..sentence_set import LabelledFile, SentenceSet


class TREC(SentenceSet):
    """See the head of this file."""

    classes = ("description", "entity", "abbreviation", "human", "location", "number")
    file = LabelledFile.of_the_authors(
        "TREC.train.all",
        "c8183fd8c2a5cc4a9a1c56548d7c6410a8b71ed7843df9ef1f0a05cd7cf2fb3e",
        (1162, 1250, 86, 1223, 835, 896),
        "latin-1",
    )
    test = LabelledFile.of_the_authors(
        "TREC.test.all",
        "92a6a3cede5678b447ef5f1d7ec474134fcda211e6590e6fa627b4a2c68e4566",
        (138, 94, 9, 65, 81, 113),
        "latin-1",
    )
