"""What a mistyped word was probably meant to be."""

from collections.abc import Iterable
from difflib import SequenceMatcher, get_close_matches

LIKE = 0.65
"""How alike two words are at least, of 1, for one to be suggested in the place of the other."""
LONGEST = 120
"""Symbols of a word that is compared: what is longer is no slip of the finger, and takes long."""


def closest(word: str, known: Iterable[str]) -> str | None:
    """The most similar of the known words; None where none is similar.

    Keys have dots, and rows slashes between their parts: of those the last part alone may have been written
    (`lr` for `optim.lr`), or another first one (`model.lr`).
    """
    names = [name for name in dict.fromkeys(known) if name != word]
    if not 0 < len(word) <= LONGEST:
        return None
    folded: dict[str, str] = {}
    for name in names:
        folded.setdefault(name.casefold(), name)
    wanted = word.casefold()
    if wanted in folded:
        return folded[wanted]
    last = _last(wanted)
    same = [name for name in names if _last(name.casefold()) == last]
    if same:
        return max(same, key=lambda name: SequenceMatcher(None, wanted, name.casefold()).ratio())
    found = get_close_matches(wanted, folded, n=1, cutoff=LIKE)
    if not found and last == wanted:
        lasts = {_last(name): name for name in folded}
        found = [lasts[near] for near in get_close_matches(last, lasts, n=1, cutoff=LIKE)]
    return folded[found[0]] if found else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The end of an error: "; did you mean NAME?", or nothing where no name is near."""
    near = closest(word, known)
    return f"; did you mean {near}?" if near is not None else ""


def _last(name: str) -> str:
    return name.replace("/", ".").rpartition(".")[2]
