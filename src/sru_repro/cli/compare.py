"""sru-repro compare a=FOLDER b=FOLDER      settings, data, code, hardware and figures that differ"""

from collections.abc import Sequence
from pathlib import Path

from .words import need, only


def run(words: Sequence[str]) -> int:
    """Prints the comparison."""
    found, _ = only(words, ("a", "b"))
    from ..reporting.runs.compare import compare

    print(compare(Path(need(found, "a", "runs/...")), Path(need(found, "b", "runs/..."))))
    return 0
