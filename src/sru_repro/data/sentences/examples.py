"""What a data set of sentences hands to a task: labelled token sequences in three splits."""

from collections.abc import Iterator
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Example:
    """One text to classify; `label` is an index into `Splits.classes`."""

    tokens: tuple[str, ...]
    label: int


@dataclass(frozen=True)
class Splits:
    """A classification data set, in the order of its files unless the paper's protocol shuffles it.

    `fingerprint` changes whenever the files or the options that shaped the splits change, `source` says in
    words where they came from, and `notes` is what a table made from them has to tell its readers. `warnings` are lines
    for the screen.
    """

    train: list[Example]
    val: list[Example]
    test: list[Example]
    classes: tuple[str, ...]
    fingerprint: str
    source: str
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def first(self, limit: int) -> "Splits":
        """The first `limit` examples of each split, for smoke runs; 0 leaves the splits whole."""
        if limit <= 0:
            return self
        return replace(
            self,
            train=self.train[:limit],
            val=self.val[:limit],
            test=self.test[:limit],
            fingerprint=f"{self.fingerprint}-first{limit}",
            notes=(*self.notes, f"only the first {limit} examples of each split"),
        )

    def tokens(self, *names: str) -> Iterator[str]:
        """Every token of the named splits (all three when none is named), repeats included."""
        for name in names or ("train", "val", "test"):
            for example in getattr(self, name):
                yield from example.tokens
