"""Under which terms data come that a model was made of: what its card has to say. As data/README.md has it."""

_UNKNOWN = "not known to the suite; ask where the file came from"
DATA = {
    "sst": "Stanford Sentiment Treebank; its authors state no licence",
    **dict.fromkeys(
        ("cr", "subj", "mr", "trec", "mpqa"),
        "harvardnlp/sent-conv-torch, a repository under the MIT licence; collected by others, for research",
    ),
}
"""Of sets of sentences, by the name of the task."""
VECTORS = {
    "wiki2015.300d.bin": "skip-gram trained for this suite on 79 M words of Wikipedia of 2015, text under CC BY-SA",
    "random": "drawn at random",
    "glove.840B.300d.zip": "GloVe 840B, PDDL 1.0",
    "glove.840B.300d.txt": "GloVe 840B, PDDL 1.0",
    "word2vec-google-news-300.gz": "Google News; no licence stated",
    "GoogleNews-vectors-negative300.bin": "Google News; no licence stated",
    "GoogleNews-vectors-negative300.bin.gz": "Google News; no licence stated",
}
"""Of word vectors, by the name of their file."""


def terms(task: str, vectors: str | None) -> tuple[str, str]:
    """Of the data of a task, and of the file of word vectors."""
    return DATA.get(task, _UNKNOWN), VECTORS.get((vectors or "").removesuffix(".cut.npz"), _UNKNOWN)
