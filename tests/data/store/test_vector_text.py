"""Word vectors as text: every form that people have them in, and a line for what cannot be read."""

import bz2
import gzip
import io
import lzma
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sru_repro.core.errors import DataError
from sru_repro.data.store.vector_files import read_rows
from sru_repro.data.store.vector_text import read_text

ROWS = {"the": "1 -2 3.5 4e-1", "film": "5 6 7 8", "café": "0 .5 -1 2"}
WANTED = {*ROWS, "absent"}


def lines(part: str = " ", end: str = "\n", **other: str) -> str:
    """The rows, some of them others; `part` stands between words and numbers."""
    rows = {**ROWS, **other}
    return "".join(part.join([word, *row.split()]) + end for word, row in rows.items())


def check(path: Path, words: frozenset[str] = frozenset(ROWS)) -> None:
    found = read_rows(path, WANTED, 4)
    assert set(found) == words
    for word in words & set(ROWS):
        assert found[word].tolist() == np.array(ROWS[word].split(), np.float32).tolist()


@pytest.mark.parametrize(
    "text",
    [
        lines(),
        "3 4\n" + lines(),
        "3 4 \r\n" + lines(" ", " \r\n"),
        "3\t4\n" + lines("\t"),
        lines("\t"),
        lines("  "),
        lines(" \t "),
        lines().replace("the ", "the\t").replace("film ", "film\t"),
        "\ufeff" + lines(),
        "\ufeff3 4\n" + lines(),
        lines(" ", "\r\n"),
        lines(" ", "\r"),
        lines(" ", " \n"),
        lines(" ", "\n\n") + "\n \n",
        lines().rstrip("\n"),
        ". . . 1 1 1 1\n" + lines(),
        lines() + "at name@domain.com 1 1 1 1\n" + ". . 2 2 2 2\n",
        "new york\t1\t1\t1\t1\nwindows 95\t2\t2\t2\t2\n" + lines("\t"),
        "windows 95\t1 1 1 1\n" + lines(),
        " 1 1 1 1\n" + lines(),
        lines() + "the 9 9 9 9\n",
        lines() + "FILM 9 9 9 9\n1990 1 1 1 1\nnan 1 1 1 1\n",
        lines() + "\u00a0 1 1 1 1\n\u2028x 1 1 1 1\n",
    ],
)
def test_read_right(text: str, tmp_path: Path) -> None:
    path = tmp_path / "v.txt"
    path.write_bytes(text.encode())
    check(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (lines(film="5 nan 7 8"), ":2: expected numbers in the row of 'film', found 'nan'"),
        (lines(film="5 6 7 inf"), ":2: expected numbers in the row of 'film', found 'inf'"),
        (lines(film="1e400 6 7 8"), ":2: expected numbers in the row of 'film', found '1e400'"),
        (lines(film="1e39 6 7 8"), ":2: expected numbers in the row of 'film', found '1e39'"),
        (lines(film="5 6 x 8"), ":2: expected numbers in the row of 'film', found 'x'"),
        (lines(the="1,5 2 3 4"), ":1: expected numbers in the row of 'the', found '1,5' (a decimal comma?"),
        (lines(","), ":1: expected a word and 4 numbers, found 'the,1,-2,3.5,4e-1' (commas between"),
        (lines(film="5 6 7"), ":2: expected a word and 4 numbers, found 3"),
        (lines(film="5 6 7 8 9"), ":2: expected a word and 4 numbers, found 5"),
        (lines().replace("\nfilm", " film"), ":1: expected a word and 4 numbers, found 4"),
        ("<!DOCTYPE html>\n<p>\n", ":1: expected a word and 4 numbers, found '<!DOCTYPE html>'"),
        ("3 5\n" + lines(), ": expected word vectors of 4 dimensions, found 5"),
        ("5 4\n" + lines(), ": expected 5 word vectors, found 3 (as many as the first line says"),
        ("2 4\n" + lines(), ": expected 2 word vectors, found 3"),
        ("\n\n", ": expected some word vectors, found 0"),
        ("the 1 2 3\nfilm 4 5 6\n", ": expected word vectors of 4 dimensions, found 3"),
    ],
)
def test_refused_with_file_and_line(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "v.txt"
    path.write_text(text)
    with pytest.raises(DataError) as caught:
        read_rows(path, WANTED, 4)
    assert str(caught.value).startswith(f"{path}{message}"), caught.value


def test_of_repeated_words_the_first_row_counts(tmp_path: Path) -> None:
    (tmp_path / "v.txt").write_text(lines() + "the 9 9 9 9\nfilm 5 6 7 8\n")
    found = read_rows(tmp_path / "v.txt", WANTED, 4)
    assert found["the"].tolist() == [1, -2, 3.5, np.float32(0.4)]
    assert found.repeated == ["the"]  # the same row twice is no news
    assert found.first == ["the", "film", "café", "the"]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_wide_encodings_are_named(encoding: str, tmp_path: Path) -> None:
    (tmp_path / "v.txt").write_bytes(lines().encode(encoding))
    with pytest.raises(
        DataError, match=rf"v.txt: expected UTF-8 text, found {encoding[:6].upper()}; convert it"
    ):
        read_rows(tmp_path / "v.txt", WANTED, 4)


def test_words_in_latin_1(tmp_path: Path) -> None:
    (tmp_path / "v.txt").write_bytes(lines().encode("latin-1"))
    with pytest.raises(
        DataError, match=r"v.txt:3: expected words in UTF-8, found 'café' in Latin-1; convert"
    ):
        read_rows(tmp_path / "v.txt", WANTED, 4)
    (tmp_path / "v.txt").write_bytes(lines().encode() + b"caf\xe9 1 1 1 1\n\xff\xfe 1 1 1 1\n")
    check(tmp_path / "v.txt")  # words of no use in between


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".GZ": gzip.compress,
    ".xz": lzma.compress,
    ".bz2": bz2.compress,
    "": bytes,
}


