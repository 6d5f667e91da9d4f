"""The five other classification sets of the SRU paper's Table 1, with the authors' cleaning and their splits.

`cr` customer reviews, `subj` subjective or not, `mr` movie reviews, `trec` question types, `mpqa` opinion
phrases.

Splits (the authors' `classification/dataloader.py`): Python's `random` seeded with 1234 shuffles the
examples; every tenth, counted from `fold`, is the test set, and a second shuffle parts the others 90/10 into
training and validation. TREC has a test set of its own: there every tenth training question is the validation
set. Python keeps its shuffle stable, so these are the very examples, in the very order, of the authors' runs.

Cleaning (after Kim's CNN, as the authors do it): other characters than letters, digits and ( ) , ! ? ' `
become spaces; 's 've n't 're 'd 'll are split off; punctuation stands alone; all is lower-cased. Two
accidents of the authors' code are kept: brackets and question marks come out with a backslash before them
(their replacement pattern is taken literally), and TREC is lower-cased although the code means to keep its
case.
"""

import random
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ..core.errors import ConfigError, DataError
from .examples import Example, Splits
from .fetch import fingerprint, locate, sent_conv
from .lines import decode_lines, labelled_lines

Name = Literal["cr", "subj", "mr", "trec", "mpqa"]

FOLDS = 10
SHUFFLE_SEED = 1234


@dataclass(frozen=True)
class Corpus:
    """One file of `label text` lines: its name and checksum, and how many examples each class must have."""

    file: str
    sha256: str
    counts: tuple[int, ...]
    encoding: str = "utf-8"


_POLARITY = ("negative", "positive")
CLASSES: dict[str, tuple[str, ...]] = {
    "cr": _POLARITY,
    "subj": ("subjective", "objective"),
    "mr": _POLARITY,
    "trec": ("description", "entity", "abbreviation", "human", "location", "number"),
    "mpqa": _POLARITY,
}
CORPORA: dict[str, Corpus] = {
    "cr": Corpus(
        "custrev.all", "a3839a79bd3285177a07158c6104b49038a7a06ab2abe897734cde5d22e5e325", (1368, 2407)
    ),
    "subj": Corpus(
        "subj.all",
        "f3ffbe2aa8e4f3ba3e63e46dce51613854edbca122fb3aa758b9bce047ded23c",
        (5000, 5000),
        "latin-1",
    ),
    "mr": Corpus(
        "rt-polarity.all",
        "b8846c3bbd59241f901efdc58f7c515e4b280ab3561fd1858caa5aa48da95a8a",
        (5331, 5331),
        "latin-1",
    ),
    "trec": Corpus(
        "TREC.train.all",
        "c8183fd8c2a5cc4a9a1c56548d7c6410a8b71ed7843df9ef1f0a05cd7cf2fb3e",
        (1162, 1250, 86, 1223, 835, 896),
        "latin-1",
    ),
    "mpqa": Corpus(
        "mpqa.all", "661de8a069da4b9845fc8b9ae59cc97ffe554f3018fa6bf0e640e3d626a4eaf7", (7294, 3312)
    ),
}
TREC_TEST = Corpus(
    "TREC.test.all",
    "92a6a3cede5678b447ef5f1d7ec474134fcda211e6590e6fa627b4a2c68e4566",
    (138, 94, 9, 65, 81, 113),
    "latin-1",
)

_NOT_KEPT = re.compile(r"[^A-Za-z0-9(),!?'`]")
_CLITICS = re.compile(r"('s|'ve|n't|'re|'d|'ll)")
_PUNCTUATION = str.maketrans({",": " , ", "!": " ! ", "(": r" \( ", ")": r" \) ", "?": r" \? "})


def clean(text: str) -> tuple[str, ...]:
    """The tokens of a raw text, cleaned as the head of this file says."""
    return tuple(_CLITICS.sub(r" \1", _NOT_KEPT.sub(" ", text)).translate(_PUNCTUATION).lower().split())


def load_sentences(name: Name, data_dir: Path, fold: int = 0, limit: int = 0) -> Splits:
    """One fold of a data set, from `data_dir` or fetched; `limit` > 0 keeps the first examples of each split.

    A few lines of CR and MPQA hold no word once they are cleaned. They stay, as in the paper, as examples
    without tokens, which batching fills with padding. Raises DataError for a missing, cut or malformed file.
    """
    if name not in CORPORA or not 0 <= fold < FOLDS:
        expected = f"{'|'.join(CORPORA)} and a fold 0..{FOLDS - 1}"
        raise ConfigError(f"data set {name!r}, fold {fold}: expected {expected}")
    examples, path = _read(data_dir, CORPORA[name])
    paths = [path]
    shuffle = random.Random(SHUFFLE_SEED).shuffle
    shuffle(examples)
    inside = [example for i, example in enumerate(examples) if i % FOLDS == fold]
    outside = [example for i, example in enumerate(examples) if i % FOLDS != fold]
    if name == "trec":
        train, val = outside, inside
        test, test_path = _read(data_dir, TREC_TEST)
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
        CLASSES[name],
        fingerprint(paths, {"data": name, "fold": fold}),
        ", ".join(str(path.relative_to(data_dir)) for path in paths),
        (f"fold {fold} of {FOLDS}", *([f"{empty} examples hold no word after cleaning"] if empty else [])),
    ).first(limit)


def _read(data_dir: Path, corpus: Corpus) -> tuple[list[Example], Path]:
    candidates = [f"{folder}{corpus.file}" for folder in ("sentences/", "")]
    path = locate(data_dir, candidates, sent_conv(corpus.file, corpus.sha256))
    lines = decode_lines(path.read_bytes(), str(path), corpus.encoding)
    examples = [
        Example(clean(text), label) for _, label, text in labelled_lines(lines, str(path), len(corpus.counts))
    ]
    found = Counter(example.label for example in examples)
    if tuple(found[label] for label in range(len(corpus.counts))) != corpus.counts:
        expected = dict(enumerate(corpus.counts))
        raise DataError(
            f"{path}: expected per label {expected} examples, found {dict(sorted(found.items()))}"
        )
    return examples, path
