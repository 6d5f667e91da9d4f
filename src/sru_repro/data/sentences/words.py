"""Raw text in words as the data sets write them: "It's great." becomes it 's great .

The cleaning of the five cross-validated sets, after Kim's CNN, as the authors do it: other characters than letters,
digits and ( ) , ! ? ' ` become spaces; 's 've n't 're 'd 'll are split off; punctuation stands alone; all is
lower-cased. Two accidents of the authors' code are kept: brackets and question marks come out with a backslash before
them (their replacement pattern is taken literally), and TREC is lower-cased although the code means to keep its case.
"""

import re
from collections.abc import Container

_NOT = re.compile(r"(?<=\w)n't\b")
_CLITIC = re.compile(r"'(?=(?:s|re|ve|ll|d|m)\b)")
# In this order: what was split off, dots and dashes, words with inner hyphens and the like, single signs.
_WORD = re.compile(r"n't\b|'(?:s|re|ve|ll|d|m)\b|\.\.\.|--|\w+(?:[-.'/&]\w+)*|[^\w\s]")
_NOT_KEPT = re.compile(r"[^A-Za-z0-9(),!?'`]")
_CLITICS = re.compile(r"('s|'ve|n't|'re|'d|'ll)")
_PUNCTUATION = str.maketrans({",": " , ", "!": " ! ", "(": r" \( ", ")": r" \) ", "?": r" \? "})


def split_words(text: str, known: Container[str]) -> tuple[str, ...]:
    """The lower-cased words of a text. What stands between spaces and is a known word stays whole.

    So text that was tokenised before, as the data set's own files are, comes through unchanged.
    """
    words: list[str] = []
    for string in text.lower().split():
        words += [string] if string in known else _WORD.findall(_CLITIC.sub(" '", _NOT.sub(" n't", string)))
    return tuple(words)


def clean(text: str) -> tuple[str, ...]:
    """The tokens of a raw text, cleaned as the head of this file says."""
    return tuple(_CLITICS.sub(r" \1", _NOT_KEPT.sub(" ", text)).translate(_PUNCTUATION).lower().split())
