"""A text of the user's own: a file, or all text files below a folder, plain or packed."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from ....core.errors import ConfigError, DataError
from ...store.packing import no_file, plain_name, require_file
from ..corpus import ALL_BYTES, Corpus, Text, TextOptions, amount
from ..files import PACKED_SUFFIXES, TEXT_SUFFIXES, TextFile, text_files
from ..prepare import prepare_bytes, prepare_words
from ..symbols import Level

DEFAULT_FOLDER = "wiki2015"

_SPLIT_NAMES = (r"train|training", r"valid|validation|val|dev", r"test")


class OwnText(Corpus):
    """The text at `path`, which may be relative to the data folder; without one, the only text in its `wiki2015/`.

    A folder whose files are named train, valid (or dev) and test keeps this split; any other text is cut
    90/5/5, by bytes or by words. Nobody else has counted its words.
    """

    levels = ("bytes", "symbols", "words")
    published: ClassVar[Mapping[Level, int]] = {"bytes": ALL_BYTES, "symbols": ALL_BYTES}
    takes = ("path", "vocabulary_size")

    @classmethod
    def load(cls, data_dir: Path, options: TextOptions) -> Text:
        """See `Corpus`.

        Raises:
            ConfigError: no path is given, and there is not exactly one text in `wiki2015/`.
            DataError: there is no text at that place, it is there packed and unpacked, or it cannot be read.
        """
        place, by_words = _resolve(options.path, data_dir), options.level == "words"
        if place.is_dir():
            files, others = text_files(place)
        else:
            require_file(place)
            files, others = [place], []
        if not files:
            raise DataError(
                f"{place}: expected text files ({' '.join(TEXT_SUFFIXES)}, also with {' '.join(PACKED_SUFFIXES)}), "
                f"found {_listed(others) or 'none'}; name a file by task.path="
            )
        _refuse_both(files)
        given = _given_splits(files)
        splits = [[TextFile(file) for file in part] for part in given or [files]]
        if by_words:
            found = prepare_words(splits, options.vocabulary_size, {"data": "text"}, str(place))
        else:
            found = prepare_bytes(splits, options.level, {"data": "text"}, str(place))
        unit = "words" if by_words else "bytes"
        size = amount(sum(map(len, found.splits)), unit)
        cut = "split as the files are" if given else f"split 90/5/5 by {unit}"
        several = f" in {len(files)} files" if len(files) > 1 else ""
        notes = [f"{place.name}: {size}{several}, {len(found.symbols):,} symbols, {cut}"]
        if by_words and (unknown := found.counts["test_unknown"]):
            share = unknown / len(found.splits[2])
            notes.append(f"{share:.1%} of the test words are <unk>: not in the vocabulary")
        warnings = []
        if others:
            warnings.append(
                f"{place}: {len(files):,} text files are read, {len(others):,} others are not ({_listed(others)}); "
                f"a text's name ends in {', '.join(TEXT_SUFFIXES)}, perhaps with {', '.join(PACKED_SUFFIXES)} behind"
            )
        return Text.of(
            found,
            description=f"{place.name}, {size}",
            source=str(place.relative_to(data_dir)) if place.is_relative_to(data_dir) else str(place),
            why_not="not a data set of the papers",
            notes=tuple(notes),
            warnings=tuple(warnings),
        )


def _listed(paths: Sequence[Path]) -> str:
    return ", ".join(path.name for path in paths[:3]) + (", ..." if len(paths) > 3 else "")


def _refuse_both(files: Sequence[Path]) -> None:
    """Refuses a text that is there packed and unpacked: it would be trained on, and tested on, twice.

    Raises:
        DataError: there is one.
    """
    seen: dict[Path, Path] = {}
    for file in files:
        other = seen.setdefault(file.with_name(plain_name(file)), file)
        if other is not file:
            raise DataError(
                f"{file}: expected each text once, found {other.name} beside it; remove one of both"
            )


def _resolve(path: str, data_dir: Path) -> Path:
    if not path:
        folder = data_dir / DEFAULT_FOLDER
        files = text_files(folder)[0] if folder.is_dir() else []
        if len(files) == 1:
            return files[0]
        found = ", ".join(file.name for file in files) or "none"
        raise ConfigError(
            f"task.path: expected a file or a folder, as there is not exactly one text in {folder} "
            f"(found {found}); name one by task.path="
        )
    tried = list(dict.fromkeys([Path(path).expanduser(), data_dir / path]))
    place = next((place for place in tried if no_file(place) != "none"), None)
    if place is None:
        raise DataError(
            f"task.path={path}: expected a file or a folder, found none at {', '.join(map(str, tried))}"
        )
    return place


def _given_splits(files: list[Path]) -> list[list[Path]] | None:
    """The files of train, validation and test, if each has one of these words in its name and none lacks."""
    parts: list[list[Path]] = [[], [], []]
    for file in files:
        fitting = [
            i
            for i, names in enumerate(_SPLIT_NAMES)
            if re.search(rf"(?<![a-z])({names})(?![a-z])", file.name.lower())
        ]
        if len(fitting) != 1:
            return None
        parts[fitting[0]].append(file)
    return parts if all(parts) else None
