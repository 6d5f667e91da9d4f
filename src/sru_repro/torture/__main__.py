"""python -m sru_repro.torture [sections=kills,files] [data_dir=FOLDER] [share=1] [results=results]

Puts the suite's promises to the test and writes RESULTS/reliability.json and RESULTS/reliability.md. Sections that are
not tried keep what the record says of them. Status 1 where a promise did not hold.
"""

import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from pydantic import Field

from ..cli.options import Names, Options, Real, some_of
from ..core import machine
from ..core.errors import DataError, SuiteError
from ..records.base import read, write
from ..records.origin import Hardware
from ..records.reliability import Outcome, Reliability, Section
from ..reporting.reliability import report_reliability
from ._promise import Cut, outcome_of
from ._sections import promises, section_names


class TortureOptions(Options):
    """sections: which; data_dir: where real data lie; share: of all tries; results: where the page goes."""

    sections: Names | None = None
    data_dir: Path | None = None
    share: Real = Field(default=1.0, gt=0, le=1)
    results: Path = Path("results")


def main(args: Sequence[str]) -> int:
    """Tries the sections, one after the other, and writes the page after each."""
    options = TortureOptions.parse(args)
    chosen = some_of("sections", options.sections, section_names())
    if options.data_dir is not None and not options.data_dir.is_dir():
        raise DataError(f"data_dir={options.data_dir}: expected a folder of data, found none")
    place = options.results / Reliability.FILE
    before = dict(read(Reliability, place).sections) if place.is_file() else {}
    before = {name: section for name, section in before.items() if name in section_names()}
    broken = 0
    for number, name in enumerate(chosen, 1):
        began = time.perf_counter()
        outcomes = _outcomes(name, f"{number}/{len(chosen)}", options)
        before[name] = _section(outcomes, time.perf_counter() - began, options.share)
        broken += sum(len(outcome.broken) for outcome in outcomes)
        write(Reliability(sections=dict(sorted(before.items()))), place)
        report_reliability(options.results)
    told = f"{broken} tries did not hold" if broken else "every try held"
    print(f"{options.results / 'reliability.md'}: {told}")
    return int(broken > 0)


def _outcomes(name: str, place: str, options: TortureOptions) -> list[Outcome]:
    found = []
    for promise in promises(name):
        began, tries = time.perf_counter(), [0]

        def say(
            what: str, promise: str = promise.name, began: float = began, tries: list[int] = tries
        ) -> None:
            tries[0] += 1
            seconds = time.perf_counter() - began
            print(f"[{place} {name}] {promise}: {tries[0]} tries, {seconds:.0f} s ({what})", file=sys.stderr)

        with tempfile.TemporaryDirectory(prefix="torture-") as folder:
            data = options.data_dir.resolve() if options.data_dir else None
            outcome = outcome_of(promise, Cut(Path(folder), data, options.share), say)
        verdict = (
            f"skipped: {outcome.skipped}" if outcome.skipped else f"{outcome.held} of {outcome.tries} held"
        )
        print(f"[{place} {name}] {promise.name}: {verdict} in {outcome.seconds:.0f} s", file=sys.stderr)
        for line in outcome.broken:
            print(f"    {line}", file=sys.stderr)
        found.append(outcome)
    return found


def _section(outcomes: list[Outcome], seconds: float, share: float) -> Section:
    code = machine.code_revision()
    return Section(
        date=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        revision=code["revision"],
        dirty=code["dirty"],
        torch=machine.packages()["torch"],
        hardware=Hardware.model_validate(machine.hardware("cpu")),
        share=share,
        seconds=round(seconds, 1),
        outcomes=outcomes,
    )


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except SuiteError as error:
        print(f"sru-repro: {error}", file=sys.stderr)
        sys.exit(error.status)
