"""A question with its passage in numbers, and a split of many, memory-mapped.

Numbers are those of forms, in a table of all distinct ones; which form is which word of a vocabulary, and the features
of a question on its passage, are settled when a batch is made.

Axes: L tokens of a passage, Q tokens of a question, V forms, N tokens of all texts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from .tokens import Tokenizer

Ints = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float32]
Number = TypeVar("Number", bound=np.generic)


class Example(NamedTuple):
    """One question. Forms, lower-cased forms and lemmas are numbers into one table, `Squad.forms`.

    Attributes:
        id: the question's.
        question_text: as it was given.
        passage_text: as it was given.
        answers: their texts.
        question: forms, (Q,).
        passage: forms, (L,).
        lower_question: forms in lower case, (Q,).
        lower_passage: forms in lower case, (L,).
        lemma_question: lemmas, (Q,); None without a tagger.
        lemma_passage: lemmas, (L,); None without a tagger.
        tags: parts of speech, (L,), numbers into `Squad.tags`.
        entities: kinds of entities, (L,), numbers into `Squad.entities`.
        frequency: how often a passage's word, in lower case, occurs in it, divided by L, (L,).
        spans: the characters of each token in `passage_text`, from the first to behind the last, (L, 2).
        start: the answer's first token, -1 where none falls on token borders.
        end: its last.
    """

    id: str
    question_text: str
    passage_text: str
    answers: tuple[str, ...]
    question: Ints
    passage: Ints
    lower_question: Ints
    lower_passage: Ints
    lemma_question: Ints | None
    lemma_passage: Ints | None
    tags: Ints
    entities: Ints
    frequency: Floats
    spans: Ints
    start: int
    end: int


class Strings(Sequence[str]):
    """Many strings in one file: `NAME.txt` holds their UTF-8 bytes, `NAME.ends` (int64) where each ends."""

    def __init__(self, folder: Path, name: str) -> None:
        self._ends = mapped(folder / f"{name}.ends", np.int64)
        self._bytes = mapped(folder / f"{name}.txt", np.uint8)

    def __len__(self) -> int:
        return len(self._ends)

    def __getitem__(self, index: int) -> str:  # type: ignore[override]
        start = self._ends[index - 1] if index else 0
        return self._bytes[start : self._ends[index]].tobytes().decode("utf-8")


def mapped(path: Path, dtype: type[Number]) -> npt.NDArray[Number]:
    """A file of numbers, read-only, in 1-D, (N,); a plain array, which slices thrice as fast as numpy's memmap."""
    if path.stat().st_size == 0:
        return np.empty(0, dtype=dtype)
    return np.asarray(np.memmap(path, dtype=dtype, mode="r"))


class Store:
    """What a folder of the cache holds: texts (passages and questions of both splits), tokens, questions.

    Tokens of text t are those from `token_ends[t - 1]` to `token_ends[t]`; answers likewise.
    """

    def __init__(self, folder: Path, tagged: bool) -> None:
        self.texts, self.ids, self.answers = (Strings(folder, name) for name in ("texts", "ids", "answers"))
        self.token_ends: npt.NDArray[np.int64] = mapped(folder / "tokens.ends", np.int64)
        self.answer_ends: npt.NDArray[np.int64] = mapped(folder / "answer.ends", np.int64)
        self.columns: list[Ints] = [mapped(folder / name, np.int32) for name in COLUMNS[: 4 if tagged else 1]]
        self.spans_N2: Ints = mapped(folder / "spans", np.int32).reshape(-1, 2)
        self.questions: Ints = mapped(folder / "questions", np.int32).reshape(-1, 4)
        """Of each question: its text, its passage's, first and last token of the answer."""
        self.lower: Ints = mapped(folder / "lower", np.int32)
        """Of each form the number of it in lower case."""

    def tokens(self, text: int) -> slice:
        """Where the tokens of a text lie."""
        return slice(int(self.token_ends[text - 1]) if text else 0, int(self.token_ends[text]))


COLUMNS = ("forms", "lemmas", "tags", "entities")


