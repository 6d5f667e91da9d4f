"""Raw text in the words of the treebank: "It's great." becomes it 's great ."""

import re
from collections.abc import Container

_NOT = re.compile(r"(?<=\w)n't\b")
_CLITIC = re.compile(r"'(?=(?:s|re|ve|ll|d|m)\b)")
# In this order: what was split off, dots and dashes, words with inner hyphens and the like, single signs.
_WORD = re.compile(r"n't\b|'(?:s|re|ve|ll|d|m)\b|\.\.\.|--|\w+(?:[-.'/&]\w+)*|[^\w\s]")


def split_words(text: str, known: Container[str]) -> tuple[str, ...]:
    """The lower-cased words of a text. What stands between spaces and is a known word stays whole.

    So text that was tokenised before, as the data set's own files are, comes through unchanged.
    """
    words: list[str] = []
    for piece in text.lower().split():
        words += [piece] if piece in known else _WORD.findall(_CLITIC.sub(" '", _NOT.sub(" n't", piece)))
    return tuple(words)
