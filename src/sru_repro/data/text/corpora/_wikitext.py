"""WikiText-2 and WikiText-103: good and featured articles of English Wikipedia, in words.

Words are split at white space, and every line, empty ones too, ends with `<eos>`; the vocabulary is that of
the training split (WikiText-2: all words of the other two are in it). So count Transformer-XL and AWD-LSTM, and so the
papers' perplexities are per word of this list.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

from ....core.errors import DataError
from ...store.hub import hub_splits
from ..corpus import Corpus, Text, TextOptions, amount
from ..files import Advance, TextFile, members
from ..numbering import number_words
from ..prepare import prepare_words
from ..prepared import Meta, Prepared, prepared, progress

HUB = "Salesforce/wikitext"
_ROWS = 1000


class WikiText(Corpus):
    """What both data sets share: names, and the published sizes, words of each split with `<eos>`.

    The data set is found as files or in its archive, else fetched from the Hub. Its numbers may stand beside published
    ones when all counts are the published ones.
    """

    levels = ("words",)
    takes = ("vocabulary_size",)
    title: ClassVar[str]
    folder: ClassVar[str]
    tokens: ClassVar[tuple[int, int, int]]
    mark: ClassVar[str] = ""
    """The fingerprint of the published files; where none is known, counts alone are compared."""

    @classmethod
    def load(cls, data_dir: Path, options: TextOptions) -> Text:
        """See `Corpus`.

        Raises:
            DataError: the files are missing in part, damaged, or not to be had from the Hub.
        """
        size = options.vocabulary_size
        named = {"data": cls.folder.replace("-", "")}  # a part of the fingerprint
        files = _files(data_dir, cls)
        if files:
            path = files[0].path
            place = str(path if files[0].member else path.parent)
            found = prepare_words([[file] for file in files], size, named, f"{place}, {cls.title}")
            source = str((path if files[0].member else path.parent).relative_to(data_dir))
        else:
            found = _from_hub(data_dir, cls, size, named)
            source = f"{HUB}, {cls.folder}-v1"
        sizes = tuple(map(len, found.splits))
        why_not = _why_not(cls, sizes, len(found.symbols), size)
        found_other = why_not
        if cls.mark and not why_not and found.fingerprint != cls.mark:
            found_other = (
                f"other words than {cls.title}'s (fingerprint {found.fingerprint} instead of {cls.mark})"
            )
        return Text.of(
            found,
            description=f"{cls.title}, {amount(sum(sizes), 'words')}",
            source=source,
            share=min(1.0, sum(sizes) / sum(cls.tokens)),
            why_not=why_not,
            notes=(f"{_listed(sizes)} words with <eos>, {len(found.symbols):,} distinct",),
            warnings=(f"{data_dir / source}: {found_other}: cut, damaged or another version",)
            if files and found_other and not size
            else (),
        )


def _files(data_dir: Path, data: type[WikiText]) -> list[TextFile]:
    """The three files, or the three members of the archive; an empty list when there is nothing.

    Raises:
        DataError: some of them are there, and others not.
    """
    names = [f"wiki.{split}.tokens" for split in ("train", "valid", "test")]
    paths = [data_dir / data.folder / name for name in names]
    there = [path for path in paths if path.is_file()]
    if there:
        if absent := [path for path in paths if path not in there]:
            raise DataError(f"{absent[0]}: file not found, although {there[0].name} is there; put it there")
        return [TextFile(path) for path in paths]
    for archive in (data_dir / data.folder / f"{data.folder}-v1.zip", data_dir / f"{data.folder}-v1.zip"):
        if archive.is_file():
            inside = members(archive)
            fitting = [[member for member in inside if member.endswith(name)] for name in names]
            if any(len(found) != 1 for found in fitting):
                listed = ", ".join(inside[:4]) or "nothing"
                raise DataError(f"{archive}: expected one each of {', '.join(names)} inside, found {listed}")
            return [TextFile(archive, found[0]) for found in fitting]
    return []


def _from_hub(
    data_dir: Path, data: type[WikiText], vocabulary_size: int, options: Mapping[str, object]
) -> Prepared:
    """The data set by way of `datasets`; not asked again once the numbers are in the cache."""
    options = {**options, "level": "words", "vocabulary_size": vocabulary_size}

    def build(folder: Path) -> Meta:
        splits = _hub_splits(data_dir, data)
        with progress(f"preparing {data.title}", sum(map(len, splits))) as advance:
            read = [_lines_of(split, advance) for split in splits]
            return number_words(read, vocabulary_size, folder, data.title)

    return prepared({"hub": HUB, "config": f"{data.folder}-v1"}, options, build)


def _hub_splits(data_dir: Path, data: type[WikiText]) -> list[Any]:
    """Train, validation and test: rows of one line each."""
    candidates = [f"{data.folder}/wiki.{{train,valid,test}}.tokens", f"{data.folder}-v1.zip"]
    return hub_splits(data_dir, candidates, HUB, ("train", "validation", "test"), f"{data.folder}-v1")


def _lines_of(rows: Any, advance: Advance) -> Iterator[str]:
    """Rows as lines: some end with a line end of their own, empty ones do not."""
    lines: list[str] = []
    for row in rows:
        lines.append(row["text"].removesuffix("\n"))
        if len(lines) == _ROWS:
            yield "\n".join([*lines, ""])
            advance(len(lines))
            lines.clear()
    if lines:
        yield "\n".join([*lines, ""])
        advance(len(lines))


def _why_not(data: type[WikiText], sizes: tuple[int, ...], types: int, vocabulary_size: int) -> str:
    if sizes != data.tokens:
        return f"{_listed(sizes)} words instead of the {_listed(data.tokens)} of {data.title}"
    if types != (published := data.published["words"]):
        cut = f" (task.vocabulary_size={vocabulary_size})" if vocabulary_size else ""
        return f"{types:,} distinct words instead of the {published:,} of {data.title}{cut}"
    return ""


def _listed(sizes: tuple[int, ...]) -> str:
    return " / ".join(f"{size:,}" for size in sizes)
