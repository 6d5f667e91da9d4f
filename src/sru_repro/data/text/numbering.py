"""Turns a text into numbers on disk, block by block: bytes as they are or renumbered, words by frequency."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from ...core.errors import DataError
from ..store.vocabulary import UNKNOWN
from .prepared import Ids, Meta
from .symbols import END, Level, Symbols, split_words

SLICE = 1 << 20
"""Numbers that are worked on at a time."""

MIN_SYMBOLS = 40
"""The shortest text whose twentieth holds two symbols: one prediction."""


def number_bytes(splits: Sequence[Iterable[bytes]], level: Level, folder: Path, source: str) -> Meta:
    """Write the bytes of the splits (one is cut 90/5/5) to `folder/ids`.

    With level `symbols` a byte becomes its rank among the values that occur in the whole text.

    Raises:
        DataError: there are too few of them, see `split_ends`.
    """
    sizes = []
    with (folder / "ids").open("wb") as out:
        for blocks in splits:
            sizes.append(sum(map(out.write, blocks)))
    ends = split_ends(sizes, "bytes", source)
    if level == "bytes":
        return Meta("uint8", ends, Symbols.all_bytes().items, {})
    ids = np.memmap(folder / "ids", dtype=np.uint8, mode="r+")
    occurs = sum(np.bincount(part, minlength=256) for part in _slices(ids)) > 0
    values = np.flatnonzero(occurs)
    rank = np.zeros(256, dtype=np.uint8)
    rank[values] = np.arange(len(values))
    for part in _slices(ids):
        part[:] = rank[part]
    ids.flush()
    return Meta("uint8", ends, tuple(values.tolist()), {})


class _Numbers(dict[str, int]):
    """Words in the order in which they first appear."""

    def __missing__(self, word: str) -> int:
        number = self[word] = len(self)
        return number


def number_words(splits: Sequence[Iterable[str]], vocabulary_size: int, folder: Path, source: str) -> Meta:
    """Write the words of the splits (one is cut 90/5/5) to `folder/ids`, and an `<eos>` for every line end.

    The vocabulary is that of the training split, the most frequent word first and equals in alphabetical
    order: at most `vocabulary_size` entries (0: all), `<unk>` and `<eos>` among them. The text is read once;
    words are numbered as they come, and renumbered when their frequencies are known. `counts` says how many
    words of each split turned into `<unk>` here.

    Raises:
        DataError: there are too few of them, see `split_ends`.
    """
    numbers, sizes = _Numbers(), []
    with (folder / "first").open("wb") as out:
        for chunks in splits:
            size = 0
            for chunk in chunks:
                words = split_words(chunk)
                ids = np.fromiter(map(numbers.__getitem__, words), dtype=np.int32, count=len(words))
                out.write(ids.tobytes())
                size += len(words)
            sizes.append(size)
    ends = split_ends(sizes, "words", source)
    first = np.memmap(folder / "first", dtype=np.int32, mode="r")
    frequency = sum(np.bincount(part, minlength=len(numbers)) for part in _slices(first[: ends[0]]))
    items = frequent_words(
        Counter(dict(zip(numbers, np.asarray(frequency).tolist(), strict=True))), vocabulary_size
    )

    number_of = {word: number for number, word in enumerate(items)}
    unknown = number_of[UNKNOWN]
    dtype = np.dtype(np.uint16 if len(items) <= 1 << 16 else np.int32)
    final = np.array([number_of.get(word, unknown) for word in numbers], dtype=dtype)
    lost = np.array([word not in number_of for word in numbers])
    starts, counts = (0, *ends[:2]), {}
    with (folder / "ids").open("wb") as out:
        for name, start, end in zip(("train", "val", "test"), starts, ends, strict=True):
            counts[f"{name}_unknown"] = 0
            for part in _slices(first[start:end]):
                out.write(final[part].tobytes())
                counts[f"{name}_unknown"] += int(np.count_nonzero(lost[part]))
    (folder / "first").unlink()
    return Meta(dtype.name, ends, items, counts)


def frequent_words(counts: Counter[str], size: int = 0) -> tuple[str, ...]:
    """The most frequent words, by torchtext: `size` with `<unk>` and `<eos>`, or all of them for 0.

    `<unk>` stands for the others, and has the place that their frequency gives it; where it or `<eos>` never
    occurs, it comes last.
    """
    from torchtext.vocab import Vocab

    specials = (UNKNOWN, END)
    if size:
        others = Counter({word: count for word, count in counts.items() if word not in specials})
        kept = Counter({word: counts[word] for word in Vocab(others, max_size=size - 2, specials=[]).itos})
        kept[END] = counts[END]
        kept[UNKNOWN] = counts.total() - kept.total()
        counts = kept
    absent = [word for word in specials if not counts[word]]
    return tuple(Vocab(counts, specials=absent, specials_first=False).itos)


def split_ends(sizes: Sequence[int], unit: str, source: str) -> tuple[int, int, int]:
    """Where three splits end that lie one after the other; a single text is cut 90/5/5.

    Raises:
        DataError: a text of fewer than MIN_SYMBOLS, or a given split of fewer than the two symbols that one prediction
            needs.
    """
    total = sum(sizes)
    if len(sizes) == 1:
        ends = (total * 90 // 100, total * 95 // 100, total)
        enough, expected = total >= MIN_SYMBOLS, f"at least {MIN_SYMBOLS} {unit} to split 90/5/5"
    else:
        ends = (sizes[0], sizes[0] + sizes[1], total)
        enough, expected = min(sizes) >= 2, f"at least 2 {unit} in each of train, validation and test"
    if not enough:
        found = " / ".join(f"{size:,}" for size in sizes) if total else "none: the text is empty"
        raise DataError(f"{source}: expected {expected}, found {found}")
    return ends


def _slices(ids: Ids) -> Iterator[Ids]:
    for start in range(0, len(ids), SLICE):
        yield ids[start : start + SLICE]
