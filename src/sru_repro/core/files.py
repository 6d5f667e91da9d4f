"""Files written whole or not at all: whoever reads beside us, or after a crash, sees the old file or the new one."""

import csv
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def whole(place: Path, flushed: bool = False) -> Iterator[Path]:
    """Hands out a path in the same folder, which is made; what was written there takes `place` when all went well.

    `flushed`: a power failure, too, leaves the old file or the new one. An OSError names the file.
    """
    part = place.with_name(f"{place.name}.{os.getpid()}.part")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        yield part
        if flushed:
            flush(part)
        os.replace(part, place)
        if flushed:
            with suppress(OSError):  # not every file system flushes folders
                flush(place.parent)
    except OSError as error:
        error.filename = str(place)
        raise
    finally:
        with suppress(OSError):  # a folder that cannot be written holds no part
            part.unlink(missing_ok=True)


def flush(place: Path) -> None:
    """Brings a file or a folder to the disk."""
    file = os.open(place, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def remove_parts(folder: Path) -> None:
    """Removes what processes that were killed have left of files they were writing there."""
    for part in folder.glob("*.[0-9]*.part"):
        part.unlink(missing_ok=True)


def remove_empty(folder: Path) -> None:
    """Removes a folder that was made for nothing, and empty ones around it in the working directory."""
    here = Path.cwd()
    around = [place for place in folder.absolute().parents if here in place.parents]
    for place in (folder.absolute(), *around):
        if place == here or place.is_symlink() or not place.is_dir() or any(place.iterdir()):
            return
        place.rmdir()


def below(folder: Path) -> Iterator[Path]:
    """All files below a folder, also behind links: runs often lie on a larger disk. What links lead to twice, or round
    in a circle, comes once."""
    seen = set[str]()
    for here, folders, names in os.walk(folder, followlinks=True):
        place = os.path.realpath(here)
        if place in seen:
            folders.clear()
            continue
        seen.add(place)
        yield from (Path(here, name) for name in names)


def write_text(place: Path, text: str) -> None:
    """UTF-8, lines end with a line feed on every system."""
    with whole(place) as part:
        part.write_text(text, encoding="utf-8", newline="\n")


def write_bytes(place: Path, content: bytes) -> None:
    """The bytes as they are."""
    with whole(place) as part:
        part.write_bytes(content)


def write_json(place: Path, value: object) -> None:
    """A line a value, without indentation; letters of all languages as themselves."""
    write_bytes(place, json_bytes(value))


def json_bytes(value: object) -> bytes:
    """What `write_json` writes."""
    return (json.dumps(value, ensure_ascii=False, indent=0) + "\n").encode()


def write_csv(place: Path, lines: Sequence[Mapping[str, object]]) -> None:
    """A line each, columns as they first appear; empty where a line lacks one."""
    columns = list(dict.fromkeys(key for line in lines for key in line))
    with whole(place) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(lines)
