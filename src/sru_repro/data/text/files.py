"""Texts on disk, plain or compressed, read in blocks: no file is ever whole in memory."""

import bz2
import gzip
import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from ...core.errors import DataError

BLOCK_BYTES = 1 << 20

TEXT_SUFFIXES = (".txt", ".text", ".md", ".rst", ".tokens", ".tok", ".raw")
PACKED_SUFFIXES = (".gz", ".xz", ".bz2", ".zip")
_UNREADABLE = (".7z", ".rar", ".zst", ".lz4", ".lzma", ".tar", ".tgz", ".txz", ".tbz2", ".parquet", ".pdf")

Advance = Callable[[int], None]
"""Told how many bytes on disk were read, for a progress bar."""


@dataclass(frozen=True)
class TextFile:
    """A file, or a member of a zip archive; without `member` an archive must hold exactly one file."""

    path: Path
    member: str = ""

    @property
    def name(self) -> str:
        """What error messages call it."""
        return f"{self.path}:{self.member}" if self.member else str(self.path)

    @property
    def size(self) -> int:
        """Bytes on disk, compressed if the file is; those of the member alone in an archive."""
        if not self.member:
            return self.path.stat().st_size
        with zipfile.ZipFile(self.path) as archive:
            return archive.getinfo(self.member).compress_size

    def identity(self) -> list[object]:
        """Name, size and time stamp, by which a cache knows the file again."""
        stat = self.path.stat()
        return [self.path.name, self.member, stat.st_size, stat.st_mtime_ns]


def refuse_other_packing(path: Path) -> None:
    """Raises DataError for a file that is packed in a way that is not known: its bytes are no text."""
    if "".join(path.suffixes[-2:-1]) == ".tar" or path.suffix in _UNREADABLE:
        raise DataError(
            f"{path}: expected plain text or text in {', '.join(PACKED_SUFFIXES)}, "
            f"found {''.join(path.suffixes[-2:])}; unpack it"
        )


def blocks(file: TextFile, advance: Advance) -> Iterator[bytes]:
    """The bytes of a file, unpacked, in blocks of at most BLOCK_BYTES.

    Raises DataError, naming the file, for one that is damaged, cut, or packed in a way that is not known.
    """
    refuse_other_packing(file.path)
    try:
        with file.path.open("rb") as raw, _unpacked(raw, file) as stream:
            before = 0
            while block := stream.read(BLOCK_BYTES):
                yield block
                position = raw.tell()
                advance(position - before)
                before = position
    except FileNotFoundError:
        raise DataError(f"{file.name}: file not found") from None
    except (OSError, EOFError, RuntimeError, lzma.LZMAError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(
            f"{file.name}: expected a whole text, found a cut or damaged file ({error})"
        ) from error


@contextmanager
def _unpacked(raw: IO[bytes], file: TextFile) -> Iterator[IO[bytes]]:
    """The text inside an open file; `raw.tell()` goes on showing how far it was read."""
    with ExitStack() as stack:
        if file.path.suffix == ".gz":
            yield cast(IO[bytes], stack.enter_context(gzip.GzipFile(fileobj=raw)))
        elif file.path.suffix == ".xz":
            yield stack.enter_context(lzma.LZMAFile(raw))
        elif file.path.suffix == ".bz2":
            yield stack.enter_context(bz2.BZ2File(raw))
        elif file.path.suffix == ".zip":
            archive = stack.enter_context(zipfile.ZipFile(raw))
            yield stack.enter_context(archive.open(file.member or _only_member(archive, file.path)))
        else:
            yield raw


def members(path: Path) -> list[str]:
    """The files in a zip archive, without folders and what macOS adds; DataError for a damaged archive."""
    try:
        with zipfile.ZipFile(path) as archive:
            return _members(archive)
    except (OSError, zipfile.BadZipFile) as error:
        raise DataError(f"{path}: expected a zip archive, found a cut or damaged file ({error})") from error


def _members(archive: zipfile.ZipFile) -> list[str]:
    names = [name for name in archive.namelist() if not name.endswith("/")]
    return [name for name in names if not name.startswith("__MACOSX/")]


def _only_member(archive: zipfile.ZipFile, path: Path) -> str:
    names = _members(archive)
    if len(names) != 1:
        listed = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "") or "none"
        raise DataError(f"{path}: expected one file in the archive, found {listed}; unpack it")
    return names[0]


def chunks(file: TextFile, advance: Advance) -> Iterator[str]:
    """The text of a UTF-8 file in chunks that end between words; a last line without an end gets one.

    Raises DataError, naming file and line, where the bytes are not UTF-8.
    """
    rest, line, ended = b"", 1, True
    for block in blocks(file, advance):
        block = rest + block
        cut = max(block.rfind(b"\n"), block.rfind(b" ")) + 1
        head, rest = block[:cut], block[cut:]
        if head:
            yield _decoded(head, file, line)
            line += head.count(b"\n")
            ended = head.endswith(b"\n")
    if rest or not ended:
        yield _decoded(rest, file, line) + "\n"


def _decoded(raw: bytes, file: TextFile, line: int) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        number = line + raw.count(b"\n", 0, error.start)
        raise DataError(
            f"{file.name}:{number}: expected UTF-8 text for words, found byte 0x{raw[error.start]:02x}; "
            "convert the file, or use task.level=bytes"
        ) from error


def text_files(folder: Path) -> list[Path]:
    """All text files below a folder by their suffixes, packed ones too, in the order of their names."""
    found = []
    for path in folder.rglob("*"):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        plain = path.name.removesuffix(path.suffix) if path.suffix in PACKED_SUFFIXES else path.name
        if not hidden and plain.endswith(TEXT_SUFFIXES) and path.is_file():
            found.append(path)
    return sorted(found, key=lambda path: path.relative_to(folder).as_posix())