@pytest.mark.parametrize("packed", PACKERS)
@pytest.mark.parametrize("name", ["v.txt", "V.TXT", "v.vec", "v.Vec"])
def test_names_and_packings(name: str, packed: str, tmp_path: Path) -> None:
    path = tmp_path / f"{name}{packed}"
    path.write_bytes(PACKERS[packed](lines().encode()))
    check(path)


def test_packed_files_without_more_of_a_name_are_told_by_their_contents(tmp_path: Path) -> None:
    (tmp_path / "glove-twitter-25.gz").write_bytes(gzip.compress(b"3 4\n" + lines().encode()))
    check(tmp_path / "glove-twitter-25.gz")
    row = np.array([1, -2, 3.5, 0.4], np.float32).tobytes()
    (tmp_path / "news-300.GZ").write_bytes(gzip.compress(b"1 4\nthe " + row))
    check(tmp_path / "news-300.GZ", frozenset({"the"}))


def test_names_that_lie(tmp_path: Path) -> None:
    row = np.array([1, 2, 3, 4], np.float32).tobytes()
    cases = {
        "v.txt": (
            gzip.compress(lines().encode()),
            r"expected plain text, as its name says, found gzip data; name",
        ),
        "w.txt.gz": (lines().encode(), r"found a cut or damaged file \(Not a gzipped file"),
        "v.bin": (
            b"3 4\n" + lines().encode(),
            r"expected word2vec's binary format, found rows of text; name the",
        ),
        "w.bin": (lines().encode(), r"these are rows of text: name the file"),
        "x.txt": (b"1 4\nthe " + row + b"\n", r"x.txt:2: expected "),
        "x.bin": (b"\xba\x16\x4f\x2f" + bytes(100), r"found a model of fastText; use its vectors"),
        "y.bin": (
            b"1 4\nthe " + row + b"\nmore",
            r"expected 1 word vectors, .* found more bytes behind the last",
        ),
        "z.bin": (b"999999999999 4\nthe " + row, r"damaged file \(1 of 999,999,999,999 word vectors in it\)"),
        "n.bin": (
            b"1 4\nthe " + np.array([1, np.nan, 3, 4], np.float32).tobytes(),
            r"row of 'the', found nan",
        ),
    }
    for name, (content, message) in cases.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError, match=message):
            read_rows(tmp_path / name, WANTED, 4)


def test_members_of_a_zip(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "v.ZIP", "w") as archive:
        archive.writestr("folder/v.txt", lines())
        archive.writestr("__MACOSX/._v.txt", b"\0")
    check(tmp_path / "v.ZIP")


@pytest.mark.parametrize("between", [b"\n\f", b"\n\x1c", b"\n\xef\xbb\xbf", b"\n\r"])
def test_signs_before_a_word_lose_no_row(between: bytes) -> None:
    count = 40  # the fast way begins behind the rows that are shown
    text = between.join(f"word{n} {n} 2.5".encode() for n in range(count)) + b"\n"
    rows = read_text(io.BytesIO(text), "v", {f"word{n}" for n in range(count)}, 2)
    assert len(rows) == count


def test_an_underscore_is_no_part_of_a_number() -> None:
    with pytest.raises(DataError, match="expected"):
        read_text(io.BytesIO(b"a 1.5 2.5\nb 1_000 2.5\n"), "v", {"b"}, 2)
