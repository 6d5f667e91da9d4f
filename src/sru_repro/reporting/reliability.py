"""What the suite holds out against: `results/reliability.md`, and the table of promises in the README."""

from collections.abc import Iterator
from pathlib import Path

from ..records.base import read
from ..records.reliability import Outcome, Reliability, Section
from . import facts
from .document import Block, Bullets, Heading, Table, Text, generated, write_document


def report_reliability(results: Path) -> list[Path]:
    """Writes the page from `reliability.json`; the files written, none where there is no record."""
    if not (results / Reliability.FILE).is_file():
        return []
    record = read(Reliability, results / Reliability.FILE)
    blocks: list[Block] = [
        Heading("reliability", 1),
        generated(Reliability.FILE),
        Bullets([finding(record)]),
        *(block for name, section in record.sections.items() for block in _section(name, section)),
    ]
    return [write_document(results / "reliability.md", blocks)]


def finding(record: Reliability) -> str:
    """The page in one sentence."""
    tried = [outcome for outcome in record.outcomes if outcome.skipped is None]
    kept = sum(not outcome.broken and outcome.tries > 0 for outcome in tried)
    held, tries = sum(outcome.held for outcome in tried), sum(outcome.tries for outcome in tried)
    skipped = len(record.outcomes) - len(tried)
    left = f"; {skipped} could not be tried" if skipped else ""
    return f"{kept} of {len(tried)} promises held, in {held:,} of {tries:,} tries{left}."


def promised(record: Reliability) -> Table:
    """The promises that stand in the README."""
    body = [
        [outcome.promise, count(outcome), f"`{outcome.test}`"]
        for outcome in record.outcomes
        if outcome.headline
    ]
    return Table("", ("promise", "held", "test"), body, words=("held", "test"))


def count(outcome: Outcome) -> str:
    """How often it held, and what was measured."""
    if outcome.skipped is not None:
        return f"not tried: {outcome.skipped}"
    return "; ".join(filter(None, (f"{outcome.held:,} of {outcome.tries:,}", outcome.figure)))


def _section(name: str, section: Section) -> Iterator[Block]:
    yield Heading(name)
    body = [[outcome.promise, count(outcome), f"`{outcome.test}`"] for outcome in section.outcomes]
    yield Table("", ("promise", "held", "test"), body, words=("held", "test"))
    broken = [f"{outcome.name}: {line}" for outcome in section.outcomes for line in outcome.broken]
    if broken:
        yield Text("Did not hold:")
        yield Bullets(broken)
    part = "" if section.share == 1 else f"{100 * section.share:.0f} % of all tries; "
    where = f"{section.hardware.name}, {section.seconds / 60:.1f} minutes, {facts.days([section])}"
    yield Bullets([f"{part}{where}. {facts.code([section])}"])
