"""What differs between runs, or rows of runs, in configuration, data, code, packages and hardware."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ...records.run import RunRecord
from ..document import NONE, literal
from ..runs.records import flatten

PARTS = ("config", "data", "code", "packages", "hardware")
_SEEDS = {"seed", "fold"}
"""Keys in which the runs of a row differ by what they are."""
_OF_FOLDS = ("fingerprint", "counts.")
"""Each part of a cross-validation has its own."""


@dataclass(frozen=True)
class Difference:
    """A key in which not all rows agree, with a text for each of them; of a row whose runs differ, all its values."""

    part: str
    key: str
    values: Sequence[str]
    implied: bool = False
    """Whether it follows from the name of a model or task, which alone has such a key."""

    def by_value(self) -> list[tuple[str, list[int]]]:
        """Each value with the places of its rows, in their order."""
        found: dict[str, list[int]] = {}
        for place, value in enumerate(self.values):
            found.setdefault(value, []).append(place)
        return list(found.items())


def differences(rows: Sequence[Sequence[RunRecord]]) -> list[Difference]:
    """Whatever is not the same in all runs of all rows, part by part. The paper's numbers are no part of a run."""
    found = []
    for part in PARTS:
        trees = [[_leaves(run, part) for run in runs] for runs in rows]
        for key in sorted({key for leaves in trees for one in leaves for key in one}):
            seen = [list(dict.fromkeys(one.get(key, NONE) for one in leaves)) for leaves in trees]
            by_run = len({value for values in seen for value in values}) > 1
            of_its_own = part == "config" and key in _SEEDS
            of_its_own |= part == "data" and key.startswith(_OF_FOLDS) and any(len(v) > 1 for v in seen)
            texts = [" / ".join(sorted(values, key=by_size)) for values in seen]
            if by_run and (len(set(texts)) > 1 or not of_its_own):
                found.append(Difference(part, key, texts, part == "config" and _implied(key, texts, trees)))
    return found


def _leaves(run: RunRecord, part: str) -> dict[str, str]:
    """The values of a part in one line each: nothing in them steers a terminal."""
    tree = run.config if part == "config" else getattr(run, part)
    plain: Mapping[str, object] = tree if isinstance(tree, dict) else tree.plain()
    return {
        literal(key).replace("\n", "\\n"): line_of(value)
        for key, value in flatten(plain)
        if part != "config" or key.partition(".")[0] != "paper"
    }


def line_of(value: object) -> str:
    """A value of a record in one line."""
    return literal(str(value)).replace("\n", "\\n")


def _implied(key: str, texts: Sequence[str], trees: Sequence[Sequence[Mapping[str, str]]]) -> bool:
    """Whether a key that some rows lack tells no more than the name of its group, such as `model.name`."""
    group, dot, rest = key.partition(".")
    if NONE not in texts or not dot or rest == "name":
        return False
    names = [_unique(one.get(f"{group}.name", NONE) for one in leaves) for leaves in trees]
    by_name: dict[str, set[str]] = {}
    for name, text in zip(names, texts, strict=True):
        by_name.setdefault(name, set()).add(text)
    return all(len(values) == 1 for values in by_name.values())


def _unique(values: Iterable[str]) -> str:
    return ", ".join(sorted(set(values)))


def by_size(text: str) -> tuple[float, str]:
    """Numbers by their size, before words."""
    try:
        return float(text), text
    except ValueError:
        return float("inf"), text
