"""The two forms in which the Stanford Sentiment Treebank comes: bracketed trees, and `label text` lines."""

import hashlib
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal, NamedTuple

from ...core.errors import DataError
from ..store.fetch import Remote, find, locate, sent_conv
from ..store.lines import decode_lines, labelled_lines
from ..store.packing import whole_file
from .examples import Example
from .trees import Tree, parse_tree

Labels = Literal["binary", "fine"]
TrainOn = Literal["phrases", "paper_phrases", "sentences"]

TREES = {"train": 8544, "dev": 1101, "test": 2210}
TREES_SHA256 = {
    "train": "e2f3f41b0b1e6d4dddc0effe3bfc2d27ed8928079aa9a03d652311614fc5feb7",
    "dev": "0e9336aed6e4730e19f58d00a77b3f0297efdb755f7b5e598c98a05e3f97ea40",
    "test": "6e54806dee95cf80cd918e7dfb3f6770f6df24bf826f289a4d1f709e1c8f6761",
}
"""Of the files by whose words and labels the numbers of sentences and phrases were checked; lines end in line feeds."""
CLASS_OF_VALUE: dict[Labels, tuple[int | None, ...]] = {"binary": (0, 0, None, 1, 1), "fine": (0, 1, 2, 3, 4)}
"""The class for each of the five values of the treebank; None (neutral) belongs to no class."""

ARCHIVES = ["sst/trainDevTestTrees_PTB.zip", "trainDevTestTrees_PTB.zip"]
ARCHIVE_REMOTE = Remote(
    "https://nlp.stanford.edu/sentiment/trainDevTestTrees_PTB.zip",
    "sha256:5c613a4f673fc74097d523a2c83f38e0cc462984d847b82c7aaf36b01cbbbfcc",
)
# The phrase files are absent from the snapshot whose checksums are known: they are read when they are there.
STSA_SHA256 = {
    "stsa.binary.train": "71c04bcc41291fa47454dd670df701b14ee9249156babeaac404cfe2c8d74338",
    "stsa.binary.dev": "02fedc82855dbdcabe82c65ed1af6c6570788eaac51073cdb35ee8c7784426d1",
    "stsa.binary.test": "6a80dc9b9a0db2d3b37f2f809304febad31c90ab67a5b4157b7d9f881c53ef5b",
    "stsa.fine.train": "9b52b5f686ed438d4d0274c385369251b3d579b578fddd340ba8a9bae2ca4bee",
    "stsa.fine.dev": "b2f76c62b960f9fda5c6d751edb125abab4f878eb94a8754239b7f4af647f4c3",
    "stsa.fine.test": "0e2ebb450c231f7b3d67fc932066e7bb26ae7bad8c88488f45ed44ef02eb3c73",
}


class RawSplits(NamedTuple):
    """Training, development and test examples before they are counted, and the files that they came from.

    `warnings` say which of these are not the ones that were checked.
    """

    examples: tuple[list[Example], list[Example], list[Example]]
    paths: list[Path]
    from_lines: bool
    warnings: tuple[str, ...] = ()


def from_trees(data_dir: Path, labels: Labels, train_on: TrainOn, *, fetch: bool = False) -> RawSplits | None:
    """Examples from tree files or from the archive they come in; None when there are none, unless fetched.

    Raises:
        DataError: a file is missing, cut, malformed or not to be fetched.
    """
    names = {
        split: [f"{folder}{split}.txt" for folder in ("sst/trees/", "sst/", "trees/")] for split in TREES
    }
    if any(find(data_dir, candidates) for candidates in names.values()):
        paths = [locate(data_dir, candidates) for candidates in names.values()]
        contents = {str(path): whole_file(path) for path in paths}
    elif fetch or find(data_dir, ARCHIVES):
        paths = [locate(data_dir, [*ARCHIVES, *names["train"]], ARCHIVE_REMOTE)]
        with zipfile.ZipFile(paths[0]) as archive:
            contents = {f"{paths[0]}/{split}.txt": archive.read(f"trees/{split}.txt") for split in TREES}
    else:
        return None
    train, dev, test = (_parse(name, raw) for name, raw in contents.items())
    for name, trees, expected in zip(contents, (train, dev, test), TREES.values(), strict=True):
        if len(trees) != expected:
            found = f"found {len(trees):,}: the file is cut or another version"
            raise DataError(f"{name}: expected {expected:,} trees, {found}")
    value_class = CLASS_OF_VALUE[labels]
    if train_on == "sentences":
        training = _sentences(train, value_class)
    else:
        training = _phrases(train, value_class, neutral_counts=train_on == "paper_phrases")
    examples = (training, _sentences(dev, value_class), _sentences(test, value_class))
    return RawSplits(examples, paths, False, tuple(_not_checked(contents)) if len(paths) > 1 else ())


