"""What is no file, packed otherwise than its name says, or unpacks without end; encodings by their first bytes."""

import gzip
import os
import zipfile
from pathlib import Path

import pytest

from sru_repro.core.errors import DataError
from sru_repro.data.store import packing
from sru_repro.data.store.encoding import wide
from sru_repro.data.store.packing import members, no_file, opened, refuse_packed, whole_file


def test_what_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "circle").symlink_to("circle")
    (tmp_path / "nowhere").symlink_to("gone")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").write_text("a")
    (tmp_path / "link").symlink_to("file")
    found = {
        name: no_file(tmp_path / name)
        for name in ("circle", "nowhere", "pipe", "absent", ".", "file", "link")
    }
    assert found == {
        "circle": "links that lead in a circle",
        "nowhere": "a link to gone, where nothing is",
        "pipe": "a pipe",
        "absent": "none",
        ".": "a folder",
        "file": "",
        "link": "",
    }
    assert no_file(Path("/dev/null")) == "a device"
    with pytest.raises(DataError, match=r"pipe: expected a file, found a pipe"):
        whole_file(tmp_path / "pipe")
    with pytest.raises(DataError, match=r"absent: file not found"):
        whole_file(tmp_path / "absent")


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.txt").write_text("a")

    def refuse(*args: object, **options: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(DataError, match=r"a.txt: expected a file to read, found: Permission denied"):
        whole_file(tmp_path / "a.txt")
    with (
        pytest.raises(DataError, match=r"a.txt: expected a file to read"),
        opened(tmp_path / "a.txt", lambda a: ""),
    ):
        pass


@pytest.mark.parametrize(
    "start", [b"\x28\xb5\x2f\xfdx", b"%PDF-1.7", b"7z\xbc\xaf\x27\x1c", bytes(257) + b"ustar"]
)
def test_what_is_no_text(start: bytes) -> None:
    with pytest.raises(DataError, match=r"a.txt: expected text, found \w+ data; unpack it"):
        refuse_packed("a.txt", start)
    refuse_packed("a.txt", b"BZh is no bzip2")


def test_packed_twice(tmp_path: Path) -> None:
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress(gzip.compress(b"text")))
    with (
        pytest.raises(DataError, match=r"a.txt.gz, unpacked: expected plain text, .* found gzip data"),
        opened(tmp_path / "a.txt.gz", lambda archive: ""),
    ):
        pass


def test_a_bomb_ends_early(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "FREE_BYTES", 100_000)
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress(bytes(10_000_000)))
    read = 0
    with (
        pytest.raises(DataError, match=r"a.txt.gz: expected text, which unpacks to a few times its size"),
        opened(tmp_path / "a.txt.gz", lambda archive: "") as stream,
    ):
        while block := stream.read(1000):
            read += len(block)
    assert read < 3_000_000


def test_members_that_lead_out(tmp_path: Path) -> None:
    for name in ("../a.txt", "/a.txt", "b/../../a.txt", "..\\a.txt"):
        with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
            archive.writestr(name, "text")
        with (
            zipfile.ZipFile(tmp_path / "a.zip") as archive,
            pytest.raises(DataError, match=r"a.zip: expected files below one folder, found '"),
        ):
            members(archive, tmp_path / "a.zip")


@pytest.mark.parametrize("text", ["Some plain words.\n" * 9, "Несколько простых слов, и ещё.\n" * 9])
@pytest.mark.parametrize("name", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"])
def test_wide_encodings(text: str, name: str) -> None:
    assert wide(text.encode(name)) == name[:6].upper()
    assert wide(text.encode(name)[:-1]) == name[:6].upper()
    assert wide(text.encode()) == ""


def test_what_is_not_taken_for_wide() -> None:
    assert wide(b"") == wide(bytes(1000)) == wide(bytes(range(256)) * 9) == ""
    assert wide(b"text with a zero\0 byte or two\0" * 9) == ""
    assert wide("北京是中国的首都。".encode() * 20) == ""
    assert wide(b"".join(i.to_bytes(2, "little") for i in range(2000))) == ""
