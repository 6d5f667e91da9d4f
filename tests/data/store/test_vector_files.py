"""Files of word vectors in each format: only the wanted rows, exactly, and a word about damaged files."""

import gzip
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from gensim.models import KeyedVectors

from sru_repro.core.errors import DataError
from sru_repro.data.store.vector_files import FloatArray, read_rows, write_cut

WORDS = ["the", "film", "caf\u00e9", "new_york", "."]
ROWS = np.random.default_rng(0).standard_normal((5, 8)).astype(np.float32)
WANTED = {"film", "caf\u00e9", "absent", "."}


@pytest.fixture
def binary(tmp_path: Path) -> Path:
    vectors = KeyedVectors(8)
    vectors.add_vectors(WORDS, ROWS)
    path = tmp_path / "x.bin"
    vectors.save_word2vec_format(str(path), binary=True)
    return path


def _text(header: bool) -> bytes:
    lines = ["5 8"] if header else []
    lines += [" ".join([word, *map(str, row.tolist())]) for word, row in zip(WORDS, ROWS, strict=True)]
    return "".join(f"{line}\n" for line in lines).encode()


def _check(rows: dict[str, FloatArray]) -> None:
    assert set(rows) == {"film", "caf\u00e9", "."}
    for word, row in rows.items():
        assert np.array_equal(row, ROWS[WORDS.index(word)])


@pytest.mark.parametrize("name", ["x.bin", "x.bin.gz", "word2vec-x-300.gz"])
def test_word2vec_binary(binary: Path, name: str) -> None:
    content = binary.read_bytes()
    path = binary.parent / name
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    _check(read_rows(path, WANTED, 8))


@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize("name", ["x.txt", "x.vec", "x.txt.gz"])
def test_text(tmp_path: Path, name: str, header: bool) -> None:
    path = tmp_path / name
    path.write_bytes(gzip.compress(_text(header)) if name.endswith(".gz") else _text(header))
    _check(read_rows(path, WANTED, 8))


def test_words_with_spaces_do_not_shift_the_numbers(tmp_path: Path) -> None:
    numbers = " ".join(["0.5"] * 8)
    odd = f". . . {numbers}\nfilm name@domain.com {numbers}\n. {numbers}\n"
    (tmp_path / "x.txt").write_bytes(_text(False).partition(b"\n. ")[0] + b"\n" + odd.encode())
    rows = read_rows(tmp_path / "x.txt", {"film", "."}, 8)
    assert np.array_equal(rows["film"], ROWS[1])
    assert rows["."].tolist() == [0.5] * 8


def test_zip_holds_a_file_per_dimension(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "glove.zip", "w") as archive:
        archive.writestr("glove.6B.4d.txt", "film 1 2 3 4\n")
        archive.writestr("glove.6B.8d.txt", _text(False))
    _check(read_rows(tmp_path / "glove.zip", WANTED, 8))
    assert read_rows(tmp_path / "glove.zip", {"film"}, 4)["film"].tolist() == [1, 2, 3, 4]
    with pytest.raises(DataError, match=r"expected one file of 16 dimensions, found glove.6B.4d.txt"):
        read_rows(tmp_path / "glove.zip", WANTED, 16)


def test_other_dimension(binary: Path, tmp_path: Path) -> None:
    for header in (True, False):
        (tmp_path / f"{header}.txt").write_bytes(_text(header))
    for path in (binary, tmp_path / "True.txt", tmp_path / "False.txt"):
        with pytest.raises(
            DataError, match=rf"{path.name}: expected word vectors of 300 dimensions, found 8"
        ):
            read_rows(path, WANTED, 300)


