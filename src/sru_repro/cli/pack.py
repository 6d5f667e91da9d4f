"""sru-repro pack out=FOLDER [data_dir=data] [tasks=sst,squad,enwik8] [words=40000] [questions=0] [bytes=10000000]

Writes into FOLDER/data what these tasks need on a machine that has neither a network nor spaCy nor gensim, in the
layout that the suite looks for: name it there by data_dir=. An earlier pack is replaced.

    sst     its files as they are
    squad   in numbers, prepared here: the first questions= of each split (0: all)
    enwik8  the file, or its first bytes= (0: all)
    word vectors of sst and squad: at most words= of a file, the most frequent first, in half precision
"""

from collections.abc import Sequence
from pathlib import Path

from ..core.errors import ConfigError
from ..core.interrupt import signals
from ..data.pack import TASKS, pack
from .words import need, only

KEYS = ("out", "data_dir", "tasks", "words", "questions", "bytes")


def run(words: Sequence[str]) -> int:
    """Packs, and prints what takes how much room."""
    found, _ = only(words, KEYS)
    out = Path(need(found, "out", "FOLDER")) / "data"
    data_dir = Path(found.get("data_dir") or "data")
    if out.resolve() == data_dir.resolve():
        raise ConfigError(f"out={found['out']}: expected another folder than that of the data, {data_dir}")
    tasks = found["tasks"].split(",") if "tasks" in found else list(TASKS)
    for task in tasks:
        if task not in TASKS:
            raise ConfigError(f"tasks: expected some of {', '.join(TASKS)}, found {task!r}")
    with signals():
        pack(
            data_dir,
            out,
            tasks,
            words=_number(found, "words", 40_000, least=1),
            questions=_number(found, "questions", 0),
            text_bytes=_number(found, "bytes", 10_000_000),
            say=lambda line: print(line, flush=True),
        )
    sizes = {place.name: _size(place) for place in sorted(out.iterdir()) if place.is_dir()}
    for name, size in sizes.items():
        print(f"{name:<8} {size / 1e6:8.1f} MB")
    print(f"together {sum(sizes.values()) / 1e6:8.1f} MB in {out}")
    return 0


def _number(found: dict[str, str], key: str, default: int, least: int = 0) -> int:
    text = found.get(key, str(default))
    if not text.isdecimal() or int(text) < least:
        raise ConfigError(f"{key}: expected a whole number from {least} on, found {text!r}")
    return int(text)


def _size(folder: Path) -> int:
    """Bytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
