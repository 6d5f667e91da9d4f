"""Processes that take turns on one machine: one at a time works, the others wait for theirs.

Rows that are compared with one another train so: whatever else the machine does meets all of them alike. The parent
listens at a socket; a process that it started has the turn, until it hands it on or ends.
"""

import os
import select
import shutil
import socket
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

VARIABLE = "SRU_REPRO_TURNS"
"""When the session began, and where to ask for a turn."""
_DONE, _GO = b"d", b"g"


class Turns:
    """The parent's side. `give` lets a process go on, `heard` tells that it has handed the turn on."""

    def __init__(self, session: str) -> None:
        self._folder = tempfile.mkdtemp(prefix="sru-turns-")  # short: a socket's name has a hundred letters
        self._place = str(Path(self._folder) / "s")
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(self._place)
        self._server.listen()
        self.environment: Mapping[str, str] = {VARIABLE: f"{session} {self._place}"}
        self._lines: dict[int, socket.socket] = {}

    def close(self) -> None:
        """Whoever still waits goes on without turns."""
        for line in (self._server, *self._lines.values()):
            line.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def heard(self, who: int, seconds: float) -> bool:
        """Whether the process that has the turn hands it on within so many seconds."""
        listened = [self._server, *([self._lines[who]] if who in self._lines else [])]
        for ready in select.select(listened, [], [], seconds)[0]:
            if ready is self._server:
                self._lines[who] = self._server.accept()[0]  # nobody else is awake
            elif ready.recv(1) == _DONE:
                return True
            else:
                self._lines.pop(who).close()  # it ends
        return False

    def give(self, who: int) -> None:
        """It is the turn of a process that has handed it on."""
        with suppress(KeyError, OSError):  # it has ended meanwhile, which whoever started it sees
            self._lines[who].send(_GO)


class Turn:
    """The side of a process that takes turns."""

    def __init__(self, session: str, place: str) -> None:
        self.session = session
        self._line = socket.socket(socket.AF_UNIX)
        self._line.connect(place)
        self.alone = False
        """The parent has gone: there are no turns any more."""

    @classmethod
    def asked_for(cls) -> "Turn | None":
        """As the environment says."""
        told = os.environ.get(VARIABLE)
        return cls(*told.split(" ", 1)) if told else None

    def close(self) -> None:
        """No turns any more: whoever started this process learns that it ends."""
        self._line.close()

    def hand_on(self) -> None:
        """Lets the next one go on."""
        try:
            self._line.send(_DONE)
        except OSError:
            self.alone = True

    def mine(self, seconds: float) -> bool:
        """Whether it is this process's turn again within so many seconds."""
        if self.alone:
            return True
        if not select.select([self._line], [], [], seconds)[0]:
            return False
        try:
            self.alone = self._line.recv(1) != _GO
        except OSError:
            self.alone = True
        return True
