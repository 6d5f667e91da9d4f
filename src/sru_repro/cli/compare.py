"""sru-repro compare RUN RUN ... [html=FILE] [against=ROW]
what differs between runs, and whether their figures do

RUN is a run's folder, a record (results/runs/sst/sru2/short/seed1.json), a
folder with runs below it, as of a sweep, or a glob, in quotes or not:
'runs/sst/*/short/*'. A name that looks like key=value is written ./key=value.
Of two runs every key and figure that differs is shown. More runs are put
together in rows, whose runs have all but the seed and the fold in common: means
with 95 % intervals, and a test of each row against the best, or against=ROW.
html=FILE writes a page with tables that sort and with the curves, which a
browser opens without a network.
"""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from pydantic import Field

from ..core.closest import did_you_mean
from ..core.errors import ConfigError, DataError
from ..core.files import write_text
from ..core.home import shown
from .options import Options, existing_run

_EXPECTED = "expected the folder of a run, a record, or a glob of them"

_NAMES = 8
"""Rows that an error names, at most."""


class CompareOptions(Options):
    """What is said of the comparison, besides the runs."""

    a: str | None = Field(default=None, examples=["runs/..."])
    b: str | None = Field(default=None, examples=["runs/..."])
    """Two runs by name, as in a=FOLDER b=FOLDER."""
    against: str = ""
    html: str | None = None


def run(args: Sequence[str]) -> int:
    """Prints the comparison, and writes the page."""
    options, words = CompareOptions.parse_known(args)
    for one, other in (("a", "b"), ("b", "a")):
        if getattr(options, one) is None and getattr(options, other) is not None:
            raise ConfigError(f"{one}: missing; expected {one}=runs/...")
    words = [*filter(None, (options.a, options.b)), *words]
    if not words:
        raise ConfigError(f"RUN: {_EXPECTED}, found none; sru-repro compare runs/... runs/...")
    if options.html is not None and (not options.html or Path(options.html).is_dir()):
        raise ConfigError(f"html: expected a file to write, found {options.html!r}")
    from ..reporting.compare import called, compared, gather, page, sections

    found = gather(place for word in words for place in _records(word))
    kept = sections(found)
    names = [group.name for section in kept for group in section.ranked]
    meant = [called(section, options.against) for section in kept]
    if options.against and not any(len(rows) == 1 for rows in meant):
        several = [group.name for rows in meant for group in rows]
        near = f", which names {len(several)} rows" if several else did_you_mean(options.against, names)
        raise ConfigError(f"against: expected {_one_of(several or names)}, found {options.against!r}{near}")
    if options.html is not None:
        _write(Path(options.html), page(found, options.against))
    print(compared(found, options.against, _width()))
    if options.html is not None:
        print(f"\nwritten: {shown(Path(options.html))}")
    return 0


def _one_of(names: Sequence[str]) -> str:
    """The rows that there are to choose from, as far as a line has room for them."""
    told = list(dict.fromkeys(names))
    more = f" and {len(told) - _NAMES} more" * (len(told) > _NAMES)
    return f"one of {', '.join(told[:_NAMES])}{more}" if told else "no row, as no run has finished"


def _write(place: Path, text: str) -> None:
    try:
        write_text(place, text)
    except OSError as error:
        raise ConfigError(f"html: expected a file to write, found {place} ({error.strerror})") from None


def _records(word: str) -> list[Path]:
    """The records that a word means.

    Raises:
        ConfigError: it is neither that nor an option.
        DataError: there are none of that name.
    """
    from ..reporting.compare import records_of

    if found := records_of(word) if word.strip() else []:
        return found
    key, equals, _ = word.partition("=")
    if not word.strip():
        raise ConfigError(f"RUN: {_EXPECTED}, found {word!r}")
    if word.startswith("-") or (equals and "/" not in key):
        known = ("html", "against", "a", "b")
        raise ConfigError(
            f"{key}: expected RUN, html=FILE or against=ROW here{did_you_mean(key.lstrip('-'), known)}"
        )
    if Path(word).exists():
        raise DataError(f"{word}: expected a run record, found none in it or below; {_EXPECTED}")
    if set(word) & set("*?["):
        raise DataError(f"{word}: {_EXPECTED}, found no run of such a name")
    return [existing_run("", word)]


def _width() -> int:
    """Of the terminal; 80 columns in a file."""
    return max(40, shutil.get_terminal_size((80, 24)).columns) if os.isatty(1) else 80
