"""SQuAD 1.1 (Rajpurkar et al., 2016): questions on passages of Wikipedia, every answer a part of its passage.

As the SRU authors' reader does, training leaves out questions whose answer does not fall on the borders of tokens; of
the other split all are kept, and measured by the texts of their answers.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ...core.errors import DataError
from ..store.cache import Facts, kept_folder
from ..store.fetch import digest
from .files import HUB, PUBLISHED, read_file, read_hub, squad_files
from .packed import Packed, open_packed, write_packed
from .prepare import prepare
from .split import Example, Split, Store, Strings, single_example
from .tokens import Tokenizer

__all__ = ["Example", "Split", "Squad", "load_squad", "pack_squad", "single_example"]


@dataclass(frozen=True, kw_only=True)
class Squad:
    """Both splits, and what their numbers stand for.

    `forms` are the distinct words of all texts, these in lower case, and their lemmas; `tags` and `entities` the names
    of both, "" first. `tagger` says what made the tokens, `tagged` whether lemmas, tags and entities come with them.
    The other fields are as in `Text`.
    """

    train: Split
    dev: Split
    forms: tuple[str, ...]
    tags: tuple[str, ...]
    entities: tuple[str, ...]
    tagger: str
    tagged: bool
    fingerprint: str
    source: str
    description: str
    comparable: bool
    why_not: str
    share: float
    notes: tuple[str, ...]
    warnings: tuple[str, ...] = ()

    def first(self, limit: int) -> "Squad":
        """The first `limit` questions of each split, as they are packed to travel; 0 leaves the splits whole."""
        train, dev = (Split(split.store, split.rows[:limit]) for split in (self.train, self.dev))
        return self._cut(
            limit, train, dev, f"first{limit}", f"only the first {limit:,} questions of each split"
        )

    def part(self, limit: int) -> "Squad":
        """`limit` questions of each split, evenly spread over its articles, for smoke runs; 0 leaves them whole."""
        train, dev = self.train.evenly(limit), self.dev.evenly(limit)
        return self._cut(
            limit, train, dev, f"part{limit}", f"only {limit:,} questions of each split, evenly spread"
        )

    def _cut(self, limit: int, train: Split, dev: Split, name: str, note: str) -> "Squad":
        if limit <= 0 or limit >= max(len(self.train), len(self.dev)):
            return self
        return replace(
            self,
            train=train,
            dev=dev,
            fingerprint=f"{self.fingerprint}-{name}",
            description=f"{self.description}, {note}",
            comparable=False,
            why_not=f"{self.why_not}; {note}" if self.why_not else note,
            share=self.share * (len(train) + len(dev)) / (len(self.train) + len(self.dev)),
            notes=(*self.notes, note),
        )


def load_squad(data_dir: Path, *, tagger: str = "auto", limit: int = 0) -> "Squad":
    """Both splits: their files below `data_dir`, else what `pack_squad` put there, else from the Hub.

    Files, and the Hub's rows, are prepared once, and mapped from the cache after.

    Args:
        data_dir: the folder of the data.
        tagger: what makes tokens and their features, as in `Tokenizer`.
        limit: above 0: so many questions of each split, evenly spread.

    Raises:
        ConfigError: the tagger is not installed, or not the one that made the packed tokens.
        DataError: data are neither there nor to be had, or wrong anywhere.
    """
    files = squad_files(data_dir)
    if files is None and (packed := open_packed(data_dir, tagger)):
        return _unpacked(packed).first(packed.first).part(limit)
    tokenizer = Tokenizer(tagger)
    digests = [digest(path) for path in files or ()]

    def build(folder: Path) -> Facts:
        splits = (read_file(files[0]), read_file(files[1])) if files else read_hub(data_dir)
        return prepare(splits, tokenizer, folder, "SQuAD")

    kept = kept_folder("squad", {"origin": digests or HUB, "tokens": tokenizer.name}, build)
    n_train, n_dev = kept.facts["questions"]
    rows = np.arange(n_train + n_dev)
    store = Store(kept.folder, tokenizer.tagged)
    train, dev = Split(store, rows[:n_train]), Split(store, rows[n_train:])
    fits, dev_fits = train.aligned(), dev.aligned()
    if not fits.any():
        raise DataError(f"SQuAD: expected training answers on token borders, found none among {n_train:,}")
    why_not = "; ".join(_differences(digests, (n_train, n_dev)))
    notes = [
        f"{n_train:,} training and {n_dev:,} dev questions",
        f"{_part(fits, 'training answers')} do not fall on token borders and are left out",
        f"{_part(dev_fits, 'dev questions')} have no answer on token borders; they stay, and count",
    ]
    if not tokenizer.tagged:
        notes.append(
            f"tokens by {tokenizer.name}: without an English model of spaCy there are no lemmas, tags and entities"
        )
    return Squad(
        train=Split(store, train.rows[fits]),
        dev=dev,
        forms=tuple(Strings(kept.folder, "forms")),
        tags=tuple(kept.facts["tags"]),
        entities=tuple(kept.facts["entities"]),
        tagger=tokenizer.name,
        tagged=tokenizer.tagged,
        fingerprint=kept.fingerprint,
        source=", ".join(str(path.relative_to(data_dir)) for path in files) if files else HUB,
        description=f"SQuAD 1.1, {n_train + n_dev:,} questions",
        comparable=not why_not,
        why_not=why_not,
        share=min(1.0, (n_train + n_dev) / sum(split.questions for split in PUBLISHED)),
        notes=tuple(notes),
        warnings=_not_published(files, digests),
    ).part(limit)


def pack_squad(squad: Squad, folder: Path, first: int = 0) -> None:
    """Write a whole `Squad`, or the first questions of each split, so that `load_squad` finds it without spaCy.

    What is loaded from there says the same of itself, `first(first)` included. `folder` is made.

    Raises:
        DataError: a file just written cannot be read.
    """
    record = {name: getattr(squad, name) for name in _RECORD}
    write_packed(folder, squad.train, squad.dev, squad.forms, record, first)


def _unpacked(packed: Packed) -> "Squad":
    if set(packed.record) != set(_RECORD):
        raise DataError(f"{packed.folder}: expected data of this version of the code; pack them again")
    record: dict[str, Any] = {key: tuple(x) if isinstance(x, list) else x for key, x in packed.record.items()}
    forms = tuple(Strings(packed.folder, "forms"))
    return Squad(train=packed.train, dev=packed.dev, forms=forms, **record)


_RECORD = tuple(
    field.name for field in fields(Squad) if field.name not in ("train", "dev", "forms", "warnings")
)


def _differences(digests: list[str], counts: tuple[int, int]) -> Iterator[str]:
    """In what the splits are not those that were published; of the Hub's only the size can be told."""
    for number, (split, count) in enumerate(zip(PUBLISHED, counts, strict=True)):
        if count != split.questions:
            yield f"{split.file}: {count:,} questions instead of {split.questions:,}"
        elif digests and digests[number] != split.sha256:
            yield f"{split.file} is not the published file (other ids or offsets)"


def _not_published(files: tuple[Path, Path] | None, digests: list[str]) -> tuple[str, ...]:
    """A line for each file that is not the published one."""
    return tuple(
        f"{path}: expected the published file (sha256 {split.sha256}), found another (sha256 {found}): damaged, or "
        "another version; numbers measured on it do not stand beside published ones"
        for path, split, found in zip(files or (), PUBLISHED, digests, strict=False)
        if found != split.sha256
    )


def _part(fits: npt.NDArray[np.bool_], of: str) -> str:
    """How many do not fit: "1,234 of 87,599 training answers (1.4 %)"."""
    return f"{int((~fits).sum()):,} of {len(fits):,} {of} ({100 * float((~fits).mean()):.1f} %)"
