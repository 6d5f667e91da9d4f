"""The way to a text: a corpus by its name, with options that fit it.

A corpus is turned into numbers once, in bounded memory, and memory-mapped from the cache after (`data/store/cache.py`).
The text's fingerprint depends on its numbers, its vocabulary and the options, not on how its files are packed.
"""

from pathlib import Path

from ...core.errors import ConfigError, DataError
from . import corpora
from .corpus import Text, TextOptions
from .numbering import SLICE
from .symbols import LEVELS


def load_corpus(
    corpus: str,
    data_dir: Path,
    level: str,
    *,
    path: str = "",
    vocabulary_size: int = 0,
    max_bytes: int = TextOptions.max_bytes,
    limit: int = 0,
) -> Text:
    """A text in numbers, found below `data_dir` or fetched.

    Args:
        corpus: one of `corpora.names()`.
        data_dir: the folder of the data.
        level: "bytes", "symbols" or "words".
        path: a file or folder of text, for the corpus `text`.
        vocabulary_size: most words that are kept, `<unk>` and `<eos>` among them; 0: all.
        max_bytes: how much of a text that has no end of its own.
        limit: above 0: so many symbols of each split, in a few pieces evenly spread over it.

    Raises:
        ConfigError: there is no such corpus, or the options do not fit it.
        DataError: the text is not to be had, or one symbol over and over.
    """
    if corpus not in corpora.names():
        raise ConfigError(f"task.corpus={corpus}: expected {'|'.join(corpora.names())}")
    if level not in LEVELS:
        raise ConfigError(f"task.level={level}: expected {'|'.join(LEVELS)}")
    if problem := clash(corpus, level, path, vocabulary_size):
        raise ConfigError(f"task: {problem}")
    options = TextOptions(level=level, path=path, vocabulary_size=vocabulary_size, max_bytes=max_bytes)
    text = corpora.corpus_class(corpus).load(data_dir, options).part(limit)
    first = text.train[:1]
    if all((text.train[start : start + SLICE] == first).all() for start in range(0, len(text.train), SLICE)):
        only = text.symbols.decode(first.tolist())
        raise DataError(
            f"{text.source}: expected a text of several symbols, found {only!r} {len(text.train):,} times and no other "
            "to train on"
        )
    return text


def clash(corpus: str, level: str, path: str, vocabulary_size: int) -> str:
    """Which options do not fit the corpus, in a line; empty when all do."""
    kind = corpora.corpus_class(corpus)
    if path and "path" not in kind.takes:
        takers = [name for name in corpora.names() if "path" in corpora.corpus_class(name).takes]
        return f"path={path} needs corpus={' or '.join(takers)}, found corpus={corpus}"
    if level not in kind.levels:
        advice = f"; {kind.instead}" if kind.instead else ""
        return f"corpus={corpus} needs level={' or '.join(kind.levels)}, found level={level}{advice}"
    if vocabulary_size and (vocabulary_size < 3 or level != "words" or "vocabulary_size" not in kind.takes):
        needs = "0, or 3 and more with level=words"
        return f"vocabulary_size={vocabulary_size} needs to be {needs}, found corpus={corpus} level={level}"
    return ""
