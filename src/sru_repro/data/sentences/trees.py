"""Sentiment trees in brackets: `(3 (2 a) (4 (3 fine) (2 film)))` gives words and labelled phrases."""

from typing import NamedTuple

from ...core.errors import DataError


class Tree(NamedTuple):
    """A sentence and its phrases: children before parents, the whole sentence last.

    A phrase is the numbers of its first token and of the one after its last, and its value: 0 very negative,
    1 negative, 2 neutral, 3 positive, 4 very positive.
    """

    tokens: tuple[str, ...]
    phrases: list[tuple[int, int, int]]


def parse_tree(line: str, place: str) -> Tree:
    """Parse one tree; `place` (file and line number) heads the message for a bad one.

    Leaves are lower-cased, and end at a bracket, never at white space of another kind: some leaves hold a
    no-break space.

    Raises:
        DataError: the line is not one tree with labels 0 to 4.
    """
    tokens: list[str] = []
    phrases: list[tuple[int, int, int]] = []
    pending: list[tuple[int, int]] = []  # start and label of the brackets that are open
    before, *parts = line.split("(")
    if before.strip(" "):
        raise DataError(_bad(place, f"text before the tree: {before.strip()[:20]!r}"))
    if not parts:
        raise DataError(_bad(place, "an empty line"))
    for part in parts:
        if phrases and not pending:
            raise DataError(_bad(place, "text after the tree"))
        head, *closings = part.split(")")
        label, space, leaf = head.partition(" ")
        if len(label) != 1 or label not in "01234" or not space:
            raise DataError(_bad(place, f"the label {label[:20]!r}"))
        pending.append((len(tokens), int(label)))
        if bool(leaf) != bool(closings):  # "(2 word)" closes its own bracket, "(2 (" has no word
            raise DataError(
                _bad(place, f"an unfinished leaf {leaf[:20]!r}" if leaf else "a phrase without words")
            )
        if leaf:
            tokens.append(leaf.lower())
        for between in closings:
            if not pending or between.strip(" "):
                found = f"text outside the brackets: {between[:20]!r}" if pending else "a ')' too many"
                raise DataError(_bad(place, found))
            start, value = pending.pop()
            phrases.append((start, len(tokens), value))
    if pending:
        raise DataError(_bad(place, f"{len(pending)} brackets still open at its end"))
    return Tree(tuple(tokens), phrases)


def _bad(place: str, found: str) -> str:
    return f"{place}: expected one tree like '(3 (2 a) (4 film))' with labels 0..4, found {found}"
