"""The card of an exported model: README.md in its folder, made from its record."""

from pathlib import Path

from ..records.exported import Exported, Way
from ..records.run import RunRecord

SHOWN = ("val/accuracy", "test/accuracy")


def card(
    record: RunRecord, small: Exported, sizes: dict[str, int], folder: Path, terms: tuple[str, str]
) -> str:
    """What the model is, how good it is, how it was made small, where its data come from, and how it is used.

    Args:
        record: of the run, with the figures of the exported model.
        small: how it was made small.
        sizes: bytes of each file.
        folder: where it lies, as it is named in commands.
        terms: of the data and of the word vectors.
    """
    label = (record.paper.label if record.paper else "") or record.row
    columns = {"the run, whole": small.run, "this model": record.metrics}
    columns |= {f"the same size otherwise: {_words(other)}": other.figures for other in small.others}
    rows = "\n".join(
        f"| {name} | {' | '.join(f'{100 * figures[name]:.1f} %' for figures in columns.values())} |"
        for name in SHOWN
    )
    files = "\n".join(f"| {name} | {sizes[name]:,} | `{digest}` |" for name, digest in small.files.items())
    told = [
        f"{record.parameters:,} parameters beside the word vectors; profile {record.profile}, seed {record.seed}, "
        f"epochs: {len(record.epochs)}, on {record.data.counts.get('train', 0):,} examples; {record.hardware.name}.",
        f"Not comparable with the paper: {record.data.why_not}." if record.data.why_not else "",
    ]
    measured = "The figures were measured on these weights as `sru-repro evaluate` measures them, in float32."
    if small.others:
        measured += " What was taken is better on the validation set; the test set chose nothing."
    knows = (
        f"It knows {small.way.words:,} of the run's {small.of_words:,} words, and {100 * small.way.known:.1f} % of the "
        "words of the test set, repeats counted. All others are one unknown word to it."
    )
    return f"""# {label}, trained on {record.data.description}

```
sru-repro predict run={folder} text="A gorgeous, witty, seductive movie."
sru-repro evaluate run={folder} data_dir=FOLDER
```

{" ".join(filter(None, told))}

| | {" | ".join(columns)} |
|---|{"--:|" * len(columns)}
{rows}

{measured}

## How it was made small

- Weights in {small.dtype}.
- {_vectors(record, small)}
- {knows}

## Where it comes from

- Data: {terms[0]}.
- Word vectors ({record.data.vectors or "none"}): {terms[1]}.
- The suite's own licence, MIT, is that of its code.
- Configuration, figures and code revision: run.json.

| file | bytes | SHA-256 |
|---|--:|---|
{files}
"""


def _words(way: Way) -> str:
    kind = f"vectors of {way.axes} numbers" if way.axes else "whole vectors"
    return f"{kind}, {way.words:,} words"


def _vectors(record: RunRecord, small: Exported) -> str:
    size = record.config["task"]["vector_size"]
    if not small.way.axes:
        return f"Word vectors of {size} numbers as they were, in {small.dtype}."
    return (
        f"Word vectors of {size} numbers along the {small.way.axes} axes on which the loss depends most: the principal "
        "axes of the vectors, weighted by gradients of the loss and by the logarithm of how often a word occurs in "
        "training; eight bits an axis. `embedding.weight` = `codes` times `axes` plus `mean`."
    )
