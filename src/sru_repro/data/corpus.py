"""What a language model is given: a long text as numbers in three splits, and what they stand for."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from .symbols import Symbols

Ids = npt.NDArray[np.integer]


@dataclass(frozen=True, kw_only=True)
class Corpus:
    """A text in numbers: 1-D arrays, memory-mapped where the text comes from files.

    `fingerprint` depends on the numbers, what they stand for and the options, not on how the files were
    packed. `share` is how much of the published data set this is, `comparable` whether numbers measured on it
    may stand beside published ones, and `why_not` the reason when they may not.
    """

    train: Ids
    val: Ids
    test: Ids
    symbols: Symbols
    fingerprint: str
    description: str
    source: str
    comparable: bool
    share: float = 1.0
    why_not: str = ""
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.train) + len(self.val) + len(self.test)

    def first(self, limit: int) -> "Corpus":
        """The first `limit` symbols of each split, for smoke runs; 0 leaves the splits whole."""
        if limit <= 0 or limit >= max(len(self.train), len(self.val), len(self.test)):
            return self
        train, val, test = self.train[:limit], self.val[:limit], self.test[:limit]
        note = f"only the first {limit:,} symbols of each split"
        return replace(
            self,
            train=train,
            val=val,
            test=test,
            fingerprint=f"{self.fingerprint}-first{limit}",
            description=f"{self.description}, {note}",
            comparable=False,
            share=self.share * (len(train) + len(val) + len(test)) / len(self),
            why_not=f"{self.why_not}; {note}" if self.why_not else note,
            notes=(*self.notes, note),
        )


def amount(count: int, unit: str) -> str:
    """A size in words: "100.0 MB" or "103.2 M words"."""
    if unit == "bytes":
        return f"{count / 1e6:.1f} MB"
    return f"{count / 1e6:.1f} M {unit}" if count >= 1_000_000 else f"{count:,} {unit}"
