"""Words and their numbers: 0 is padding, 1 the unknown word, then all words, the most frequent first."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

PAD, UNKNOWN = "<pad>", "<unk>"
PAD_ID, UNKNOWN_ID = 0, 1


@dataclass(frozen=True)
class Vocabulary:
    """All words in the order of their numbers; `Vocabulary(words)` restores one that was saved as a list."""

    words: tuple[str, ...]

    @cached_property
    def _id_of(self) -> dict[str, int]:
        return {word: number for number, word in enumerate(self.words)}

    def __len__(self) -> int:
        return len(self.words)

    def __contains__(self, word: object) -> bool:
        return word in self._id_of

    def ids(self, tokens: Sequence[str]) -> list[int]:
        """The numbers of the tokens, UNKNOWN_ID where a token is not in the vocabulary."""
        return [self._id_of.get(token, UNKNOWN_ID) for token in tokens]


def build_vocabulary(token_lists: Iterable[Iterable[str]]) -> Vocabulary:
    """The vocabulary of all tokens in the lists, numbered by torchtext.

    torchtext 0.6.0 is the last release in pure Python; later ones need a shared library built for one torch
    release.
    """
    return from_counts(Counter(token for tokens in token_lists for token in tokens))


def from_counts(counts: Counter[str]) -> Vocabulary:
    """The vocabulary of words whose frequencies are known."""
    from torchtext.vocab import Vocab

    return Vocabulary(tuple(Vocab(counts, specials=[PAD, UNKNOWN]).itos))
