"""sru-repro compare a=FOLDER b=FOLDER      settings, data, code, hardware and figures that differ"""

from collections.abc import Sequence

from pydantic import Field

from .options import Options, existing_run


class CompareOptions(Options):
    """Two runs."""

    a: str = Field(examples=["runs/..."])
    b: str = Field(examples=["runs/..."])


def run(args: Sequence[str]) -> int:
    """Prints the comparison."""
    options = CompareOptions.parse(args)
    from ..reporting.runs.compare import compare

    print(compare(existing_run("a", options.a), existing_run("b", options.b)))
    return 0
