"""sru-repro backends        which back ends of the recurrences there are, which one runs, and why

SRU_REPRO_BACKEND=NAME chooses one.
"""

from collections.abc import Sequence

from .. import ops
from ..errors import ConfigError
from .words import only


def run(words: Sequence[str]) -> int:
    """Prints a line a back end, and the choice."""
    only(words, ())
    for name, what in ops.BACKENDS.items():
        print(f"{name:<10} {what}")
    try:
        choice = ops.choose()
    except ValueError as error:
        raise ConfigError(f"SRU_REPRO_BACKEND: {error}") from None
    print(f"\nchosen: {choice.name} ({choice.why})")
    return 0
