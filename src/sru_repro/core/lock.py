"""One process at a time in a folder: a file in it is locked by the system for as long as the process lives.

The lock goes with its process, however that ends, also by kill -9. Where a file system knows no locks, the file itself
counts: it names process, host and the start of the process, so that a number that another process has been given since
is no holder.
"""

import errno
import fcntl
import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from .errors import ConfigError

FILE = "run.lock"
_PATIENCE_S = 1.0
"""Whoever asks who holds a lock holds it, too, for a moment."""
_SETTLE_S = 0.3
_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL}


@dataclass(frozen=True)
class Holder:
    """Who works in a folder: what it does, its process, where, since when, and when that process was started."""

    name: str
    pid: int
    host: str
    since: str
    started: str = ""

    def __str__(self) -> str:
        return f"{self.name}, process {self.pid} on {self.host}, since {self.since}"

    @property
    def here(self) -> bool:
        """Whether it is a process of this machine, as far as its name tells."""
        return self.host == socket.gethostname()

    @property
    def may_live(self) -> bool:
        """Whether the process lives; one of another machine cannot be seen from here."""
        if not self.here:
            return True
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except OSError:  # it is somebody else's
            pass
        return not self.started or self.started == _start_of(self.pid)


class Busy(ConfigError):
    """Another process works in the folder."""

    def __init__(self, folder: Path, holder: Holder | None, by: str = "hydra.run.dir") -> None:
        who = str(holder) if holder is not None else "another process"
        unseen = holder is not None and not holder.here
        way = f"; if that process is gone, delete {folder / FILE}" if unseen else ""
        super().__init__(
            f"{folder}: expected a folder nobody works in, found it in use by {who}; wait for its end or name another "
            f"by {by}={way}"
        )


@contextmanager
def in_use(folder: Path, name: str, by: str = "hydra.run.dir") -> Iterator[None]:
    """Holds the folder for this process inside the block; `name` is what others are told, `by` the key that names
    another folder.

    Raises:
        Busy: another process holds it. OSError: no file can be made there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    place = folder / FILE
    me = Holder(
        name,
        os.getpid(),
        socket.gethostname(),
        f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        _start_of(os.getpid()),
    )
    file = _locked(place, by)
    if file is None:
        _claim(place, me, by)
    try:
        if file is not None:
            os.ftruncate(file, 0)
            os.pwrite(file, json.dumps(asdict(me)).encode(), 0)
        yield
    finally:
        # Where the folder is gone, or nothing can be written any more, the lock ends all the same.
        with suppress(OSError):
            place.unlink()
        if file is not None:
            os.close(file)


def holder(folder: Path) -> Holder | None:
    """Who works in the folder; None where nobody does, or whoever did is dead."""
    place = folder / FILE
    try:
        file = os.open(place, os.O_RDONLY)
    except FileNotFoundError:
        return None
    except OSError:
        return _read(place) or Holder("a run", 0, "an unknown host", "an unknown time")
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        found = _read(place) or Holder("a run", 0, "an unknown host", "an unknown time")
        return found if error.errno not in _NO_LOCKS or found.may_live else None
    finally:
        os.close(file)
    return None


def _locked(place: Path, by: str) -> int | None:
    """The open, locked file; None where the file system knows no locks."""
    end = time.monotonic() + _PATIENCE_S
    while True:
        file = os.open(place, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(file), os.stat(place)):
                    return file
            os.close(file)  # its holder has taken it away in the meantime
        except OSError as error:
            os.close(file)
            if error.errno in _NO_LOCKS:
                return None
            if error.errno not in (errno.EAGAIN, errno.EACCES):
                raise
            if time.monotonic() >= end:
                raise Busy(place.parent, _read(place), by) from None
            time.sleep(0.02)


def _claim(place: Path, me: Holder, by: str) -> None:
    """Writes the file, unless whoever it names may live; of two who do so at once the later one has it."""
    before = _read(place)
    if before is not None and before.may_live:
        raise Busy(place.parent, before, by)
    part = place.with_name(f"{place.name}.{me.pid}.part")
    part.write_text(json.dumps(asdict(me)))
    os.replace(part, place)
    time.sleep(_SETTLE_S)
    if (now := _read(place)) != me:
        raise Busy(place.parent, now, by)


def _read(place: Path) -> Holder | None:
    try:
        return Holder(**json.loads(place.read_text()))
    except (OSError, ValueError, TypeError):
        return None


def _start_of(pid: int) -> str:
    """When a process was started, as Linux counts it: of one boot, in ticks. "" where nobody tells."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()[19]}"
    except (OSError, IndexError):
        return ""
