"""Files opened to be read, plain or packed. What a file is, its content says as well as its name; what is no file, or
unpacks to a thousand times its size, is refused with nothing written.
"""

import bz2
import errno
import gzip
import io
import lzma
import os
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Any, cast

from ...core.errors import DataError

SUFFIXES = (".gz", ".xz", ".bz2", ".zip")
"""Of names, in either case: how a file is packed."""

PROBE = 1 << 16
"""Bytes by which a file is judged."""

MOST_FOLD, FREE_BYTES = 100, 16 << 20
"""No text is packed to less than a hundredth (books: a third); the first bytes are not counted."""

DAMAGED = (OSError, EOFError, RuntimeError, lzma.LZMAError, zipfile.BadZipFile, zlib.error)
"""What reading a cut or damaged packed file raises; RuntimeError and its kin: a zip archive with a password, or packed
in a way that Python does not know."""

_PACKED = {
    "gzip": (b"\x1f\x8b\x08", ".gz"),
    "xz": (b"\xfd7zXZ\x00", ".xz"),
    "bzip2": (b"BZh", ".bz2"),
    "zip": (b"PK\x03\x04", ".zip"),
}
_STRANGE = {
    "zstd": b"\x28\xb5\x2f\xfd",
    "lz4": b"\x04\x22\x4d\x18",
    "compress": b"\x1f\x9d",
    "lzma": b"\x5d\x00\x00",
    "lzip": b"LZIP",
    "7z": b"7z\xbc\xaf\x27\x1c",
    "rar": b"Rar!\x1a\x07",
    "PDF": b"%PDF-",
    "parquet": b"PAR1",
}


def packing(path: Path) -> str:
    """The suffix that says how a file is packed, in lower case; empty for a plain one."""
    suffix = path.suffix.lower()
    return suffix if suffix in SUFFIXES else ""


def plain_name(path: Path) -> str:
    """The name in lower case, without the suffix of its packing."""
    return path.name.lower().removesuffix(packing(path))


def no_file(path: Path) -> str:
    """What is at a place where a file was expected, "a folder" for one; empty for a file."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        if error.errno == errno.ELOOP:
            return "links that lead in a circle"
        if path.is_symlink():
            return f"a link to {os.readlink(path)}, where nothing is"
        return "none" if error.errno in (errno.ENOENT, errno.ENOTDIR) else str(error.strerror)
    kinds = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket", stat.S_IFREG: ""}
    return kinds.get(stat.S_IFMT(mode), "a device")


def require_file(path: Path) -> None:
    """Refuses what is no file: to open a pipe would wait for ever.

    Raises:
        DataError: there is none; the line names what there is.
    """
    if found := no_file(path):
        raise DataError(
            f"{path}: {'file not found' if found == 'none' else f'expected a file, found {found}'}"
        )


def whole_file(path: Path) -> bytes:
    """All bytes of a plain file, without a byte-order mark of UTF-8.

    Raises:
        DataError: it is not there, no file, cannot be read, or is packed under a plain name.
    """
    require_file(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: expected a file to read, found: {error.strerror or error}") from error
    refuse_packed(str(path), content[:PROBE])
    return content.removeprefix(b"\xef\xbb\xbf")


def refuse_packed(name: str, start: bytes) -> None:
    """Refuses the first bytes of a packed file where a plain one was expected.

    Raises:
        DataError: they are of one; the line names its packing.
    """
    for kind, (magic, suffix) in _PACKED.items():
        if start.startswith(magic) and (kind != "bzip2" or start[4:10] == b"1AY&SY"):
            raise DataError(
                f"{name}: expected plain text, as its name says, found {kind} data; name it ...{suffix}, or unpack it"
            )
    strange = next((kind for kind, magic in _STRANGE.items() if start.startswith(magic)), "")
    if start[257:262] == b"ustar":
        strange = "tar"
    if strange:
        raise DataError(f"{name}: expected text, found {strange} data; unpack it")


@contextmanager
def opened(
    path: Path, choose: Callable[[zipfile.ZipFile], str], advance: Callable[[int], None] = lambda amount: None
) -> Iterator[IO[bytes]]:
    """The bytes of a file, unpacked as its name says.

    Args:
        path: the file.
        choose: names the member of a zip archive.
        advance: told how many bytes of a packed file were read.

    Raises:
        DataError: it is no file, is packed otherwise than its name says, or unpacks without bound. Damage raises one
            of DAMAGED while it is read.
    """
    require_file(path)
    with ExitStack() as stack:
        try:
            raw = stack.enter_context(path.open("rb"))
        except OSError as error:
            raise DataError(f"{path}: expected a file to read, found: {error.strerror or error}") from error
        kind = packing(path)
        if not kind:
            refuse_packed(str(path), raw.read(PROBE))
            raw.seek(0)
            yield raw
            return
        if kind == ".zip":
            archive = stack.enter_context(zipfile.ZipFile(raw))
            stream = stack.enter_context(archive.open(choose(archive)))
        else:
            openers: dict[str, Any] = {".gz": gzip.open, ".xz": lzma.open, ".bz2": bz2.open}
            stream = stack.enter_context(openers[kind](raw))
        inside = io.BufferedReader(_Bounded(stream, raw, path, advance), PROBE)
        refuse_packed(f"{path}, unpacked", inside.peek(PROBE))
        yield cast(IO[bytes], inside)


class _Bounded(io.RawIOBase):
    """A stream of unpacked bytes that ends with an error when it grows far beyond what it was unpacked from."""

    def __init__(self, stream: IO[bytes], raw: IO[bytes], path: Path, advance: Callable[[int], None]) -> None:
        super().__init__()
        self._stream, self._raw, self._path, self._advance = stream, raw, path, advance
        self._size, self._position = 0, raw.tell()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        block = self._stream.read(len(buffer))
        buffer[: len(block)] = block
        self._size += len(block)
        position = self._raw.tell()
        self._advance(position - self._position)
        self._position = position
        if self._size > max(FREE_BYTES, MOST_FOLD * position):
            raise DataError(
                f"{self._path}: expected text, which unpacks to a few times its size, found more than "
                f"{MOST_FOLD} times ({self._size:,} bytes so far); unpack it yourself if it is one"
            )
        return len(block)


def members(archive: zipfile.ZipFile, path: Path) -> list[str]:
    """The files in an archive, without folders and what macOS adds.

    Raises:
        DataError: one has a name that leads out of the folder it would be unpacked into, or is a link.
    """
    found = []
    for entry in archive.infolist():
        parts = PurePosixPath(entry.filename.replace("\\", "/"))
        if parts.is_absolute() or ".." in parts.parts or stat.S_ISLNK(entry.external_attr >> 16):
            raise DataError(f"{path}: expected files below one folder, found {entry.filename!r} in it")
        if not entry.is_dir() and parts.parts[:1] != ("__MACOSX",):
            found.append(entry.filename)
    return found