@dataclass(frozen=True)
class Split:
    """Some questions of a store, in the order of the file; `rows` are their numbers there, of shape (questions,)."""

    store: Store
    rows: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.rows)

    def evenly(self, limit: int) -> "Split":
        """`limit` questions evenly spread over the split; 0: all."""
        if not 0 < limit < len(self):
            return self
        return Split(self.store, self.rows[np.arange(limit) * len(self) // limit])

    def question(self, index: int) -> Example:
        """A question with all that belongs to it; arrays are views of the memory map, or made from such."""
        store, row = self.store, int(self.rows[index])
        question_text, passage_text, start, end = map(int, store.questions[row])
        q, p = store.tokens(question_text), store.tokens(passage_text)
        forms = store.columns[0]
        lower = store.lower[forms[p]]
        nothing = np.zeros(len(lower), dtype=np.int32)
        tagged = len(store.columns) > 1
        first = int(store.answer_ends[row - 1]) if row else 0
        return Example(
            store.ids[row],
            store.texts[question_text],
            store.texts[passage_text],
            tuple(store.answers[i] for i in range(first, int(store.answer_ends[row]))),
            forms[q],
            forms[p],
            store.lower[forms[q]],
            lower,
            store.columns[1][q] if tagged else None,
            store.columns[1][p] if tagged else None,
            store.columns[2][p] if tagged else nothing,
            store.columns[3][p] if tagged else nothing,
            term_frequency(lower),
            store.spans_N2[p],
            start,
            end,
        )

    def passage_lengths(self) -> npt.NDArray[np.int64]:
        """Tokens of every question's passage, of shape (questions,)."""
        return self._lengths()[self.store.questions[self.rows, 1]]

    def aligned(self) -> npt.NDArray[np.bool_]:
        """Whether every question has an answer that falls on token borders, of shape (questions,)."""
        return self.store.questions[self.rows, 2] >= 0

    def form_counts(self, n_forms: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """How often each form occurs in the questions (V,), and in the passages (V,), each of these counted once."""
        questions, passages = self.store.questions[self.rows, 0], self.store.questions[self.rows, 1]
        return self._counts(questions, n_forms), self._counts(passages, n_forms)

    def _lengths(self) -> npt.NDArray[np.int64]:
        return np.diff(self.store.token_ends, prepend=0)

    def _counts(self, texts: Ints, n_forms: int) -> npt.NDArray[np.int64]:
        wanted = np.zeros(len(self.store.token_ends), dtype=np.bool_)
        wanted[texts] = True
        return np.bincount(self.store.columns[0][np.repeat(wanted, self._lengths())], minlength=n_forms)


def term_frequency(lower: Ints) -> Floats:
    """Of every token how often its form in `lower`, (L,), occurs in the passage, divided by L: (L,)."""
    _, inverse, counts = np.unique(lower, return_inverse=True, return_counts=True)
    return (counts[inverse] / max(1, len(lower))).astype(np.float32)


def single_example(
    tokenizer: Tokenizer,
    passage: str,
    question: str,
    tags: Sequence[str] = ("",),
    entities: Sequence[str] = ("",),
) -> tuple[Example, tuple[str, ...]]:
    """A question of one's own, without an answer, and the forms that its numbers stand for.

    `tags` and `entities` are a `Squad`'s, to which a new name counts as none. Either text may be without tokens.
    """
    forms: dict[str, int] = {}

    def numbers(words: Sequence[str]) -> Ints:
        return np.array([forms.setdefault(word, len(forms)) for word in words], dtype=np.int32)

    def known(names: Sequence[str] | None, table: Sequence[str]) -> Ints:
        number_of = {name: number for number, name in enumerate(table)}
        found = [number_of.get(name, 0) for name in names or [""] * len(text.words)]
        return np.array(found, dtype=np.int32)

    text, asked = tokenizer(passage), tokenizer(question)
    lower = numbers([word.lower() for word in text.words])
    return Example(
        "",
        question,
        passage,
        (),
        numbers(asked.words),
        numbers(text.words),
        numbers([word.lower() for word in asked.words]),
        lower,
        None if asked.lemmas is None else numbers(asked.lemmas),
        None if text.lemmas is None else numbers(text.lemmas),
        known(text.tags, tags),
        known(text.entities, entities),
        term_frequency(lower),
        text.spans_L2,
        -1,
        -1,
    ), tuple(forms)
