"""Texts on disk: every way of packing gives the same text, and every damage one line."""

import bz2
import gzip
import lzma
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from sru_repro.core.errors import DataError
from sru_repro.data.text import files as text_files
from sru_repro.data.text.files import TextFile, blocks, chunks

TEXT = "".join(f"Zeile {i} – naïve   fish {'x' * (i % 50)}\n" for i in range(300)).encode()


def packed(folder: Path, suffix: str, text: bytes = TEXT) -> Path:
    path = folder / f"text.txt{suffix}"
    if suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.mkdir("folder")
            archive.writestr("folder/text.txt", text)
            archive.writestr("__MACOSX/._text.txt", b"\0")
    else:
        pack: dict[str, Callable[[bytes], bytes]] = {
            "": bytes,
            ".gz": gzip.compress,
            ".xz": lzma.compress,
            ".bz2": bz2.compress,
        }
        path.write_bytes(pack[suffix](text))
    return path


@pytest.mark.parametrize("suffix", ["", ".gz", ".xz", ".bz2", ".zip"])
def test_every_packing(tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_files, "BLOCK_BYTES", 1000)
    path = packed(tmp_path, suffix)
    read: list[int] = []
    found = list(blocks(TextFile(path), read.append))
    assert b"".join(found) == TEXT
    assert max(map(len, found)) <= 1000
    assert 0 < sum(read) <= path.stat().st_size
    assert "".join(chunks(TextFile(path), read.append)) == TEXT.decode()


@pytest.mark.parametrize("suffix", [".gz", ".xz", ".bz2", ".zip"])
def test_cut(tmp_path: Path, suffix: str) -> None:
    path = packed(tmp_path, suffix)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(DataError, match=rf"text.txt{suffix}: expected a whole text, found a cut or damaged"):
        list(blocks(TextFile(path), lambda amount: None))


@pytest.mark.parametrize("suffix", [".gz", ".xz", ".bz2", ".zip"])
def test_packed_by_name_only(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_bytes(TEXT)
    with pytest.raises(DataError, match=rf"a{suffix}: expected a whole text"):
        list(blocks(TextFile(path), lambda amount: None))


def test_archives_of_none_and_several(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.mkdir("folder")
    with pytest.raises(DataError, match=r"a.zip: expected one file in the archive, found none"):
        list(blocks(TextFile(path), lambda amount: None))
    with zipfile.ZipFile(path, "w") as archive:
        for name in "bcde":
            archive.writestr(name, name)
    with pytest.raises(DataError, match=r"expected one file in the archive, found b, c, d, \.\.\.; unpack"):
        list(blocks(TextFile(path), lambda amount: None))
    assert list(blocks(TextFile(path, "c"), lambda amount: None)) == [b"c"]


@pytest.mark.parametrize("name", ["a.tar.gz", "a.7z", "a.zst", "a.pdf"])
def test_what_cannot_be_read(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(TEXT)
    with pytest.raises(DataError, match=rf"{name}: expected plain text or text in .*found {name[1:]}"):
        list(blocks(TextFile(tmp_path / name), lambda amount: None))


def test_missing(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"a.txt: file not found"):
        list(blocks(TextFile(tmp_path / "a.txt"), lambda amount: None))


def test_pieces_cut_no_word_and_end_the_last_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_files, "BLOCK_BYTES", 7)
    path = tmp_path / "a.txt"
    for text in ("eins zwei—drei\nfünf sechsundzwanzig\n", "a\n\n\nb ", "ein_langes_wört", "", "\n"):
        path.write_text(text)
        found = list(chunks(TextFile(path), lambda amount: None))
        ended = text if not text or text.endswith("\n") else text + "\n"
        assert "".join(found) == ended
        assert [word for piece in found for word in piece.split()] == text.split()


def test_not_utf8(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_files, "BLOCK_BYTES", 10)
    path = tmp_path / "a.txt"
    path.write_bytes(b"line one\nline two\nthree\nna\xefve\n")
    pattern = re.escape(f"{path}:4: expected UTF-8 text for words, found byte 0xef")
    with pytest.raises(DataError, match=pattern):
        list(chunks(TextFile(path), lambda amount: None))


def test_text_files_of_a_folder(tmp_path: Path) -> None:
    for name in ("b.txt", "a/z.md", "a.txt.gz", "a.py", "c.jpg.xz", ".git/d.txt", "d.tokens", "e.txt.bak"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    found = [path.relative_to(tmp_path).as_posix() for path in text_files.text_files(tmp_path)[0]]
    assert found == ["a.txt.gz", "a/z.md", "b.txt", "d.tokens"]
