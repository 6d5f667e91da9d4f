"""SQuAD in numbers, packed to travel: what is loaded in the place of the two files where there is no spaCy.

The folder `squad/prepared` holds what a `Store` reads of the questions that are used, and `meta.json`: how everything
read from it is to be described, which is as if it came from the files themselves, and the SHA-256 of each of its files.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ...core.errors import ConfigError, DataError
from ..store.cache import VERSION, write_strings
from ..store.fetch import digest
from .split import COLUMNS, Ints, Split, Store

FOLDER = "squad/prepared"


@dataclass(frozen=True)
class Packed:
    """Both splits in numbers, and `record`, the fields of a `Squad` of all questions, splits and forms apart.

    Only the first `first` questions of each split are there (0: all), but the splits are as long as they were
    before the others were left out: `Squad.first(first)` comes first.
    """

    folder: Path
    train: Split
    dev: Split
    record: Mapping[str, Any]
    first: int


def write_packed(
    folder: Path, train: Split, dev: Split, forms: Iterable[str], record: Mapping[str, Any], first: int = 0
) -> None:
    """Write the first questions (0: all) of each split of one store into a folder, which is made.

    Raises:
        DataError: a file just written cannot be read.
    """
    folder.mkdir(parents=True)
    store = train.store
    kept = [split.rows[: first or None] for split in (train, dev)]
    rows = np.concatenate(kept)
    texts, number = np.unique(store.questions[rows, :2], return_inverse=True)
    tokens, token_ends = _parts(store.token_ends, texts)
    answers, answer_ends = _parts(store.answer_ends, rows)
    for name, column in zip(COLUMNS, store.columns, strict=False):
        column[tokens].tofile(folder / name)
    store.spans_N2[tokens].tofile(folder / "spans")
    token_ends.tofile(folder / "tokens.ends")
    answer_ends.tofile(folder / "answer.ends")
    questions: Ints = store.questions[rows].copy()
    questions[:, :2] = number.reshape(-1, 2)
    questions.tofile(folder / "questions")
    store.lower.tofile(folder / "lower")
    write_strings(folder, "texts", (store.texts[int(text)] for text in texts))
    write_strings(folder, "ids", (store.ids[int(row)] for row in rows))
    write_strings(folder, "answers", (store.answers[int(answer)] for answer in answers))
    write_strings(folder, "forms", forms)
    meta = {
        "version": VERSION,
        "record": dict(record),
        "first": first,
        "questions": [len(train), len(dev)],
        "train_kept": len(kept[0]),
        "sha256": {path.name: digest(path) for path in sorted(folder.iterdir())},
    }
    (folder / "meta.json").write_text(json.dumps(meta, ensure_ascii=False), encoding="utf-8")


def _parts(
    ends: npt.NDArray[np.int64], wanted: npt.NDArray[np.integer[Any]]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Where the wanted parts of a sequence lie, one behind the other, and where each then ends."""
    starts = ends[wanted - 1] * (wanted > 0)
    lengths = ends[wanted] - starts
    new_ends = np.cumsum(lengths, dtype=np.int64)
    return np.arange(lengths.sum()) + np.repeat(starts - (new_ends - lengths), lengths), new_ends


def open_packed(data_dir: Path, tagger: str) -> Packed | None:
    """What `write_packed` wrote below `data_dir`, or None when there is no such folder.

    Raises:
        DataError: it is of another version, or has a file that is not the one that was written.
        ConfigError: its tokens are not those that `tagger` would make.
    """
    folder = data_dir / FOLDER
    if not folder.is_dir():
        return None
    try:
        meta = json.loads((folder / "meta.json").read_bytes())
        if (version := meta["version"]) != VERSION:
            raise DataError(
                f"{folder}: expected data of version {VERSION}, found {version!r}; pack them again"
            )
        files, record = dict(meta["sha256"]), dict(meta["record"])
        first, kept = int(meta["first"]), int(meta["train_kept"])
        n_train, n_dev = map(int, meta["questions"])
        made_by, tagged = str(record["tagger"]), bool(record["tagged"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        problem = f"{type(error).__name__}: {error}"
        raise DataError(
            f"{folder / 'meta.json'}: expected what `sru-repro pack` writes, found it damaged ({problem}); "
            "unpack it again"
        ) from error
    for name, sha256 in files.items():
        if not (folder / name).is_file() or digest(folder / name) != sha256:
            found = "another" if (folder / name).is_file() else "none"
            raise DataError(
                f"{folder / name}: expected the file that was packed, found {found}; unpack it again"
            )
    same = made_by.split()[0] if tagged else "none"
    if tagger not in ("auto", same):
        raise ConfigError(
            f"task.tagger={tagger}: expected auto or {same} with the tokens packed in {folder}, which are by {made_by}"
        )
    store = Store(folder, tagged)
    # Numbers of questions that were left out stand behind those that are there.
    train, dev = Split(store, np.arange(n_train)), Split(store, kept + np.arange(n_dev))
    return Packed(folder, train, dev, record, first)
