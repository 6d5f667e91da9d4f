"""A text of one's own: a file, a folder, splits by name, and what is refused."""

import gzip
import time
from pathlib import Path

import numpy as np
import pytest

from sru_repro.core.errors import ConfigError, DataError
from sru_repro.data.text.load import load_corpus

TEXT = "".join(f"line {i} of a naïve text\n" for i in range(100))


def whole(folder: Path, level: str, path: str = "") -> str:
    corpus = load_corpus("text", folder, level, path=path)
    parts = (corpus.train, corpus.val, corpus.test)
    return "".join(corpus.symbols.decode(part.tolist()) for part in parts)


def test_a_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.log"  # a file that is named may have any name
    path.write_text(TEXT)
    size = len(TEXT.encode())
    for level, count in (("bytes", 256), ("symbols", len(set(TEXT.encode())))):
        corpus = load_corpus("text", tmp_path / "data", level, path=str(path))
        assert len(corpus.symbols) == count
        assert (len(corpus), len(corpus.train)) == (size, size * 90 // 100)
        assert (corpus.comparable, corpus.why_not) == (False, "not a data set of the papers")
        assert corpus.source == str(path)
    assert corpus.notes == (f"mine.log: 0.0 MB, {count} symbols, split 90/5/5 by bytes",)


def test_words(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(TEXT)
    corpus = load_corpus("text", tmp_path, "words", path="a.txt")
    assert (len(corpus.train), len(corpus.val), len(corpus.test)) == (630, 35, 35)
    assert corpus.symbols.items[:6] == ("<eos>", "a", "line", "naïve", "of", "text")
    assert corpus.symbols.decode(corpus.test[:7].tolist()) == "line <unk> of a naïve text\n"
    assert corpus.source == "a.txt"
    assert corpus.notes[1] == "14.3% of the test words are <unk>: not in the vocabulary"
    small = load_corpus("text", tmp_path, "words", path="a.txt", vocabulary_size=6)
    assert len(small.symbols) == 6 and small.fingerprint != corpus.fingerprint


def test_a_folder_in_the_order_of_names(tmp_path: Path) -> None:
    folder = tmp_path / "books"
    (folder / "sub").mkdir(parents=True)
    (folder / "b.txt").write_text(TEXT)
    (folder / "sub/c.txt.gz").write_bytes(gzip.compress(b"last"))
    (folder / "a.md").write_text("first")
    (folder / "notes.pdf").write_bytes(b"\xff")
    assert whole(tmp_path, "bytes", "books") == f"first{TEXT}last"
    assert "in 3 files" in load_corpus("text", tmp_path, "bytes", path="books").notes[0]
    words = load_corpus("text", tmp_path, "words", path=str(folder))
    assert words.symbols.decode(words.train[:4].tolist()) == "first\nline 0"


@pytest.mark.parametrize("valid", ["valid", "dev", "my-validation"])
def test_a_folder_with_splits(tmp_path: Path, valid: str) -> None:
    (tmp_path / "set").mkdir()
    parts = {"train": TEXT, valid: TEXT[:500], "test": TEXT[:300]}
    for name, text in parts.items():
        (tmp_path / f"set/{name}.txt").write_text(text)
    corpus = load_corpus("text", tmp_path, "bytes", path="set")
    splits = (corpus.train, corpus.val, corpus.test)
    assert [split.tobytes().decode() for split in splits] == list(parts.values())
    assert "split as the files are" in corpus.notes[0]
    (tmp_path / "set/contest.txt").write_text("no split")
    assert "split 90/5/5" in load_corpus("text", tmp_path, "bytes", path="set").notes[0]


def test_the_text_of_wiki2015_is_the_default(tmp_path: Path) -> None:
    (tmp_path / "wiki2015").mkdir()
    with pytest.raises(
        ConfigError, match=r"task.path: expected .*wiki2015 \(found none\); name one by task.path="
    ):
        load_corpus("text", tmp_path, "bytes")
    (tmp_path / "wiki2015/a.txt.gz").write_bytes(gzip.compress(TEXT.encode()))
    assert whole(tmp_path, "bytes") == TEXT
    (tmp_path / "wiki2015/b.txt").write_text(TEXT)
    with pytest.raises(ConfigError, match=r"found a.txt.gz, b.txt"):
        load_corpus("text", tmp_path, "bytes")


def test_refused(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"task.path=no.txt: expected a file or a folder, found none at no.txt, /"
    ):
        load_corpus("text", tmp_path, "bytes", path="no.txt")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"empty: expected text files \(.txt .*found none; name a file"):
        load_corpus("text", tmp_path, "bytes", path="empty")
    for level in ("bytes", "symbols", "words"):
        (tmp_path / "e.txt").write_text("")
        with pytest.raises(
            DataError, match=r"e.txt: expected at least 40 \w+ .*found none: the text is empty"
        ):
            load_corpus("text", tmp_path, level, path="e.txt")
        (tmp_path / "s.txt").write_text("too short\n")
        with pytest.raises(DataError, match=r"s.txt: expected at least 40 \w+ to split 90/5/5, found \d"):
            load_corpus("text", tmp_path, level, path="s.txt")
    (tmp_path / "latin.txt").write_bytes(TEXT.encode("latin-1"))
    assert len(load_corpus("text", tmp_path, "bytes", path="latin.txt")) == len(TEXT)
    with pytest.raises(
        DataError, match=r"latin.txt:1: expected UTF-8 text for words, found byte 0xef; convert"
    ):
        load_corpus("text", tmp_path, "words", path="latin.txt")
    (tmp_path / "a.tar.gz").write_bytes(b"x")
    with pytest.raises(DataError, match=r"a.tar.gz: expected plain text or text in .gz, .*found .tar.gz"):
        load_corpus("text", tmp_path, "bytes", path="a.tar.gz")


def test_a_hundred_megabytes_are_ready_within_seconds(real_data: Path) -> None:
    start = time.process_time()
    corpus = load_corpus("text", real_data, "bytes")
    assert time.process_time() - start < 30
    start = time.process_time()
    again = load_corpus("text", real_data, "bytes")
    assert time.process_time() - start < 1
    assert [len(part) for part in (again.train, again.val, again.test)] == [90_000_000, 5_000_000, 5_000_000]
    assert again.fingerprint == corpus.fingerprint and isinstance(again.train, np.memmap)


@pytest.mark.parametrize("level", ["bytes", "symbols", "words"])
def test_a_packing_that_is_not_known_is_refused_at_every_level(level: str, tmp_path: Path) -> None:
    (tmp_path / "text.txt.zst").write_bytes(bytes(range(256)) * 40)
    with pytest.raises(DataError, match=r"text\.txt\.zst: expected plain text or text in .*unpack it"):
        load_corpus("text", tmp_path, level, path=str(tmp_path / "text.txt.zst"))


LEVELS = ("bytes", "symbols", "words")


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_wide_encodings_are_named_at_every_level(level: str, encoding: str, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(TEXT.encode(encoding))
    name = encoding[:6].upper()
    with pytest.raises(
        DataError, match=rf"a.txt: expected UTF-8 text, found {name}; convert it \(iconv -f {name}"
    ):
        load_corpus("text", tmp_path, level, path="a.txt")


@pytest.mark.parametrize("level", LEVELS)
def test_a_byte_order_mark_is_no_text(level: str, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(TEXT)
    plain = load_corpus("text", tmp_path, level, path="a.txt")
    for name, text in {"b.txt": f"\ufeff{TEXT}", "c.txt.gz": f"\ufeff{TEXT}"}.items():
        raw = text.encode()
        (tmp_path / name).write_bytes(gzip.compress(raw) if name.endswith("gz") else raw)
        assert load_corpus("text", tmp_path, level, path=name).fingerprint == plain.fingerprint
    assert not any("\ufeff" in str(item) for item in plain.symbols.items)


def test_marks_left_where_files_were_put_together_are_no_words(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(f"\ufeff{TEXT}\ufeff{TEXT}", encoding="utf-8")
    (tmp_path / "b.txt").write_text(f"{TEXT}{TEXT}", encoding="utf-8")
    marks = [load_corpus("text", tmp_path, "words", path=name).fingerprint for name in ("a.txt", "b.txt")]
    assert marks[0] == marks[1]


@pytest.mark.parametrize("end", ["\r\n", "\r"])
def test_other_line_ends_make_the_same_words(end: str, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(TEXT)
    (tmp_path / "b.txt").write_bytes(TEXT.replace("\n", end).encode())
    marks = [load_corpus("text", tmp_path, "words", path=name).fingerprint for name in ("a.txt", "b.txt")]
    assert marks[0] == marks[1]


def test_a_zero_byte_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(TEXT.encode() + b"one line\nand\0 another\n")
    with pytest.raises(DataError, match=r"a.txt:102: expected text for words, found a zero byte"):
        load_corpus("text", tmp_path, "words", path="a.txt")
    assert len(load_corpus("text", tmp_path, "bytes", path="a.txt"))  # any bytes are bytes


def test_suffixes_in_either_case(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    (folder / "E.TXT").write_text(TEXT)
    (folder / "F.TXT.GZ").write_bytes(gzip.compress(TEXT.encode()))
    (folder / "g.Md").write_text(TEXT)
    assert whole(tmp_path, "bytes", "set") == TEXT * 3
    for level in LEVELS:
        alone = [load_corpus("text", tmp_path, level, path=f"set/{name}") for name in ("E.TXT", "F.TXT.GZ")]
        assert alone[0].fingerprint == alone[1].fingerprint


def test_what_a_folder_holds_beside_texts_is_said(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set/a.txt").write_text(TEXT)
    (tmp_path / "set/.hidden").write_text(TEXT)
    assert load_corpus("text", tmp_path, "bytes", path="set").warnings == ()
    (tmp_path / "set/b.log").write_text(TEXT)
    (tmp_path / "set/c.txt").symlink_to("nowhere")
    (said,) = load_corpus("text", tmp_path, "bytes", path="set").warnings
    assert "set: 1 text files are read, 2 others are not (b.log, c.txt)" in said


def test_a_text_packed_and_unpacked_is_refused(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set/a.txt").write_text(TEXT)
    (tmp_path / "set/a.txt.gz").write_bytes(gzip.compress(TEXT.encode()))
    with pytest.raises(DataError, match=r"a.txt.gz: expected each text once, found a.txt beside it"):
        load_corpus("text", tmp_path, "bytes", path="set")


@pytest.mark.parametrize(
    ("level", "text"), [("bytes", "a" * 500), ("symbols", "a" * 500), ("words", "word " * 500)]
)
def test_a_corpus_of_one_symbol(level: str, text: str, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(text)
    pattern = (
        r"a.txt: expected a text of several symbols, found '(a|word)' 45\d times and no other to train on"
    )
    with pytest.raises(DataError, match=pattern):
        load_corpus("text", tmp_path, level, path="a.txt")


@pytest.mark.parametrize("level", LEVELS)
def test_packed_under_a_plain_name(level: str, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(gzip.compress(TEXT.encode()))
    with pytest.raises(
        DataError, match=r"a.txt: expected plain text, as its name says, found gzip data; name it"
    ):
        load_corpus("text", tmp_path, level, path="a.txt")
