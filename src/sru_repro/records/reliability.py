"""What `make torture` found: how often each promise of the suite was tried, and how often it held."""

from typing import ClassVar

from .base import Part, Record, Stamp
from .origin import Hardware


class Outcome(Part):
    """One promise."""

    name: str
    promise: str
    test: str
    """The test that holds it with a small cut."""
    headline: bool
    """Whether it stands in the first table of the page."""
    tries: int
    held: int
    figure: str
    """What was measured beside the count."""
    seconds: float
    broken: list[str]
    """The first tries at which it did not hold."""
    skipped: str | None
    """Why it could not be tried."""


class Section(Stamp):
    """The promises of one section, tried together."""

    hardware: Hardware
    share: float
    """Of all tries: 1 is the whole."""
    seconds: float
    outcomes: list[Outcome]


class Reliability(Record):
    """All sections, each as it was tried last."""

    COMMAND: ClassVar[str] = "make torture"
    EXPECTED: ClassVar[str] = "a record of reliability"
    FILE: ClassVar[str] = "reliability.json"
    BY_LINE: ClassVar = ("outcomes",)

    sections: dict[str, Section]

    @property
    def outcomes(self) -> list[Outcome]:
        """Those of all sections."""
        return [outcome for section in self.sections.values() for outcome in section.outcomes]
