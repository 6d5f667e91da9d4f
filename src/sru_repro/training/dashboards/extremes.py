"""Which way a figure is better, and the best and the last of each over the validations of a run."""

from ...records.run import RunRecord

LOWER = frozenset({"loss", "bpc", "ppl"})
HIGHER = frozenset({"accuracy", "em", "f1"})


def higher_is_better(key: str, content: RunRecord) -> bool:
    """Of a figure by its key, such as "val/accuracy". What is not known goes the way of the headline."""
    name = key.rpartition("/")[2]
    if name == content.headline.rpartition("/")[2] or name not in LOWER | HIGHER:
        return content.higher_is_better
    return name in HIGHER


def best_and_last(content: RunRecord) -> dict[str, float]:
    """`best/val/loss`, `last/val/loss` and so on, of the validations so far and the training between them."""
    found: dict[str, float] = {}
    for entry in content.epochs:
        for key, value in entry.figures.items():
            better = max if higher_is_better(key, content) else min
            found[f"best/{key}"] = better(found.get(f"best/{key}", value), value)
            found[f"last/{key}"] = value
    return found
