"""Packs data for a machine that has neither a network nor spaCy nor gensim: what the loaders find there, and no more.

Trees of SST and enwik8 (or its beginning) are copied, SQuAD is packed in numbers (`squad/packed.py`), and of a file of
word vectors the most frequent words of SST and SQuAD are kept, in half precision (`store/vector_files.py`).
"""

import json
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Collection
from pathlib import Path

import numpy as np

from ..core.errors import ConfigError, DataError
from .sentences.sst import load_sst
from .squad.dataset import Squad, load_squad, pack_squad
from .squad.packed import FOLDER
from .squad.words import PAPERS, spellings
from .store.vector_files import CUT_SUFFIX, read_rows, write_cut
from .store.vectors import plain_form, resolve
from .text.corpora.enwik8 import SIZE
from .text.files import TextFile, blocks
from .text.load import load_corpus

TASKS = ("sst", "squad", "enwik8")
DIMENSIONS = 300
"""Of word vectors, as the tasks have them by default."""

LookUps = Counter[tuple[str, ...]]
"""How often words occur, each as the spellings under which its vector is looked up, one after the other."""

_MARK = "pack.json"

Say = Callable[[str], object]


def pack(
    data_dir: Path,
    out: Path,
    tasks: Collection[str] = TASKS,
    *,
    words: int = 40_000,
    questions: int = 0,
    text_bytes: int = 10_000_000,
    say: Say = print,
) -> None:
    """Write the data of some tasks into the folder `out`, in the place of an earlier pack.

    Args:
        data_dir: the folder of the data.
        out: where the pack goes; an earlier pack, an empty folder or none.
        tasks: some of `TASKS`.
        words: word vectors that are kept of a file at most.
        questions: of each split of SQuAD, the first so many; 0: all.
        text_bytes: bytes of enwik8, from its beginning; 0: all.
        say: told of every step, in a line.

    Raises:
        ConfigError: `out` holds anything else, or several files of word vectors leave a choice.
        DataError: data are missing or wrong, or `out` cannot be written.
    """
    if out.exists() and not (out / _MARK).is_file() and (not out.is_dir() or any(out.iterdir())):
        raise ConfigError(
            f"{out}: expected an earlier pack, an empty folder or none, found other things; use another out="
        )
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".part-", dir=out.parent) as part:
            folder = Path(part, "data")
            folder.mkdir()
            _fill(folder, data_dir, tasks, words, questions, text_bytes, say)
            shutil.rmtree(out, ignore_errors=True)
            os.replace(folder, out)
    except OSError as error:
        raise DataError(
            f"{out}: expected a folder with room for a pack ({error.strerror or error})"
        ) from error


def _fill(
    folder: Path,
    data_dir: Path,
    tasks: Collection[str],
    words: int,
    questions: int,
    text_bytes: int,
    say: Say,
) -> None:
    """Write into an empty folder."""
    looked_up: dict[Path, LookUps] = {}
    if "sst" in tasks:
        vectors = resolve("auto", data_dir)
        looked_up.setdefault(vectors, Counter()).update(_pack_sst(folder, data_dir, say))
    if "squad" in tasks:
        vectors = resolve("auto", data_dir, prefer=PAPERS)
        say("squad: looking for tokens prepared before, else cutting its texts into tokens")
        squad = load_squad(data_dir)
        pack_squad(squad, folder / FOLDER, questions)
        squad = squad.first(questions)
        say(f"squad: {squad.description}; {len(squad.train):,} + {len(squad.dev):,} packed, {squad.tagger}")
        looked_up.setdefault(vectors, Counter()).update(_squad_words(squad))
    for path, wanted in looked_up.items():
        _cut_vectors(path, wanted, words, folder / "vectors", say)
    if "enwik8" in tasks:
        _pack_enwik8(folder / "enwik8", data_dir, text_bytes, say)
    options = {"tasks": list(tasks), "words": words, "questions": questions, "text_bytes": text_bytes}
    (folder / _MARK).write_text(json.dumps(options) + "\n")


def _pack_sst(folder: Path, data_dir: Path, say: Say) -> LookUps:
    """Copy the files of the treebank, and say which words they have."""
    splits = load_sst(data_dir)
    say(f"sst: {splits.source}")
    for name in splits.source.split(", "):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(data_dir / name, folder / name)
    if "stsa." not in splits.source:  # trees have all five classes, and words that two classes leave out
        splits = load_sst(data_dir, "fine")
    counts = Counter(splits.tokens())
    # Each is looked up as it stands, then in its plain form.
    return Counter({(word, plain_form(word)): count for word, count in counts.items()})


def _squad_words(squad: Squad) -> LookUps:
    parts = [split.form_counts(len(squad.forms)) for split in (squad.train, squad.dev)]
    found: LookUps = Counter()
    for form, count in zip(squad.forms, np.sum(parts, axis=(0, 1)).tolist(), strict=True):
        if count:
            found[spellings(form, map_lookup=True)] += count
    return found


def _cut_vectors(path: Path, looked_up: LookUps, most: int, folder: Path, say: Say) -> None:
    """Keep the rows that the most frequent words are found by.

    Raises:
        DataError: the file has none of the words.
    """
    say(f"vectors: reading {path.name}")
    rows = read_rows(path, {spelling for own in looked_up for spelling in own}, DIMENSIONS)
    counts: Counter[str] = Counter()
    for own, count in looked_up.items():
        if (found := next((spelling for spelling in own if spelling in rows), None)) is not None:
            counts[found] += count
    if not counts:
        raise DataError(
            f"{path}: expected vectors of the words of the tasks, found none of {len(looked_up):,}"
        )
    kept = counts.most_common(most)
    folder.mkdir(exist_ok=True)
    write_cut(
        folder / f"{path.name.removesuffix(CUT_SUFFIX)}{CUT_SUFFIX}", {word: rows[word] for word, _ in kept}
    )
    share = sum(count for _, count in kept) / counts.total()
    say(f"vectors: {len(kept):,} of the {len(counts):,} words that it has, {share:.2%} of their occurrences")


def _pack_enwik8(folder: Path, data_dir: Path, most: int, say: Say) -> None:
    """Copy enwik8, or so many bytes of its beginning under the name that says so."""
    corpus = load_corpus("enwik8", data_dir, "bytes")
    there = sum(map(len, (corpus.train, corpus.val, corpus.test)))
    size = min(there, most or there)
    name = "enwik8" if size == SIZE else f"enwik8.first{size}"
    folder.mkdir()
    left = size
    with (folder / name).open("wb") as file:
        for block in blocks(TextFile(data_dir / corpus.source), lambda read: None):
            left -= file.write(block[:left])
            if not left:
                break
    say(f"enwik8: {size:,} bytes of {corpus.source}")
