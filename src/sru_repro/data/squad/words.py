"""The reader's words and their vectors: those of the questions first, as the most frequent of these are tuned.

Axes: V vocabulary, D features.
"""

import hashlib
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ..store.seeds import generator
from ..store.vector_cache import NOTHING, cached_rows, warnings_of
from ..store.vectors import resolve, unlike
from ..store.vocabulary import PAD, PAD_ID, UNKNOWN, UNKNOWN_ID
from .dataset import Squad

PAPERS = "glove.840B"
"""The vectors of DrQA and of the SRU paper's reader."""

_RANDOM_SCALE = 0.1


@dataclass(frozen=True)
class ReaderVectors:
    """A row (float32) for every word; `words[0]` is padding, all zeros, and `words[1]` the unknown word.

    `fingerprint` depends on words and on rows of the file, not on the seed; `note` tells the coverage, and `why_not`
    in what these are not the paper's vectors (empty when they are); `warnings` are lines for the screen.
    """

    weight_VD: Tensor
    words: tuple[str, ...]
    source: str
    fingerprint: str
    note: str
    why_not: str
    warnings: tuple[str, ...] = ()


def reader_vectors(
    source: str,
    squad: Squad,
    data_dir: Path,
    *,
    seed: int,
    dim: int = 300,
    map_lookup: bool = True,
    vocabulary_size: int = 0,
) -> ReaderVectors:
    """Words of both splits that have a vector, those of questions by frequency, then those of passages alone.

    `source` is as in `load_vectors`, but `auto` prefers GloVe 840B. A word is looked up in Unicode's forms NFD and NFC
    and, with `map_lookup`, in lower case where the file has neither. With `random` all words get a row, drawn from
    N(0, 0.01). `vocabulary_size` keeps the most frequent words, so many with padding and the unknown one (0: all). The
    unknown word is drawn from N(0, 1), as the authors do.

    Args:
        source: "random", "auto", "glove.840B", "googlenews" or a file's path.
        squad: both splits, whose words these are.
        data_dir: the folder of the data.
        seed: of the rows that are drawn.
        dim: D, features of a row.
        map_lookup: whether words are looked up in lower case, too.
        vocabulary_size: V at most, with padding and the unknown word; 0: all.

    Raises:
        ConfigError: `auto` has to choose between several files.
        DataError: a file is missing, cut, or has none of the words.
    """
    questions, passages = (
        np.sum(counts, axis=0)
        for counts in zip(
            *(split.form_counts(len(squad.forms)) for split in (squad.train, squad.dev)), strict=True
        )
    )
    total = questions + passages
    real = np.flatnonzero(total)
    path = None if source == "random" else resolve(source, data_dir, prefer=PAPERS)
    looked_up = {int(form): spellings(squad.forms[int(form)], map_lookup) for form in real}
    found_rows = cached_rows(path, {s for own in looked_up.values() for s in own}, dim) if path else NOTHING
    rows = found_rows.rows
    found = {form: next((s for s in own if s in rows), None) for form, own in looked_up.items()}
    kept = real if path is None else np.array([form for form in real if found[int(form)]], dtype=np.int64)
    covered = int(total[kept].sum())
    warnings: tuple[str, ...] = ()
    if path is not None:
        shares = (len(kept) / max(1, len(real)), covered / max(1, int(total.sum())))
        by_frequency = [squad.forms[int(form)] for form in real[np.argsort(-total[real], kind="stable")]]
        warnings = warnings_of(path, found_rows, by_frequency, shares)
    if vocabulary_size:
        kept = kept[np.argsort(-total[kept], kind="stable")][: max(0, vocabulary_size - 2)]
    # Stable sorts: equals stay in the order of their first appearance.
    kept = np.sort(kept)
    kept = kept[np.lexsort((-passages[kept], -questions[kept]))]
    words = (PAD, UNKNOWN, *(squad.forms[int(form)] for form in kept))

    weight_VD = torch.randn(len(words), dim, generator=generator(seed, "vectors"))
    if path is None:
        weight_VD *= _RANDOM_SCALE
    elif len(kept):
        weight_VD[2:] = torch.stack([rows[str(found[int(form)])] for form in kept])
    weight_VD[PAD_ID] = 0
    content = hashlib.sha256("\n".join((str(dim), str(path is None), *words)).encode())
    if path is not None:
        content.update(weight_VD[2:].numpy().tobytes())
    note = f"{len(words) - 2:,} of {len(real):,} words have a vector of their own"
    if path is not None:
        note = f"word vectors cover {shares[0]:.1%} of the words ({shares[1]:.1%} of their occurrences)"
        if vocabulary_size:
            note += f", the {len(kept):,} most frequent of which are kept"
    return ReaderVectors(
        weight_VD,
        words,
        path.name if path else "random",
        content.hexdigest()[:16],
        note,
        unlike(PAPERS, path.name) if path else "random word vectors",
        warnings,
    )


def word_numbers(
    forms: Sequence[str], words: Sequence[str], *, map_lookup: bool = True
) -> npt.NDArray[np.int64]:
    """The number in `words` of every form, (V,) for V forms, by `reader_vectors`' look-up; 1 where there is none."""
    number_of = {word: number for number, word in enumerate(words) if number > UNKNOWN_ID}
    return np.array(
        [
            next((number_of[s] for s in spellings(form, map_lookup) if s in number_of), UNKNOWN_ID)
            for form in forms
        ],
        dtype=np.int64,
    )


def spellings(form: str, map_lookup: bool) -> tuple[str, ...]:
    """What a form is looked up as, one after the other."""
    cases = (form, form.lower()) if map_lookup else (form,)
    return tuple(
        dict.fromkeys(unicodedata.normalize(kind, case) for case in cases for kind in ("NFD", "NFC"))
    )