def test_cut_files(binary: Path, tmp_path: Path) -> None:
    binary.write_bytes(binary.read_bytes()[:-20])
    (tmp_path / "x.bin.gz").write_bytes(gzip.compress(_text(True))[:-20])
    (tmp_path / "short.txt").write_bytes(b"2 4\nthe 1 2 3 4\nfilm 1 2")
    (tmp_path / "rows.txt").write_bytes(_text(True)[: _text(True).index(b"new_york")])
    (tmp_path / "empty.txt").write_bytes(b"")
    (tmp_path / "bad.zip").write_bytes(b"PK")
    (tmp_path / "number.txt").write_bytes(b"film 1 2 x 4\n")
    assert _problem(binary, 8) == "expected whole word vectors, found a cut or damaged file"
    assert _problem(tmp_path / "x.bin.gz", 8) == "expected whole word vectors, found a cut or damaged file"
    assert _problem(tmp_path / "short.txt", 4) == "3: expected a word and 4 numbers, found 2"
    assert _problem(tmp_path / "rows.txt", 8) == "expected 5 word vectors, found 3"
    assert _problem(tmp_path / "empty.txt", 8) == "expected some word vectors, found 0"
    assert _problem(tmp_path / "bad.zip", 8) == "expected whole word vectors, found a cut or damaged file"
    assert _problem(tmp_path / "number.txt", 4) == "1: expected numbers in the row of 'film', found 'x'"


def _problem(path: Path, dim: int) -> str:
    """What the error says after the file's name, without what lies in brackets."""
    with pytest.raises(DataError) as caught:
        read_rows(path, WANTED, dim)
    message = str(caught.value)
    assert message.startswith(str(path)) and "\n" not in message
    return message.removeprefix(f"{path}:").strip().partition(" (")[0]


def test_unknown_kinds(tmp_path: Path) -> None:
    (tmp_path / "x.bin").write_bytes(b"not vectors")
    assert _problem(tmp_path / "x.bin", 8).startswith("expected a line '<words> <dimensions>'")
    assert _problem(tmp_path / "x.parquet", 8).startswith(
        "expected word vectors in a file whose name ends in .bin"
    )


@pytest.fixture
def cut(tmp_path: Path) -> Path:
    path = tmp_path / "x.bin.cut.npz"
    write_cut(path, dict(zip(WORDS, ROWS, strict=True)))
    return path


def test_cut_files_keep_words_whole_and_numbers_in_half_precision(cut: Path) -> None:
    rows = read_rows(cut, WANTED, 8)
    assert list(rows) == ["film", "caf\u00e9", "."]
    for word, row in rows.items():
        assert row.dtype == np.float32
        np.testing.assert_allclose(row, ROWS[WORDS.index(word)], rtol=1e-3)
    odd = {". . .": ROWS[0], "a\nb": ROWS[1], "北京": ROWS[2]}
    write_cut(cut, odd)
    again = read_rows(cut, set(odd), 8)
    assert list(again) == list(odd) and [row.shape for row in again.values()] == [(8,)] * 3
    with pytest.raises(DataError, match=r"x.bin.cut.npz: expected word vectors of 300 dimensions, found 8"):
        read_rows(cut, WANTED, 300)


@pytest.mark.parametrize(
    "arrays",
    [
        {"words": np.zeros(4, np.uint8), "ends": np.array([2, 4])},
        {"words": np.zeros(4, np.uint8), "ends": np.array([2, 4]), "rows": np.zeros((2, 8))},
        {"words": np.zeros(4, np.uint8), "ends": np.array([2, 4]), "rows": np.zeros(8, np.float16)},
        {"words": np.zeros(4, np.uint8), "ends": np.array([2, 3]), "rows": np.zeros((2, 8), np.float16)},
        {"words": np.zeros(4, np.uint8), "ends": np.array([4, 4]), "rows": np.zeros((2, 8), np.float16)},
        {"words": np.zeros(4, np.uint8), "ends": np.array([2, 4]), "rows": np.zeros((3, 8), np.float16)},
        {"words": np.full(4, 255, np.uint8), "ends": np.array([2, 4]), "rows": np.zeros((2, 8), np.float16)},
    ],
)
def test_cut_files_that_hold_something_else(cut: Path, arrays: dict[str, np.ndarray]) -> None:
    np.savez(cut, **arrays)  # type: ignore[arg-type]
    assert _problem(cut, 8) == "expected whole word vectors, found a cut or damaged file"


def test_damaged_cut_files(cut: Path) -> None:
    whole = cut.read_bytes()
    changed = bytearray(whole)
    changed[whole.index(ROWS[2].astype(np.float16).tobytes())] ^= 1
    for content in (b"", b"no archive", whole[:-30], whole[: len(whole) // 2], bytes(changed)):
        cut.write_bytes(content)
        assert _problem(cut, 8) == "expected whole word vectors, found a cut or damaged file"


def test_word2vec_needs_no_gensim(binary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gensim.models", None)
    _check(read_rows(binary, WANTED, 8))
