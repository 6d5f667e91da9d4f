"""What a member of a sweep is called: by its overrides, so that the same one has the same name in a larger sweep."""

import re
from collections.abc import Collection, Sequence
from hashlib import sha256

from ...records.sweep import Member
from ..words import key_of

LONGEST = 80
"""Letters of a name, of a file and a folder."""
SHOWN = 48
"""Letters of a member's overrides that leave room for what a line says of it."""
ALONE = "run"
"""The name of a sweep's only member, where nothing is swept."""
_QUOTED = re.compile(r"""(['"])(.*)\1""", re.DOTALL)


def varied(overrides: Sequence[str], fixed: Collection[str]) -> list[str]:
    """The overrides in which a member may differ from the others: those whose keys are not in `fixed`."""
    return [word for word in overrides if key_of(word) not in fixed]


def label(overrides: Sequence[str]) -> str:
    """A member's overrides for a person: `model=qrnn seed=2`."""
    return " ".join(f"{key_of(word)}={_plain(word)}" for word in overrides) or ALONE


def called(member: Member) -> str:
    """A member in a line: its overrides, or its name where these would fill the line, as those of a search do."""
    whole = label(member.overrides)
    return whole if len(whole) <= SHOWN else member.name


def name_of(overrides: Sequence[str]) -> str:
    """A member's name, `model=qrnn,seed=2`; a digest ends it where a file could not be called so, or it would be long.

    Names differ where overrides differ.
    """
    whole = ",".join(f"{key_of(word)}={_plain(word)}" for word in overrides) or ALONE
    name = re.sub(r"[^\w.=,+-]+", "-", whole)
    if name == whole and len(name.encode()) <= LONGEST:
        return name
    digest = sha256("\0".join(overrides).encode("utf-8", "surrogateescape")).hexdigest()[:8]
    short = name.encode()[: LONGEST - 9].decode("utf-8", "ignore").rstrip("-.,=")
    return f"{short}-{digest}"


def _plain(word: str) -> str:
    value = word.partition("=")[2]
    found = _QUOTED.fullmatch(value)
    return found[2] if found else value
