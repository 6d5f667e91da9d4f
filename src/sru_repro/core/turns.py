"""Processes that take turns on one machine: one at a time works, the others wait for theirs.

Rows that are compared with one another train so: whatever else the machine does meets all of them alike. The parent
listens at a socket; a process that it started has the turn, until it hands it on or ends.
"""

import os
import secrets
import select
import shutil
import socket
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

VARIABLE = "SRU_REPRO_TURNS"
"""When the session began, and where to ask for a turn."""
_DONE, _GO = b"d", b"g"
_ABSTRACT = "@"
"""For the zero that begins an abstract name, which no variable can hold."""


class Turns:
    """The parent's side. `give` lets a process go on, `heard` tells that it has handed the turn on.

    Raises:
        OSError: there is no place for a socket.
    """

    def __init__(self, session: str) -> None:
        self._folder: str | None = None
        self._server = socket.socket(socket.AF_UNIX)
        try:
            place = self._bound()
            self._server.listen()
        except OSError:
            self.close()
            raise
        self.environment: Mapping[str, str] = {VARIABLE: f"{session} {place}"}
        self._lines: dict[int, socket.socket] = {}

    def _bound(self) -> str:
        """Where the server listens: under an abstract name where there are such (Linux), else in a folder, of which the
        name may be too long, as a socket's has a hundred letters."""
        if sys.platform == "linux":
            name = f"sru-turns-{secrets.token_hex(8)}"
            self._server.bind(f"\0{name}")
            return f"{_ABSTRACT}{name}"
        self._folder = tempfile.mkdtemp(prefix="sru-turns-")
        place = str(Path(self._folder) / "s")
        self._server.bind(place)
        return place

    def close(self) -> None:
        """Whoever still waits goes on without turns."""
        for line in (self._server, *self._lines.values()):
            line.close()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def heard(self, who: int, seconds: float) -> bool:
        """Whether the process that has the turn hands it on within so many seconds."""
        listened = [self._server, *([self._lines[who]] if who in self._lines else [])]
        for ready in select.select(listened, [], [], seconds)[0]:
            if ready is self._server:
                with suppress(OSError):  # it has ended before it was heard
                    self._lines[who] = self._server.accept()[0]  # nobody else is awake
            elif _received(ready) == _DONE:
                return True
            else:
                self._lines.pop(who).close()  # it ends
        return False

    def give(self, who: int) -> None:
        """It is the turn of a process that has handed it on."""
        with suppress(KeyError, OSError):  # it has ended meanwhile, which whoever started it sees
            self._lines[who].send(_GO, socket.MSG_DONTWAIT)


class Turn:
    """The side of a process that takes turns."""

    def __init__(self, session: str, place: str) -> None:
        self.session = session
        self._line = socket.socket(socket.AF_UNIX)
        try:
            self._line.connect(place.replace(_ABSTRACT, "\0", 1) if place.startswith(_ABSTRACT) else place)
        except OSError:
            self._line.close()
            raise
        self.alone = False
        """The parent has gone: there are no turns any more."""

    @classmethod
    def asked_for(cls) -> "Turn | None":
        """As the environment says; None where nobody listens any more."""
        session, _, place = os.environ.get(VARIABLE, "").partition(" ")
        try:
            return cls(session, place) if place else None
        except OSError:
            return None

    def close(self) -> None:
        """No turns any more: whoever started this process learns that it ends."""
        self._line.close()

    def hand_on(self) -> None:
        """Lets the next one go on."""
        try:
            self._line.send(_DONE, socket.MSG_DONTWAIT)
        except OSError:
            self.alone = True

    def mine(self, seconds: float) -> bool:
        """Whether it is this process's turn again within so many seconds."""
        if self.alone:
            return True
        if not select.select([self._line], [], [], seconds)[0]:
            return False
        self.alone = _received(self._line) != _GO
        return True


def _received(line: socket.socket) -> bytes:
    """A letter; nothing where the other side has ended, however it did."""
    try:
        return line.recv(1)
    except OSError:
        return b""
