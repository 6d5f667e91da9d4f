"""The command, called in this process: status and everything it said."""

import contextlib
import io
import os
import pickle
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple


class Said(NamedTuple):
    """What a call of the command left."""

    status: int
    text: str


def say(*words: str, folder: Path) -> Said:
    """Calls `sru-repro WORDS` in a folder."""
    from ..cli import main

    out, status = io.StringIO(), 0
    arguments = sys.argv
    with contextlib.chdir(folder), contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        try:
            main(words)
        except SystemExit as stop:
            status = int(stop.code or 0)
        except pickle.UnpicklingError as error:  # torch's own refusal
            return Said(1, f"{out.getvalue()}{error}")
        finally:
            sys.argv = arguments
    return Said(status, out.getvalue())


@contextlib.contextmanager
def variables(**values: str) -> Iterator[None]:
    """Variables of the environment, put back after."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
