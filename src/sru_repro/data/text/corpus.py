"""What a language model is given: a long text in numbers in three splits; and what a corpus says of itself before it is
read, its levels, its published numbers of symbols and its options.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import ClassVar

import numpy as np

from .prepared import Ids, Prepared
from .symbols import Level, Symbols

ALL_BYTES = 256
"""Values of a byte."""
PIECES, PIECE = 8, 250
"""Of a part of a split: so many pieces at most, of so many symbols at least."""


@dataclass(frozen=True, kw_only=True)
class Text:
    """A text in numbers, memory-mapped where the text comes from files: `train`, `val`, `test`, (N,) each.

    `fingerprint` depends on the numbers, what they stand for and the options, not on how the files were
    packed. `share` is how much of the published data set this is, and `why_not` the reason why numbers measured on it
    may not stand beside published ones; empty when they may. `warnings` are lines for the screen.
    """

    train: Ids
    val: Ids
    test: Ids
    symbols: Symbols
    fingerprint: str
    description: str
    source: str
    share: float = 1.0
    why_not: str = ""
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        found: Prepared,
        *,
        description: str,
        source: str,
        share: float = 1.0,
        why_not: str = "",
        notes: tuple[str, ...] = (),
        warnings: tuple[str, ...] = (),
    ) -> "Text":
        """A prepared text with what is said of it."""
        train, val, test = found.splits
        return cls(
            train=train,
            val=val,
            test=test,
            symbols=found.symbols,
            fingerprint=found.fingerprint,
            description=description,
            source=source,
            share=share,
            why_not=why_not,
            notes=notes,
            warnings=warnings,
        )

    @property
    def comparable(self) -> bool:
        """Whether numbers measured on it may stand beside published ones."""
        return not self.why_not

    def __len__(self) -> int:
        return len(self.train) + len(self.val) + len(self.test)

    def part(self, limit: int) -> "Text":
        """`limit` symbols of each split, in a few pieces evenly spread over it, for smoke runs; 0 leaves them whole."""
        if limit <= 0 or limit >= max(len(self.train), len(self.val), len(self.test)):
            return self
        train, val, test = (_spread(split, limit) for split in (self.train, self.val, self.test))
        note = f"only {limit:,} symbols of each split"
        return replace(
            self,
            train=train,
            val=val,
            test=test,
            fingerprint=f"{self.fingerprint}-part{limit}",
            description=f"{self.description}, {note}",
            share=self.share * (len(train) + len(val) + len(test)) / len(self),
            why_not=f"{self.why_not}; {note}" if self.why_not else note,
            notes=(*self.notes, note),
        )


def _spread(split: Ids, limit: int) -> Ids:
    """As pieces of `PIECE` symbols at least, up to `PIECES`: a text may begin with what is not like the rest of it."""
    if limit >= len(split):
        return split
    pieces = min(PIECES, max(1, limit // PIECE))
    ends = [limit * place // pieces for place in range(pieces + 1)]
    starts = [len(split) * place // pieces for place in range(pieces)]
    lengths = [end - start for start, end in pairwise(ends)]
    return np.concatenate(
        [split[start : start + length] for start, length in zip(starts, lengths, strict=True)]
    )


@dataclass(frozen=True, kw_only=True)
class TextOptions:
    """What may be asked of a corpus.

    Attributes:
        level: "bytes", "symbols" or "words".
        path: a file or folder of text.
        vocabulary_size: keep the most frequent words only, `<unk>` and `<eos>` among them; 0: all.
        max_bytes: how much of a text that has no end of its own.
    """

    level: Level
    path: str = ""
    vocabulary_size: int = 0
    max_bytes: int = 4_000_000


class Corpus:
    """A text to train language models on. A new one is a file in `corpora/` with one subclass, and conf/task/NAME.yaml.

    Attributes:
        levels: into what it may be cut.
        published: symbols of the whole corpus by level: with these, parameters are counted, whatever part is at hand; a
            level left out has no published number, and a model is counted with the words it has.
        takes: those of `path`, `vocabulary_size` and `max_bytes` that it heeds.
        instead: what to do for a level that it does not have.
    """

    levels: ClassVar[tuple[Level, ...]]
    published: ClassVar[Mapping[Level, int]] = {}
    takes: ClassVar[tuple[str, ...]] = ()
    instead: ClassVar[str] = ""

    @classmethod
    def load(cls, data_dir: Path, options: TextOptions) -> Text:
        """The text below `data_dir`, fetched if need be.

        Raises:
            DataError: it is not to be had, or not what it should be.
        """
        raise NotImplementedError

    @classmethod
    def count(cls, level: Level) -> int:
        """Symbols to count parameters with when no text is at hand."""
        return cls.published.get(level, ALL_BYTES)


def amount(count: int, unit: str) -> str:
    """A size in words: "100.0 MB" or "103.2 M words"."""
    if unit == "bytes":
        return f"{count / 1e6:.1f} MB"
    return f"{count / 1e6:.1f} M {unit}" if count >= 1_000_000 else f"{count:,} {unit}"
