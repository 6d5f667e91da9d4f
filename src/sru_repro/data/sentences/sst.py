"""Stanford Sentiment Treebank: two or five classes, trained on all phrases of the trees or on sentences only.

SRU paper, section 4.1. "SST-2" is three data sets: this one; its sentences alone; and GLUE's copy, whose test
labels are secret. Tokens are lower-cased and split at ASCII spaces and brackets only: a few hold a no-break
space.

How many phrases? A phrase occurs in several trees, and after lower-casing 472 of the 156,817 distinct ones
are neutral in one place and not in another, while 6 are positive here and negative there ("Smothered",
"smothered").

- `phrases`: a phrase counts when it is non-neutral anywhere, with the label it has there first: 77,195.
- `paper_phrases`: the first occurrence of a phrase gives its label, and it is left out when that is neutral:
  76,961, as many, and in the same order, as the authors' `stsa.binary.phrases.train`.

Occurrences come in the order of the trees, inside a tree children before parents, which is also the order of
the examples. With five classes nothing is left out, so both are the same 156,817 phrases.
"""

from pathlib import Path

from ...core.errors import ConfigError, DataError
from ..store.fetch import fingerprint
from .examples import Splits
from .treebank import Labels, RawSplits, TrainOn, from_lines, from_trees

CLASSES: dict[Labels, tuple[str, ...]] = {
    "binary": ("negative", "positive"),
    "fine": ("very negative", "negative", "neutral", "positive", "very positive"),
}
SENTENCES: dict[Labels, tuple[int, int, int]] = {"binary": (6920, 872, 1821), "fine": (8544, 1101, 2210)}
PHRASES: dict[TrainOn, dict[Labels, int]] = {
    "phrases": {"binary": 77_195, "fine": 156_817},
    "paper_phrases": {"binary": 76_961, "fine": 156_817},
}


def load_sst(
    data_dir: Path, labels: Labels = "binary", train_on: TrainOn = "phrases", limit: int = 0
) -> Splits:
    """The treebank from what lies below `data_dir`: trees, their archive or `stsa.*` files; else fetched.

    Development and test sets are whole sentences always.

    Args:
        data_dir: the folder of the data.
        labels: "binary" or "fine", two or five classes.
        train_on: "phrases", "paper_phrases" or "sentences"; the head of this module says which phrases.
        limit: above 0: so many examples of each split, balanced, after the counts were checked.

    Raises:
        ConfigError: other labels, or other examples to train on.
        DataError: a file is missing, cut or malformed.
    """
    if labels not in CLASSES:
        raise ConfigError(f"task.labels={labels}: expected {' or '.join(CLASSES)}")
    if train_on not in (*PHRASES, "sentences"):
        raise ConfigError(f"task.train_on={train_on}: expected {', '.join(PHRASES)} or sentences")
    raw = from_trees(data_dir, labels, train_on) or from_lines(data_dir, labels, train_on)
    if raw is None:
        # The small files that hold sentences only are fetched for sentences; phrases need the trees.
        fetched = from_lines if train_on == "sentences" else from_trees
        raw = fetched(data_dir, labels, train_on, fetch=True)
    assert raw is not None
    source = ", ".join(str(path.relative_to(data_dir)) for path in raw.paths)
    _check_counts(raw, labels, train_on, source)
    return Splits(
        *raw.examples,
        CLASSES[labels],
        fingerprint(raw.paths, {"data": "sst", "labels": labels, "train_on": train_on}),
        source,
        _notes(labels, train_on, len(raw.examples[0])),
        raw.warnings,
    ).part(limit)


def _check_counts(raw: RawSplits, labels: Labels, train_on: TrainOn, source: str) -> None:
    """Compare every split with the published number; the phrases of an `stsa` file with the authors'.

    Raises:
        DataError: a split has another number of examples.
    """
    train, dev, test = SENTENCES[labels]
    if train_on != "sentences" and raw.from_lines and labels == "fine":
        train = len(raw.examples[0])  # no published count is known of the authors' file of five classes
    elif train_on != "sentences":
        train = PHRASES["paper_phrases" if raw.from_lines else train_on][labels]
    names = [str(path) for path in raw.paths] if len(raw.paths) == 3 else [source] * 3
    for name, examples, expected in zip(names, raw.examples, (train, dev, test), strict=True):
        if len(examples) != expected:
            found = f"found {len(examples):,}: the file is cut or another version"
            raise DataError(f"{name}: expected {expected:,} {labels} examples, {found}")


def _notes(labels: Labels, train_on: TrainOn, n_train: int) -> tuple[str, ...]:
    if train_on == "sentences":
        return (f"trained on {n_train:,} sentences, without the phrases that the paper trains on",)
    note = f"trained on {n_train:,} distinct phrases"
    if n_train > (paper := PHRASES["paper_phrases"][labels]):
        note += f"; the paper's file has {paper:,}: it leaves out those whose first occurrence is neutral"
    return (note,)
