"""Keeps what was built: one cache for the kernels of both drivers, which mends itself.

A file in the cache is named by a hash of everything it depends on (sources, flags, compiler, processor) and ends with a
digest of its name and content. One that is cut, empty, foreign or unreadable is built again, by one of the processes
that want it. What was built serves its process even where nothing can be kept.
"""

import atexit
import fcntl
import functools
import hashlib
import os
import platform
import shutil
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from ..core.notice import warn

KERNELS = Path(__file__).parent / "kernels"
VARIABLE = "SRU_REPRO_KERNELS"
MARK = b"\nsru-repro sha256 "
"""What stands before the digest, the last 32 bytes of a file."""
OURS = ".sru-repro-"
"""How the names of what is not finished begin."""
LARGEST = 1 << 28
"""Bytes: a library has 100 kB."""
WAIT_S = 150.0
"""For another process that builds the same; longer than a compiler may take."""
STALE_S = 86_400.0
"""Age from which on unfinished files of others are removed: a day."""

T = TypeVar("T")


class BuildError(RuntimeError):
    """A kernel could not be built; the message is one line for a person."""


def _wanted() -> Path | None:
    """SRU_REPRO_KERNELS, or a folder in the user's cache; None where there is nobody's home."""
    with suppress(RuntimeError):
        if named := os.environ.get(VARIABLE, "").strip():  # blanks alone name no folder
            return Path(named).expanduser().absolute()
        base = os.environ.get("XDG_CACHE_HOME")
        return (Path(base) if base else Path.home() / ".cache").absolute() / "sru-repro/kernels"
    return None


@functools.cache
def cache_folder() -> Path:
    """The folder that is wanted, or one for this process alone where that cannot be written."""  # noqa: DOC501, caught
    folder = _wanted()
    try:
        if folder is None:
            raise OSError(0, "there is no home folder")
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError as error:
        _not_kept(folder, error)
        if folder is not None:
            _read_only.append(folder)
        own = tempfile.mkdtemp(prefix="sru-repro-")
        atexit.register(shutil.rmtree, own, ignore_errors=True)
        return Path(own)


_read_only: list[Path] = []
"""The folder that is wanted, where it cannot be written: what is in it serves."""
_told = False


def _not_kept(folder: Path | None, error: OSError) -> None:
    """Says, once, that later runs find nothing there."""
    global _told
    if _told:
        return
    _told = True
    where = (
        "kernels" if folder is None else f"{VARIABLE if os.environ.get(VARIABLE) else 'kernels'}: {folder}"
    )
    why = "expected a folder, found a file" if isinstance(error, FileExistsError | NotADirectoryError) else ""
    warn(
        f"{where}: {why or error.strerror or error}; kernels that are not there are built by every process, which "
        f"takes seconds. {VARIABLE}=FOLDER names a place for them"
    )


def fingerprint(*parts: str | bytes) -> str:
    """A short hash of the parts in their order."""
    found = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        found.update(len(data).to_bytes(8, "little") + data)
    return found.hexdigest()[:24]


def place(path: Path, content: bytes, replace: bool = True) -> None:
    """Writes a file so that nobody ever sees a part of it; without `replace` the first one stays.

    Raises:
        OSError: the folder cannot be written.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f"{OURS}{path.name}-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(name).chmod(0o644)
        if not replace:
            with suppress(FileExistsError):
                os.link(name, path)
            Path(name).unlink()
            return
        if path.is_dir() and not path.is_symlink():
            discard(path)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def discard(path: Path) -> None:
    """Removes what stands in a file's place, as far as that can be done."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()


def content_of(path: Path) -> bytes | None:
    """A file's bytes; None where there is no such file, or something that is no file or cannot be read."""
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            facts = os.fstat(file.fileno())
            return file.read() if stat.S_ISREG(facts.st_mode) and facts.st_size <= LARGEST else None
    except OSError:
        return None


def sealed(name: str, content: bytes) -> bytes:
    """The content with its digest, as it is kept under that name."""
    return content + MARK + hashlib.sha256(name.encode() + MARK + content).digest()


def whole(path: Path) -> bytes | None:
    """The content of a file that is just as it was kept; else None."""
    data = content_of(path) or b""
    content = data[: -32 - len(MARK)]
    return content if content and sealed(path.name, content) == data else None


def kept(name: str, make: Callable[[], bytes], opened: Callable[[bytes], T]) -> T:
    """What `opened` makes of the content kept under a name, which `make` makes where it is missing or damaged.

    Raises:
        BuildError: it cannot be made.
        OSError: what was made cannot be opened, and is not kept.
    """
    path = cache_folder() / name
    for folder in (path.parent, *_read_only):
        if (found := _usable(folder / name, opened)) is not None:
            return found
    with _alone(path):
        if (found := _usable(path, opened)) is not None:
            return found
        content = make()
        found = opened(content)
        try:
            place(path, sealed(name, content))
        except OSError as error:  # what was built serves this process, too
            _not_kept(path.parent, error)
        return found


def _usable(path: Path, opened: Callable[[bytes], T]) -> T | None:
    content = whole(path)
    if content is None:
        return None
    try:
        return opened(content)
    except OSError:  # whole, but built for another system
        return None


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """One process at a time builds a file. A lock ends with its process; where there are none, nobody waits."""
    lock = path.with_name(f"{OURS}{path.name}.lock")
    handle = _locked(lock)
    try:
        _clean(path, handle is not None)
        yield
    finally:
        if handle is not None:
            discard(lock)
            os.close(handle)


def _locked(lock: Path) -> int | None:
    until = time.monotonic() + WAIT_S
    while True:
        try:
            handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except OSError:
            return None
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Whoever had it before may have removed the file, and another process may hold a new one.
            if os.path.samestat(os.fstat(handle), os.stat(lock)):
                return handle
        except BlockingIOError:
            if time.monotonic() > until:
                os.close(handle)
                return None
            time.sleep(0.05)
        except FileNotFoundError:
            pass
        except OSError:  # a file system without locks
            os.close(handle)
            discard(lock)
            return None
        os.close(handle)


def _clean(path: Path, alone: bool) -> None:
    """Removes what killed processes have left behind: of this file at once, of others after a day."""
    with suppress(OSError):
        for entry in path.parent.iterdir():
            mine = alone and entry.name.startswith(f"{OURS}{path.name}-")
            if entry.name.startswith(OURS) and (mine or time.time() - entry.lstat().st_mtime > STALE_S):
                discard(entry)


@contextmanager
def workplace(name: str) -> Iterator[Path]:
    """A folder for the making of a file of the cache, beside it or where temporary files lie."""
    try:
        made = tempfile.TemporaryDirectory(
            dir=cache_folder(), prefix=f"{OURS}{name}-", ignore_cleanup_errors=True
        )
    except OSError:
        made = tempfile.TemporaryDirectory(prefix="sru-repro-", ignore_cleanup_errors=True)
    with made as folder:
        yield Path(folder)


@functools.cache
def sources(*names: str) -> bytes:
    """The text of these files of kernels/ and of the header that all kernels share."""
    return b"\0".join((KERNELS / name).read_bytes() for name in ("types.h", *names))


@functools.cache
def processor() -> str:
    """What `-march=native` looks at: the name and the instruction sets of this machine's processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text().split("\n\n")[0].splitlines()
    except OSError:
        return f"{platform.machine()} {platform.processor()}"
    told = ("model name", "cpu family", "model\t", "stepping", "flags", "Features", "CPU ")
    return "\n".join(line for line in lines if line.startswith(told)) or platform.machine()
