"""Texts on disk, plain or compressed, read in blocks: no file is ever whole in memory. A byte-order mark is no text."""

import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ...core.errors import DataError
from ..store import packing
from ..store.encoding import MARK, UTF8_MARK, refuse_wide
from ..store.packing import DAMAGED, PROBE, opened, plain_name

BLOCK_BYTES = 1 << 20
"""That are read at a time."""

TEXT_SUFFIXES = (".txt", ".text", ".md", ".rst", ".tokens", ".tok", ".raw")
PACKED_SUFFIXES = packing.SUFFIXES
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
    """Refuses a file that is packed in a way that is not known: its bytes are no text.

    Raises:
        DataError: its name says so.
    """
    suffixes = [suffix.lower() for suffix in path.suffixes[-2:]]
    if suffixes[:-1] == [".tar"] or (suffixes[-1:] and suffixes[-1] in _UNREADABLE):
        raise DataError(
            f"{path}: expected plain text or text in {', '.join(PACKED_SUFFIXES)}, "
            f"found {''.join(path.suffixes[-2:])}; unpack it"
        )


def blocks(file: TextFile, advance: Advance) -> Iterator[bytes]:
    """The bytes of a file, unpacked, in blocks of at most BLOCK_BYTES, without UTF-8's byte-order mark.

    Raises:
        DataError: the file, which is named, is missing, damaged, cut, in UTF-16 or UTF-32, or packed in a way that is
            not known or not as its name says.
    """
    refuse_other_packing(file.path)

    def choose(archive: zipfile.ZipFile) -> str:
        return file.member or _only_member(archive, file.path)

    try:
        first, packed = True, bool(packing.packing(file.path))
        with opened(file.path, choose, advance) as stream:
            while block := stream.read(BLOCK_BYTES):
                if first:
                    refuse_wide(file.name, block[:PROBE])
                    block, first = block.removeprefix(UTF8_MARK), False
                yield block
                advance(0 if packed else len(block))
    except FileNotFoundError:
        raise DataError(f"{file.name}: file not found") from None
    except DAMAGED as error:
        raise DataError(
            f"{file.name}: expected a whole text, found a cut or damaged file ({error})"
        ) from error


def starts_with_mark(path: Path) -> bool:
    """Whether a plain file begins with UTF-8's byte-order mark.

    Raises:
        DataError: it is no text, as in `blocks`.
    """
    start = next(blocks(TextFile(path), lambda amount: None), b"")
    with path.open("rb") as file:
        return file.read(len(UTF8_MARK)) == UTF8_MARK != start[: len(UTF8_MARK)]


def members(path: Path) -> list[str]:
    """The files in a zip archive, without folders and what macOS adds.

    Raises:
        DataError: the archive is damaged, or a name in it leads out of its folder.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return packing.members(archive, path)
    except (OSError, zipfile.BadZipFile) as error:
        raise DataError(f"{path}: expected a zip archive, found a cut or damaged file ({error})") from error


def _only_member(archive: zipfile.ZipFile, path: Path) -> str:
    names = packing.members(archive, path)
    if len(names) != 1:
        listed = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "") or "none"
        raise DataError(f"{path}: expected one file in the archive, found {listed}; unpack it")
    return names[0]


def chunks(file: TextFile, advance: Advance) -> Iterator[str]:
    """The text of a UTF-8 file in chunks that end between words; a last line without an end gets one.

    Where the first block has carriage returns only, they end lines.

    Raises:
        DataError: the bytes are not UTF-8 or hold a zero byte, file and line being named; or as in `blocks`.
    """
    rest, line, ended, end, first = b"", 1, True, b"\n", True
    for block in blocks(file, advance):
        if first:
            end = b"\r" if b"\r" in block and b"\n" not in block else end
        block = rest + (block if end == b"\n" else block.replace(end, b"\n"))
        cut = max(block.rfind(b"\n"), block.rfind(b" ")) + 1
        head, rest = block[:cut], block[cut:]
        if head:
            yield _decoded(head, file, line, ended)
            line += head.count(b"\n")
            ended = head.endswith(b"\n")
    if rest or not ended:
        yield _decoded(rest, file, line, ended) + "\n"


def _decoded(raw: bytes, file: TextFile, line: int, at_start: bool) -> str:
    """The text of a part; a mark at the start of a line, left where files were put together, is none of it.

    Raises:
        DataError: it is no UTF-8, or holds a zero byte.
    """
    if (place := raw.find(0)) >= 0:
        number = line + raw.count(b"\n", 0, place)
        raise DataError(
            f"{file.name}:{number}: expected text for words, found a zero byte (a damaged file? UTF-16?)"
        )
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        number = line + raw.count(b"\n", 0, error.start)
        raise DataError(
            f"{file.name}:{number}: expected UTF-8 text for words, found byte 0x{raw[error.start]:02x}; "
            "convert the file, or use task.level=bytes"
        ) from error
    if MARK not in text:
        return text
    return (text.lstrip(MARK) if at_start else text).replace(f"\n{MARK}", "\n")


def text_files(folder: Path) -> tuple[list[Path], list[Path]]:
    """All text files below a folder, in the order of their names, and what else is there.

    A text is known by its suffix, packed ones too. Names that begin with a dot, and what lies below such, are neither.
    """
    found: list[Path] = []
    others: list[Path] = []
    for path in folder.rglob("*"):
        if any(part.startswith(".") for part in path.relative_to(folder).parts):
            continue
        if path.is_dir() and not path.is_symlink():
            continue
        text = plain_name(path).endswith(TEXT_SUFFIXES) and path.is_file()
        (found if text else others).append(path)
    return (
        sorted(found, key=lambda path: path.relative_to(folder).as_posix()),
        sorted(others, key=lambda path: path.relative_to(folder).as_posix()),
    )
