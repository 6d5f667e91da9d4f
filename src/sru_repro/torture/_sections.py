"""The sections: the files here without a leading underscore, each with its list of promises."""

import importlib
import sys
from collections.abc import Iterator

from ..core import scan
from ._promise import Promise


def section_names() -> list[str]:
    """Their names, in the order of the alphabet."""
    return scan.names(sys.modules[__package__ or ""])


def promises(section: str) -> list[Promise]:
    """What a section puts to the test."""
    return list(importlib.import_module(f".{section}", __package__).PROMISES)


def all_promises() -> Iterator[Promise]:
    """Those of all sections."""
    for name in section_names():
        yield from promises(name)