def _parse(name: str, raw: bytes) -> list[Tree]:
    return [parse_tree(line, f"{name}:{number}") for number, line in enumerate(decode_lines(raw, name), 1)]


def _not_checked(contents: Mapping[str, bytes]) -> Iterator[str]:
    """A line on the files of trees with other contents than the ones that were checked."""
    others = []
    for (name, raw), expected in zip(contents.items(), TREES_SHA256.values(), strict=True):
        lines = "".join(f"{line}\n" for line in decode_lines(raw, name))
        if (found := hashlib.sha256(lines.encode()).hexdigest()) != expected:
            others.append(f"{name}: expected sha256 {expected}, found {found}")
    if others:
        yield f"{'; '.join(others)}: damaged, or another version than the trees that were checked"


def _sentences(trees: list[Tree], value_class: tuple[int | None, ...]) -> list[Example]:
    labelled = ((tree.tokens, value_class[tree.phrases[-1][2]]) for tree in trees)
    return [Example(tokens, label) for tokens, label in labelled if label is not None]


def _phrases(trees: list[Tree], value_class: tuple[int | None, ...], neutral_counts: bool) -> list[Example]:
    """Distinct phrases in the order of the occurrences that label them: the first, or first non-neutral."""
    label_of: dict[tuple[str, ...], int | None] = {}
    for tokens, phrases in trees:
        for start, end, value in phrases:
            label = value_class[value]
            if label is not None or neutral_counts:
                label_of.setdefault(tokens[start:end], label)
    return [Example(tokens, label) for tokens, label in label_of.items() if label is not None]


def from_lines(data_dir: Path, labels: Labels, train_on: TrainOn, *, fetch: bool = False) -> RawSplits | None:
    """Examples from `stsa.*` files; None when the training file is not there, unless fetched.

    Raises:
        DataError: a file is missing, malformed, not the one that is pinned, or not to be fetched.
    """
    train = f"stsa.{labels}.train" if train_on == "sentences" else f"stsa.{labels}.phrases.train"
    names = {
        name: [f"{folder}{name}" for folder in ("sst/", "sentences/", "")]
        for name in (train, f"stsa.{labels}.dev", f"stsa.{labels}.test")
    }
    if not fetch and find(data_dir, names[train]) is None:
        return None
    paths = []
    for name, candidates in names.items():
        checksum = STSA_SHA256.get(name)
        paths.append(locate(data_dir, candidates, sent_conv(name, checksum) if checksum else None))
    n_classes = max(label for label in CLASS_OF_VALUE[labels] if label is not None) + 1
    training, dev, test = (_read_lines(path, n_classes) for path in paths)
    return RawSplits((training, dev, test), paths, True)


def _read_lines(path: Path, n_classes: int) -> list[Example]:
    lines = decode_lines(whole_file(path), str(path))
    examples = []
    for number, label, text in labelled_lines(lines, str(path), n_classes):
        tokens = tuple(token for token in text.lower().split(" ") if token)
        if not tokens:
            raise DataError(f"{path}:{number}: expected a label and words, found no word")
        examples.append(Example(tokens, label))
    return examples
