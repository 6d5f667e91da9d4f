"""Texts in numbers: bytes and words, the order of the vocabulary, the splits."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from sru_repro.core.errors import DataError
from sru_repro.data.text import numbering
from sru_repro.data.text.numbering import frequent_words, number_bytes, number_words, split_ends


@pytest.fixture(autouse=True)
def small_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numbering, "SLICE", 7)


def test_bytes(tmp_path: Path) -> None:
    text = bytes(range(100, 200))
    meta = number_bytes([[text[:30], b"", text[30:]]], "bytes", tmp_path, "a.txt")
    assert (tmp_path / "ids").read_bytes() == text
    assert (meta.ends, meta.items) == ((90, 95, 100), tuple(range(256)))


def test_symbols_are_ranks_of_the_bytes_that_occur(tmp_path: Path) -> None:
    text = b"hello, world " * 10
    meta = number_bytes([[text[:50]], [text[50:90]], [text[90:]]], "symbols", tmp_path, "a.txt")
    assert meta.items == tuple(sorted(set(text)))
    assert meta.ends == (50, 90, 130)
    ids = np.fromfile(tmp_path / "ids", np.uint8)
    assert np.array(meta.items)[ids].astype(np.uint8).tobytes() == text
    assert ids.max() == len(meta.items) - 1


def test_words_in_the_order_of_their_frequency_in_train(tmp_path: Path) -> None:
    train, val, test = "b a b\nb c a\n", "a rare\n", "\nc c\n"
    meta = number_words([[train[:6], train[6:]], [val], [test]], 0, tmp_path, "a.txt")
    assert meta.items == ("b", "<eos>", "a", "c", "<unk>")  # equals in alphabetical order
    assert (meta.dtype, meta.ends) == ("uint16", (8, 11, 15))
    words = [meta.items[i] for i in np.fromfile(tmp_path / "ids", np.uint16)]
    assert " ".join(map(str, words)) == "b a b <eos> b c a <eos> a <unk> <eos> <eos> c c <eos>"
    assert meta.counts == {"train_unknown": 0, "val_unknown": 1, "test_unknown": 0}
    assert [path.name for path in tmp_path.iterdir()] == ["ids"]


def test_one_text_is_cut_by_words_and_its_vocabulary_is_of_the_first_part(tmp_path: Path) -> None:
    meta = number_words([["a " * 90 + "late " * 9 + "\n"]], 0, tmp_path, "a.txt")
    assert meta.ends == (90, 95, 100)
    assert meta.items == ("a", "<unk>", "<eos>")
    assert meta.counts == {"train_unknown": 0, "val_unknown": 5, "test_unknown": 4}
    assert np.fromfile(tmp_path / "ids", np.uint16).tolist() == [0] * 90 + [1] * 9 + [2]


def test_many_words_need_more_than_two_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numbering, "SLICE", 1 << 20)
    text = " ".join(f"w{i}" for i in range(70_000)) + "\n"
    meta = number_words([[text], ["w1\n"], ["w2\n"]], 0, tmp_path, "a.txt")
    assert meta.dtype == "int32"
    ids = np.fromfile(tmp_path / "ids", np.int32)
    assert [meta.items[i] for i in ids] == [*text.split(), "<eos>", "w1", "<eos>", "w2", "<eos>"]


COUNTS = Counter({"a": 5, "b": 5, "c": 2, "<eos>": 3, "d": 1, "<unk>": 1})


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (0, "a b <eos> c <unk> d"),
        (5, "a b <eos> <unk> c"),  # <unk> and d: twice, as often as c
        (4, "a b <unk> <eos>"),
        (3, "<unk> a <eos>"),
        (100, "a b <eos> c <unk> d"),
    ],
)
def test_the_most_frequent_words(size: int, expected: str) -> None:
    assert " ".join(frequent_words(COUNTS, size)) == expected
    assert COUNTS.total() == 17


def test_both_marks_exist_when_the_text_lacks_them() -> None:
    assert frequent_words(Counter({"b": 1, "a": 1})) == ("a", "b", "<unk>", "<eos>")
    assert frequent_words(Counter({"b": 2, "a": 1}), 4) == ("b", "a", "<unk>", "<eos>")


def test_too_short() -> None:
    assert split_ends([40], "bytes", "a.txt") == (36, 38, 40)
    with pytest.raises(DataError, match=r"^a.txt: expected at least 40 bytes to split 90/5/5, found 39$"):
        split_ends([39], "bytes", "a.txt")
    with pytest.raises(DataError, match="found none: the text is empty"):
        split_ends([0], "words", "a.txt")
    with pytest.raises(DataError, match=r"at least 2 words in each of train, .*, found 9 / 1 / 9"):
        split_ends([9, 1, 9], "words", "a.txt")
