"""What a data set of sentences hands to a task: labelled token sequences in three splits."""

from collections import Counter
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

    def part(self, limit: int) -> "Splits":
        """`limit` examples of each split, as many of each class as can be, for smoke runs; 0: all."""
        if limit <= 0:
            return self
        train, val, test = (_balanced(split, limit) for split in (self.train, self.val, self.test))
        return replace(
            self,
            train=train,
            val=val,
            test=test,
            fingerprint=f"{self.fingerprint}-part{limit}",
            notes=(*self.notes, f"only {part_of(limit)}"),
        )

    def tokens(self, *names: str) -> Iterator[str]:
        """Every token of the named splits (all three when none is named), repeats included."""
        for name in names or ("train", "val", "test"):
            for example in getattr(self, name):
                yield from example.tokens


def part_of(limit: int) -> str:
    """What a part of each split is called."""
    return f"{limit:,} examples of each split, as many of each class"


def _balanced(split: list[Example], limit: int) -> list[Example]:
    """The classes take turns, each with its next example, until there are enough; these in the order of the split."""
    seen: Counter[int] = Counter()
    turns = []
    for place, example in enumerate(split):
        turns.append((seen[example.label], place))
        seen[example.label] += 1
    return [split[place] for place in sorted(place for _, place in sorted(turns)[:limit])]
