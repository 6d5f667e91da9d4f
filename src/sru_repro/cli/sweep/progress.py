"""What a person sees of a sweep: a line where a member begins and one where it ends, with the time that is left; a bar
on a terminal. It reads the members' files, so that it does not matter where they run."""

import re
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from textwrap import TextWrapper

from ...core.errors import DataError, on_one_line
from ...core.home import without_home
from ...records.base import read
from ...records.run import read_record
from ...records.sweep import MEMBERS, Member, place_of, run_of
from ..bar import Bar, duration
from .member import Plan
from .naming import called, label

_LOOK_S = 0.3
_RUN_S = 2.0
"""Between looks into a member's record, for the bar."""
_INDENTED = TextWrapper(80, initial_indent="    ", subsequent_indent="    ", break_on_hyphens=False)
_OF_A_RUN = re.compile(r"[\w.-]+/[\w.-]+ seed \d+(?: \([^)]*\))?: ")
"""How a line of a run begins, in its log."""


class Progress:
    """Watches the members that are given to it, in a thread of its own. Use as a context manager.

    total    members that are to run
    relayed  whether the lines of a run are shown, too: of one at a time they are in order
    """

    def __init__(self, folder: Path, title: str, total: int, side_by_side: int, relayed: bool) -> None:
        self._folder, self._relayed = folder, relayed
        self._total = total
        self._bar = Bar(title, {Path(str(place)): None for place in range(total)}, side_by_side)
        self._waiting: dict[str, Plan] = {}
        self._active: dict[str, tuple[Path, float, int]] = {}
        self._begun = 0
        self._looked = 0.0
        self._heed: Callable[[], None] = lambda: None
        self._lock = threading.Lock()
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "Progress":
        self._bar.__enter__()
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ends.set()
        self._thread.join()
        self.look()
        self._bar.__exit__(*error)

    def skip(self, count: int) -> None:
        """So many members are through already."""
        for _ in range(count):
            self._bar.skip(Path(str(self._begun)))
            self._begun += 1

    def add(self, plans: Iterable[Plan], heed: Callable[[], None]) -> None:
        """Members that are about to run; `heed` is called from time to time."""
        with self._lock:
            self._heed = heed
            self._waiting |= {plan.name: plan for plan in plans}

    def say(self, text: str) -> None:
        """One line."""
        self._bar.say(without_home(text))

    def _watch(self) -> None:
        while not self._ends.wait(_LOOK_S):
            self._heed()
            self.look()

    def look(self) -> None:
        """Says what is new."""
        with self._lock:
            due = time.monotonic() - self._looked > _RUN_S
            self._looked = time.monotonic() if due else self._looked
            for name, plan in list(self._waiting.items()):
                member = self._read(name)
                if member is None or member.started < plan.planned:
                    continue
                self._seen(member)
                if member.state != "running":
                    del self._waiting[name]
                    self._ended(member)
                elif due:
                    self._progress(member)

    def _read(self, name: str) -> Member | None:
        with suppress(DataError):
            path = self._folder / MEMBERS / f"{name}.json"
            return read(Member, path).answered if path.exists() else None
        return None

    def _seen(self, member: Member) -> None:
        """A member has begun, or goes on."""
        if member.name not in self._active:
            self._active[member.name] = (
                Path(str(self._begun)),
                time.monotonic(),
                _size(member, self._folder),
            )
            self._begun += 1
            self.say(f"{self._begun}/{self._total} begins: {called(member)}")
            if called(member) != label(member.overrides):
                self.say("\n".join(_INDENTED.wrap(label(member.overrides))))
        if self._relayed:
            key, since, read_until = self._active[member.name]
            self._active[member.name] = (key, since, self._relay(member, read_until))

    def _relay(self, member: Member, read_until: int) -> int:
        """Shows the lines that a run has said since, and returns how far its log has been read."""
        log = place_of(self._folder, member) / "log.txt"
        with suppress(OSError), log.open("rb") as file:
            file.seek(read_until)
            said, end, _ = file.read().rpartition(b"\n")  # a line that is being written comes the next time
            for line in said.decode("utf-8", "replace").splitlines():
                if _OF_A_RUN.match(line):
                    self.say(line)
            return read_until + len(said) + len(end)
        return read_until

    def _progress(self, member: Member) -> None:
        with suppress(DataError):
            record = read_record(place_of(self._folder, member))
            if record.progress is not None and record.state == "running":
                key, _, _ = self._active[member.name]
                self._bar.at(key, called(member), record.progress.fraction, record.progress.left_s)

    def _ended(self, member: Member) -> None:
        key, since, _ = self._active.pop(member.name)
        seconds = time.monotonic() - since
        why = on_one_line(f": {member.error}") if member.state == "failed" else ""
        self._bar.done(key, seconds, without_home(ended(self._folder, member, seconds)), without_home(why))


def ended(folder: Path, member: Member, seconds: float) -> str:
    """What came of a member, in a line."""
    name, after = called(member), f"after {duration(seconds)}"
    if member.state == "finished":
        with suppress(DataError):
            return f"{name}: {run_of(folder, member).validated} {member.value:.4f} {after}"
    if member.state == "failed":
        return f"{name} failed {after}"
    kept = ", its checkpoint is kept" if member.state == "interrupted" and saved(folder, member) else ""
    return f"{name}: {member.state} {after}{kept}"


def saved(folder: Path, member: Member) -> bool:
    """Whether a member has something to go on from."""
    return any((place_of(folder, member) / "checkpoints").glob("*.ckpt"))


def _size(member: Member, folder: Path) -> int:
    """The bytes of its log until now: of one that goes on those of its first part."""
    with suppress(OSError):
        return (place_of(folder, member) / "log.txt").stat().st_size
    return 0
