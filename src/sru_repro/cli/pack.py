"""sru-repro pack out=FOLDER [data_dir=data] [tasks=sst,squad,enwik8] [words=40000] [questions=0] [bytes=10000000]

Writes into FOLDER/data what these tasks need on a machine that has neither a network nor spaCy nor gensim, in the
layout that the suite looks for: name it there by data_dir=. An earlier pack is replaced.

    sst     its files as they are
    squad   in numbers, prepared here: the first questions= of each split (0: all)
    enwik8  the file, or its first bytes= (0: all)
    word vectors of sst and squad: at most words= of a file, the most frequent first, in half precision
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated

from pydantic import Field

from ..core.errors import ConfigError
from ..core.interrupt import signals
from ..data.pack import TASKS, pack
from .options import Names, Options, some_of, whole


class PackOptions(Options):
    """What is packed, how much of it, and where to."""

    out: str = Field(examples=["FOLDER"])
    data_dir: str = Field(default="data", min_length=1)
    tasks: Names | None = None
    words: Annotated[int, whole(1)] = 40_000
    questions: Annotated[int, whole(0)] = 0
    text_bytes: Annotated[int, whole(0)] = Field(default=10_000_000, alias="bytes")


def run(args: Sequence[str]) -> int:
    """Packs, and prints what takes how much room."""
    options = PackOptions.parse(args)
    out, data_dir = Path(options.out) / "data", Path(options.data_dir)
    if out.resolve() == data_dir.resolve():
        raise ConfigError(f"out={options.out}: expected another folder than that of the data, {data_dir}")
    tasks = some_of("tasks", options.tasks, TASKS)
    with signals(), _nothing_left_of(out.parent):
        pack(
            data_dir,
            out,
            tasks,
            words=options.words,
            questions=options.questions,
            text_bytes=options.text_bytes,
            say=lambda line: print(line, flush=True),
        )
    sizes = {place.name: _size(place) for place in sorted(out.iterdir()) if place.is_dir()}
    for name, size in sizes.items():
        print(f"{name:<8} {size / 1e6:8.1f} MB")
    print(f"together {sum(sizes.values()) / 1e6:8.1f} MB in {out}")
    return 0


@contextmanager
def _nothing_left_of(folder: Path) -> Iterator[None]:
    """Where this fails, removes the folders that were made for it, if they are empty."""
    made = [place for place in (folder, *folder.parents) if not place.exists()]
    try:
        yield
    except BaseException:
        for place in made:
            with suppress(OSError):
                place.rmdir()
        raise


def _size(folder: Path) -> int:
    """Bytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
