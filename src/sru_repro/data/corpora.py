"""The texts of language modelling by name: enwik8, WikiText, a text of the user's own, Python's library."""

from pathlib import Path

from ..core.errors import ConfigError
from .corpus import Corpus
from .enwik8 import load_enwik8
from .own_text import WHY_NOT, load_own_text
from .stdlib_text import DEFAULT_MAX_BYTES, load_stdlib_text
from .symbols import LEVELS, Symbols
from .wikitext import load_wikitext

__all__ = ["CORPORA", "Corpus", "load_corpus"]

CORPORA = ("enwik8", "wikitext103", "wikitext2", "text", "stdlib")


def load_corpus(
    corpus: str,
    data_dir: Path,
    level: str,
    *,
    path: str = "",
    limit: int = 0,
    vocabulary_size: int = 0,
    max_bytes: int = DEFAULT_MAX_BYTES,
) -> Corpus:
    """A text in numbers, found below `data_dir` or fetched, prepared once and memory-mapped after.

    `path` is that of a `text`, `max_bytes` the length of `stdlib`. `vocabulary_size` keeps the most frequent
    words only, `<unk>` and `<eos>` among them (0: all). `limit` keeps the first symbols of each split (0: all).
    Raises ConfigError for options that do not fit each other, DataError for a text that is not to be had.
    """
    if corpus not in CORPORA:
        raise ConfigError(f"task.corpus={corpus}: expected {'|'.join(CORPORA)}")
    if level not in LEVELS:
        raise ConfigError(f"task.level={level}: expected {'|'.join(LEVELS)}")
    if path and corpus != "text":
        raise ConfigError(f"task.path={path}: expected with task.corpus=text only, found {corpus}")
    if vocabulary_size and (level != "words" or vocabulary_size < 3):
        raise ConfigError(
            f"task.vocabulary_size={vocabulary_size}: expected 0, or 3 and more with task.level=words, found {level}"
        )
    if corpus == "enwik8":
        found = load_enwik8(data_dir, level)
    elif corpus == "text":
        found = load_own_text(path, data_dir, level, vocabulary_size)
    elif corpus == "stdlib":
        found = _stdlib(level, max_bytes)
    else:
        found = load_wikitext(corpus, data_dir, level, vocabulary_size)
    return found.first(limit)


def _stdlib(level: str, max_bytes: int) -> Corpus:
    if level != "bytes":
        raise ConfigError(f"task.level={level}: expected bytes with task.corpus=stdlib")
    text = load_stdlib_text(max_bytes)
    size = len(text.train) + len(text.val) + len(text.test)
    return Corpus(
        train=text.train,
        val=text.val,
        test=text.test,
        symbols=Symbols.all_bytes(),
        fingerprint=text.fingerprint,
        description=f"standard library sources, {size / 1e6:.1f} MB",
        source=text.source,
        comparable=False,
        why_not=WHY_NOT,
        notes=text.notes,
    )
