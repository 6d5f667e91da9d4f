"""What the suite holds out against: `results/reliability.md`, and the table of promises in the README."""

from collections.abc import Iterator
from pathlib import Path

from ..records.base import read
from ..records.reliability import Outcome, Reliability, Section
from . import facts
from .document import Block, Bullets, Heading, Table, Text, generated, write_document
from .inserted import insert

_LEGEND = """\
A promise is tried as often as told, each time in another way: at another moment, with another damage, by another \
word. *Held* counts the tries at which nothing else happened than what is promised. Each promise is tried in small by \
the test that is named, in `make test`; the whole is `make torture`."""


def report_reliability(results: Path) -> list[Path]:
    """Writes the page from `reliability.json`, and the README's table where there is one beside the folder; the files
    written, none where there is no record."""
    if not (results / Reliability.FILE).is_file():
        return []
    record = read(Reliability, results / Reliability.FILE)
    blocks: list[Block] = [
        Heading("reliability", 1),
        generated(Reliability.FILE),
        Text(f"**{finding(record)}**"),
        Bullets(_facts(record)),
        Text(_LEGEND),
    ]
    if broken := _broken(record):
        blocks += [Heading("What did not hold"), Bullets(broken)]
    for name, section in record.sections.items():
        blocks += _section(name, section, _facts(record))
    written = [write_document(results / "reliability.md", blocks)]
    readme = results.parent / "README.md"
    return written + ([insert(readme, "promises", promised(record))] if readme.is_file() else [])


def finding(record: Reliability) -> str:
    """The page in one sentence."""
    tried = [outcome for outcome in record.outcomes if outcome.skipped is None]
    kept = sum(holds(outcome) for outcome in tried)
    held, tries = sum(outcome.held for outcome in tried), sum(outcome.tries for outcome in tried)
    skipped = len(record.outcomes) - len(tried)
    left = f"; {skipped} could not be tried" if skipped else ""
    part = f" {_part(record)}" if _part(record) else ""
    return f"{kept} of {len(tried)} promises held, in {held:,} of {tries:,} tries{left}.{part}"


def promised(record: Reliability) -> list[Block]:
    """The promises that stand in the README, and what their figures follow from."""
    told = [outcome for outcome in record.outcomes if outcome.headline]
    return [_table(told), Bullets([f"{finding(record)} {facts.days(record.sections.values())}."])]


def holds(outcome: Outcome) -> bool:
    """Whether it was tried, and held every time."""
    return outcome.skipped is None and not outcome.broken and outcome.held == outcome.tries > 0


def count(outcome: Outcome) -> str:
    """How often it held, and what was measured."""
    if outcome.skipped is not None:
        return f"not tried: {outcome.skipped}"
    often = f"{outcome.held:,} of {outcome.tries:,}"
    return "; ".join(filter(None, (often if holds(outcome) else f"did not hold: {often}", outcome.figure)))


def _part(record: Reliability) -> str:
    """Says so where less than the whole was tried."""
    shares = {name: section.share for name, section in record.sections.items() if section.share < 1}
    if not shares:
        return ""
    least = min(shares.values())
    whose = "" if len(shares) == len(record.sections) else f" of {', '.join(shares)}"
    return f"A rehearsal: {100 * least:.3g} % of all tries{whose}."


def _facts(record: Reliability) -> list[str]:
    """When, where and with which code."""
    sections = list(record.sections.values())
    minutes = sum(section.seconds for section in sections) / 60
    hardware = "; ".join(facts.unique(section.hardware.name for section in sections))
    return [
        f"Tried: {facts.days(sections)}, {minutes:.0f} minutes in all, on {hardware}",
        facts.code(sections),
    ]


def _broken(record: Reliability) -> list[str]:
    """A line for each try that is known, and one for each promise of which none was made."""
    lines = []
    for name, section in record.sections.items():
        for outcome in section.outcomes:
            lines += [f"{name}, {outcome.name}: {line}" for line in outcome.broken]
            if outcome.skipped is None and not outcome.tries:
                lines.append(f"{name}, {outcome.name}: nothing was tried")
    return lines


def _section(name: str, section: Section, known: list[str]) -> Iterator[Block]:
    yield Heading(name)
    yield _table(section.outcomes)
    own = _facts(Reliability(sections={name: section}))
    yield Bullets([line for line in own if line not in known])


def _table(outcomes: list[Outcome]) -> Table:
    body = [[outcome.promise, count(outcome), f"`{outcome.test}`"] for outcome in outcomes]
    return Table("", ("promise", "held", "test"), body, words=("held", "test"))
