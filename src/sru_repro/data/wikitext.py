"""WikiText-2 and WikiText-103: good and featured articles of English Wikipedia, in words.

Words are split at white space, and every line, empty ones too, ends with `<eos>`; the vocabulary is that of
the training split (WikiText-2: all words of the other two are in it). So count Transformer-XL and AWD-LSTM, and so the
papers' perplexities are per word of this list.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core.errors import ConfigError, DataError
from .corpus import Corpus, amount
from .hub import hub_splits
from .numbering import number_words
from .prepare import prepare_words
from .text_files import Advance, TextFile, members
from .token_cache import Meta, Prepared, prepared, progress

HUB = "Salesforce/wikitext"
_ROWS = 1000


@dataclass(frozen=True)
class WikiText:
    """Names of a data set, and its published sizes: words of each split with `<eos>`, distinct words."""

    title: str
    folder: str
    tokens: tuple[int, int, int]
    types: int

    @property
    def config(self) -> str:
        """Its name on the Hub, and that of its archive."""
        return f"{self.folder}-v1"


WIKITEXT = {
    "wikitext2": WikiText("WikiText-2", "wikitext-2", (2_088_628, 217_646, 245_569), 33_278),
    "wikitext103": WikiText("WikiText-103", "wikitext-103", (103_227_021, 217_646, 245_569), 267_735),
}


def load_wikitext(name: str, data_dir: Path, level: str, vocabulary_size: int = 0) -> Corpus:
    """A data set below `data_dir`, as files or in its archive, else from the Hub; level `words` only.

    Raises DataError when it is neither here nor to be had, and for files that are cut or not UTF-8.
    """
    data = WIKITEXT[name]
    if level != "words":
        raise ConfigError(
            f"task.level={level}: expected words with {name}; "
            f"for its bytes use task.corpus=text task.path={data.folder}"
        )
    options: dict[str, object] = {"data": name}
    files = _files(data_dir, data)
    if files:
        found = prepare_words([[file] for file in files], vocabulary_size, options, data.title)
        path = files[0].path
        source = str((path if files[0].member else path.parent).relative_to(data_dir))
    else:
        found = _from_hub(data_dir, data, vocabulary_size, options)
        source = f"{HUB}, {data.config}"
    sizes = tuple(map(len, found.splits))
    why_not = _why_not(data, sizes, len(found.symbols), vocabulary_size)
    train, val, test = found.splits
    return Corpus(
        train=train,
        val=val,
        test=test,
        symbols=found.symbols,
        fingerprint=found.fingerprint,
        description=f"{data.title}, {amount(sum(sizes), 'words')}",
        source=source,
        share=min(1.0, sum(sizes) / sum(data.tokens)),
        comparable=not why_not,
        why_not=why_not,
        notes=(f"{_listed(sizes)} words with <eos>, {len(found.symbols):,} distinct",),
    )


def _files(data_dir: Path, data: WikiText) -> list[TextFile]:
    """The three files, or the three members of the archive; an empty list when there is nothing."""
    names = [f"wiki.{split}.tokens" for split in ("train", "valid", "test")]
    paths = [data_dir / data.folder / name for name in names]
    there = [path for path in paths if path.is_file()]
    if there:
        if absent := [path for path in paths if path not in there]:
            raise DataError(f"{absent[0]}: file not found, although {there[0].name} is there; put it there")
        return [TextFile(path) for path in paths]
    for archive in (data_dir / data.folder / f"{data.config}.zip", data_dir / f"{data.config}.zip"):
        if archive.is_file():
            inside = members(archive)
            fitting = [[member for member in inside if member.endswith(name)] for name in names]
            if any(len(found) != 1 for found in fitting):
                listed = ", ".join(inside[:4]) or "nothing"
                raise DataError(f"{archive}: expected one each of {', '.join(names)} inside, found {listed}")
            return [TextFile(archive, found[0]) for found in fitting]
    return []


def _from_hub(
    data_dir: Path, data: WikiText, vocabulary_size: int, options: Mapping[str, object]
) -> Prepared:
    """The data set by way of `datasets`; not asked again once the numbers are in the cache."""
    options = {**options, "level": "words", "vocabulary_size": vocabulary_size}

    def build(folder: Path) -> Meta:
        splits = _hub_splits(data_dir, data)
        with progress(f"preparing {data.title}", sum(map(len, splits))) as advance:
            read = [_pieces(split, advance) for split in splits]
            return number_words(read, vocabulary_size, folder, data.title)

    return prepared({"hub": HUB, "config": data.config}, options, build)


def _hub_splits(data_dir: Path, data: WikiText) -> list[Any]:
    """Train, validation and test: rows of one line each."""
    candidates = [f"{data.folder}/wiki.{{train,valid,test}}.tokens", f"{data.config}.zip"]
    return hub_splits(data_dir, candidates, HUB, ("train", "validation", "test"), data.config)


def _pieces(rows: Any, advance: Advance) -> Iterator[str]:
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


def _why_not(data: WikiText, sizes: tuple[int, ...], types: int, vocabulary_size: int) -> str:
    if sizes != data.tokens:
        return f"{_listed(sizes)} words instead of the {_listed(data.tokens)} of {data.title}"
    if types != data.types:
        cut = f" (task.vocabulary_size={vocabulary_size})" if vocabulary_size else ""
        return f"{types:,} distinct words instead of the {data.types:,} of {data.title}{cut}"
    return ""


def _listed(sizes: tuple[int, ...]) -> str:
    return " / ".join(f"{size:,}" for size in sizes)
