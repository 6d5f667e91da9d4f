"""A promise of the suite, how often it is put to the test, and the count of what held."""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ..records.reliability import Outcome

SHOWN = 10
"""Of the tries at which a promise did not hold: so many are kept in the record."""


class Skip(Exception):
    """Raised where a promise cannot be put to the test on this machine; the text is the reason."""


@dataclass(frozen=True)
class Cut:
    """How much of a section is tried, and where.

    folder   an empty folder to work in
    data     real data files (see data/README.md); None: made ones do
    share    of the whole: 1 for the page, less in tests
    seed     of everything that is drawn
    """

    folder: Path
    data: Path | None = None
    share: float = 1.0
    seed: int = 0

    def tries(self, whole: int, least: int = 1) -> int:
        """How often something is tried that the page tries `whole` times."""
        return max(least, round(whole * self.share))

    def draw(self, name: str) -> random.Random:
        """A generator of its own for each name, the same at every call."""
        return random.Random(f"{self.seed} {name}")


@dataclass
class Tally:
    """Counts tries. `figure` says in a few words what was measured, beside "N of N"."""

    tries: int = 0
    broken: list[str] = field(default_factory=list)
    figure: str = ""
    say: Callable[[str], None] = lambda text: None

    @contextmanager
    def trying(self, what: str) -> Iterator[None]:
        """A try: it holds unless its block raises; what was raised is noted, and the next try goes on."""
        self.tries += 1
        try:
            yield
        except Skip:
            self.tries -= 1
            raise
        except Exception as error:
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            self.broken.append(f"{what}: {reason:.300}")
        self.say(what)


@dataclass(frozen=True)
class Promise:
    """One line of the page.

    name       a few words
    sentence   what is promised
    test       the test that holds it with a small cut: "tests/torture/test_kills.py::test_name"
    carry_out  puts it to the test
    headline   whether it stands in the first table of the page
    """

    name: str
    sentence: str
    test: str
    carry_out: Callable[[Tally, Cut], None]
    headline: bool = False


def outcome_of(promise: Promise, cut: Cut, say: Callable[[str], None] = lambda text: None) -> Outcome:
    """Tries a promise; a fault of the attempt itself counts as broken."""
    began, tally, skipped = time.perf_counter(), Tally(say=say), None
    try:
        promise.carry_out(tally, cut)
    except Skip as found:
        skipped = str(found)
    except Exception as error:
        tally.tries += 1
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        tally.broken.append(f"could not be tried: {reason:.300}")
    return Outcome(
        name=promise.name,
        promise=promise.sentence,
        test=promise.test,
        headline=promise.headline,
        tries=tally.tries,
        held=tally.tries - len(tally.broken),
        figure=tally.figure,
        seconds=round(time.perf_counter() - began, 1),
        broken=tally.broken[:SHOWN],
        skipped=skipped,
    )
