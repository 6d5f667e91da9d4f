"""What the suite holds out against: `results/reliability.md`, and the sentences on promises in the README."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from ..records.base import read
from ..records.reliability import Outcome, Reliability, Section
from . import facts
from .answer import Answer, shortened
from .document import Block, Bullets, Heading, Paragraph, Table, Text, generated, write_document
from .inserted import insert
from .layout import bold, folded, lead, why
from .numbers import listed
from .statistics import at_most

_PAGE = "reliability.md"
_QUESTION = "Do the suite's promises hold when things go wrong on purpose?"
_FEW = 10
"""Tries, fewer of which say little."""

_LEGEND = """\
A promise is tried as often as told, each time in another way: at another moment, with another damage, by another \
word. *Held* counts the tries at which nothing else happened than what is promised. Each promise is tried in small by \
the test that is named, in `make test`; the whole is `make torture`."""


def report_reliability(results: Path) -> list[Path]:
    """Writes the page from `reliability.json`, and the README's sentences where there is one beside the folder; the
    files written, none where there is no record."""
    if not (results / Reliability.FILE).is_file():
        return []
    record = read(Reliability, results / Reliability.FILE)
    blocks: list[Block] = [Heading("Reliability", 1), generated(Reliability.FILE)]
    blocks += [*lead(_answer(record)), *why(results, "reliability")]
    if broken := _broken(record):
        blocks += [Heading("What did not hold"), Bullets(broken)]
    blocks.append(_main(record))
    blocks += folded("How it was tried", [Text(_LEGEND), Bullets(_facts(record))])
    every = [
        block
        for name, section in record.sections.items()
        for block in _section(name, section, _facts(record))
    ]
    blocks += folded("Every promise, section by section", every)
    written = [write_document(results / _PAGE, blocks)]
    readme = results.parent / "README.md"
    return written + ([insert(readme, "promises", promised(record))] if readme.is_file() else [])


def reliability_answer(results: Path) -> Answer | None:
    """The answer of `reliability.md`, from `reliability.json` there; None where there is none."""
    place = results / Reliability.FILE
    return _answer(read(Reliability, place)) if place.is_file() else None


def _answer(record: Reliability) -> Answer:
    minutes, hardware = _effort(record)
    when = facts.days(record.sections.values())
    told = [
        finding(record),
        f"They were tried on {when} for {minutes:.0f} minutes on {hardware}." if record.sections else "",
        _certainty(record),
        _where(record),
    ]
    short = shortened(f"{finding(record)} {when}.")
    return Answer(_QUESTION, short, tuple(sentence for sentence in told if sentence))


def finding(record: Reliability) -> str:
    """The page in one sentence."""
    tried = _tried(record)
    kept = sum(holds(outcome) for outcome in tried)
    held, tries = _counts(tried)
    skipped = len(record.outcomes) - len(tried)
    left = f"; {skipped} could not be tried" if skipped else ""
    part = f" {_part(record)}" if _part(record) else ""
    return f"{kept} of {len(tried)} promises held, in {held:,} of {tries:,} tries{left}.{part}"


def _tried(record: Reliability) -> list[Outcome]:
    return [outcome for outcome in record.outcomes if outcome.skipped is None]


def _counts(outcomes: Iterable[Outcome]) -> tuple[int, int]:
    """Tries that held, and all."""
    found = list(outcomes)
    return sum(outcome.held for outcome in found), sum(outcome.tries for outcome in found)


def _certainty(record: Reliability) -> str:
    """What so many tries can tell, and of how many promises they tell little."""
    held, tries = _counts(_tried(record))
    if not tries:
        return ""
    few = sum(outcome.tries < _FEW for outcome in _tried(record))
    text = f"Were all tries alike, with 95 % certainty at most {100 * at_most(tries - held, tries):.2g} % of such fail"
    return f"{text}; {few} promises were tried fewer than {_FEW} times." if few else f"{text}."


def _where(record: Reliability) -> str:
    """The sections by their number of tries."""
    counts = {name: _counts(section.outcomes) for name, section in record.sections.items()}
    ordered = sorted(counts.items(), key=lambda one: one[1][1], reverse=True)
    return f"Tries held by section: {listed([f'{name} {held:,} of {tries:,}' for name, (held, tries) in ordered])}."


def promised(record: Reliability) -> list[Block]:
    """The sentences that stand in the README."""
    page = f"Each promise, its test and what was measured: [{_PAGE.removesuffix('.md')}](results/{_PAGE})"
    return [Paragraph(f"{finding(record)} {page}, {facts.days(record.sections.values())}.")]


def _main(record: Reliability) -> Table:
    """The one table that answers: the promises that count most, those first that did not hold."""
    told = [outcome for outcome in record.outcomes if outcome.headline]
    body = [
        [
            outcome.promise,
            _kept(outcome),
            f"{outcome.held:,} of {outcome.tries:,}",
            outcome.figure,
        ]
        for outcome in sorted(told, key=lambda outcome: (outcome.skipped is not None, holds(outcome)))
    ]
    return Table("", ("promise", "held?", "tries", "measured"), body, words=("held?", "measured"))


def _kept(outcome: Outcome) -> str:
    if outcome.skipped is not None:
        return f"not tried: {outcome.skipped}"
    return "yes" if holds(outcome) else bold("no")


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


def _effort(record: Reliability) -> tuple[float, str]:
    """Minutes in all, and where."""
    sections = list(record.sections.values())
    hardware = "; ".join(facts.unique(section.hardware.name for section in sections))
    return sum(section.seconds for section in sections) / 60, hardware


def _facts(record: Reliability) -> list[str]:
    """When, where and with which code."""
    minutes, hardware = _effort(record)
    return [
        f"Tried: {facts.days(record.sections.values())}, {minutes:.0f} minutes in all, on {hardware}",
        facts.code(record.sections.values()),
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
    body = [[outcome.promise, count(outcome), _broken_up(outcome.test)] for outcome in outcomes]
    return Table("", ("promise", "held", "test"), body, words=("held", "test"))


def _broken_up(test: str) -> str:
    """Its file, and in a line of its own its name: one word would be too wide for a page."""
    return "\n".join(f"`{part}`" for part in test.split("::"))
