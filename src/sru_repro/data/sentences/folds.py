"""The folds of cross-validated sets: the splits of the SRU paper's Table 1.

As in the authors' `classification/dataloader.py`, Python's `random` seeded with 1234 shuffles the examples; every
tenth, counted from `fold`, is the test set, and a second shuffle parts the others 90/10 into training and validation.
A set with a test set of its own (TREC) has every tenth example as validation set instead. Python keeps its shuffle
stable, so these are the very examples, in the very order, of the authors' runs.
"""

import random
from pathlib import Path

from ...core.errors import ConfigError
from ..store.fetch import fingerprint
from . import sets
from .examples import Splits

FOLDS = 10
"""Parts of a set, each of which is the test set once."""
SHUFFLE_SEED = 1234
"""The authors'."""


def load_sentences(name: str, data_dir: Path, fold: int = 0, limit: int = 0) -> Splits:
    """One fold of a data set, from `data_dir` or fetched.

    A few lines of CR and MPQA hold no word once they are cleaned. They stay, as in the paper, as examples
    without tokens, which batching fills with padding.

    Args:
        name: of the set, one of `sets.names()`.
        data_dir: the folder of the data.
        fold: 0 to 9.
        limit: above 0: so many examples of each split, balanced.

    Raises:
        ConfigError: there is no such set or fold.
        DataError: a file is missing, cut or malformed.
    """
    if name not in sets.names() or not 0 <= fold < FOLDS:
        expected = f"{'|'.join(sets.names())} and a fold 0..{FOLDS - 1}"
        raise ConfigError(f"data set {name!r}, fold {fold}: expected {expected}")
    data = sets.set_class(name)
    examples, path = data.file.read(data_dir)
    paths = [path]
    shuffle = random.Random(SHUFFLE_SEED).shuffle
    shuffle(examples)
    inside = [example for i, example in enumerate(examples) if i % FOLDS == fold]
    outside = [example for i, example in enumerate(examples) if i % FOLDS != fold]
    if data.test:
        train, val = outside, inside
        test, test_path = data.test.read(data_dir)
        paths.append(test_path)
    else:
        shuffle(outside)
        cut = int(len(outside) * 0.9)
        train, val, test = outside[:cut], outside[cut:], inside
    empty = sum(not example.tokens for example in (*train, *val, *test))
    return Splits(
        train,
        val,
        test,
        data.classes,
        fingerprint(paths, {"data": name, "fold": fold}),
        ", ".join(str(path.relative_to(data_dir)) for path in paths),
        (f"fold {fold} of {FOLDS}", *([f"{empty} examples hold no word after cleaning"] if empty else [])),
    ).part(limit)
