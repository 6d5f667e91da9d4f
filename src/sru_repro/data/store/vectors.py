"""Word vectors for a vocabulary: rows of a word2vec or GloVe file, random rows for the other words.

As the SRU authors do (paper, section 4.1): rows that the file lacks, padding included, are drawn from U(-.25,
.25), then every row is scaled to length 1. Axes: V vocabulary, D features.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ...core.errors import ConfigError, DataError
from .fetch import Remote, find, locate
from .seeds import generator
from .vector_cache import NOTHING, cached_rows, warnings_of
from .vector_files import CUT_SUFFIX, holds_vectors
from .vocabulary import PAD, UNKNOWN, Vocabulary, from_counts

_NAMED: dict[str, tuple[list[str], Remote]] = {
    "googlenews": (
        [
            "vectors/word2vec-google-news-300.gz",
            "vectors/GoogleNews-vectors-negative300.bin",
            "vectors/GoogleNews-vectors-negative300.bin.gz",
        ],
        Remote(
            "https://github.com/piskvorky/gensim-data/releases/download/word2vec-google-news-300/"
            "word2vec-google-news-300.gz",
            "md5:a5e5354d40acb95f9ec66d5977d140ef",
        ),
    ),
    "glove.840B": (
        ["vectors/glove.840B.300d.zip", "vectors/glove.840B.300d.txt"],
        Remote(
            "https://nlp.stanford.edu/data/glove.840B.300d.zip",
            "sha256:c06db255e65095393609f19a4cfca20bf3a71e20cc53e892aafa490347e3849f",
        ),
    ),
}

_ABOUT = {
    "wiki2015.300d.bin": "skip-gram on 79 M words of Wikipedia, a corpus 1/1000 of Google News'",
}
"""What is known of files that may stand in for Google News'."""

_BRACKETS = {"-lrb-": "(", "-rrb-": ")", "-lsb-": "[", "-rsb-": "]", "-lcb-": "{", "-rcb-": "}"}
_PLAIN = {**_BRACKETS, "``": '"', "''": '"', "--": "-"}


@dataclass(frozen=True)
class Vectors:
    """A row per word of the vocabulary, and how many words the file had.

    `coverage` is the share of the distinct words found as they stand, `coverage_mapped` the share found
    either so or in their plain form; `token_coverage` and `token_coverage_mapped` count every occurrence.
    Padding and the unknown word do not count. `fingerprint` depends on the rows from the file and on the
    options, not on the seed. `warnings` are lines for the screen.
    """

    weight_VD: Tensor
    vocabulary: Vocabulary
    coverage: float
    coverage_mapped: float
    token_coverage: float
    token_coverage_mapped: float
    source: str
    fingerprint: str
    warnings: tuple[str, ...] = ()

    @property
    def why_not_the_papers(self) -> str:
        """In what these are not the paper's vectors, Google News'; empty when they are."""
        return unlike("googlenews", self.source)

    @property
    def coverage_note(self) -> str:
        """The coverage in a sentence."""
        return (
            f"word vectors cover {self.coverage:.1%} of the words ({self.token_coverage:.1%} of their occurrences), "
            f"{self.coverage_mapped:.1%} ({self.token_coverage_mapped:.1%}) after mapping escapes such as -lrb-"
        )


def load_vectors(
    source: str,
    words: Iterable[str],
    data_dir: Path,
    *,
    seed: int,
    dim: int = 300,
    normalize: bool = True,
    map_lookup: bool = True,
) -> Vectors:
    """The vocabulary of `words` and its vectors (V, D), float32.

    Args:
        source: `random`; `googlenews` or `glove.840B`, found below `data_dir` or fetched; `auto`, Google News if it is
            there, else a cut of it, else the one file in `data_dir/vectors`, else Google News fetched; or the path of a
            file.
        words: of the data; repeats count as frequency.
        data_dir: the folder of the data.
        seed: of the rows that are drawn.
        dim: D, features of a row.
        normalize: whether every row is scaled to length 1.
        map_lookup: looks a word that the file lacks up in its plain form too ("-lrb-" as "("), which the authors do
            not.

    Raises:
        ConfigError: `auto` has to choose between several files.
        DataError: a file is missing or cut, or has none of the words.
    """
    counts = Counter(words)
    vocabulary = from_counts(counts)
    real = [word for word in vocabulary.words if word not in (PAD, UNKNOWN)]
    path = None if source == "random" else resolve(source, data_dir)
    plain = {word: plain_form(word) if map_lookup else word for word in real}
    found_rows = cached_rows(path, {*plain, *plain.values()}, dim) if path else NOTHING
    rows = found_rows.rows
    exact = [word for word in real if word in rows]
    mapped = [word for word in real if word in rows or plain[word] in rows]

    weight_VD = torch.rand(len(vocabulary), dim, generator=generator(seed, "vectors")) * 0.5 - 0.25
    if mapped:
        found = torch.stack([rows[word] if word in rows else rows[plain[word]] for word in mapped])
        weight_VD[vocabulary.ids(mapped)] = found
    if normalize:
        weight_VD = torch.nn.functional.normalize(weight_VD, dim=1)

    options = {"dim": dim, "normalize": normalize, "words": vocabulary.words, "found": mapped}
    content = hashlib.sha256(json.dumps(options).encode())
    if mapped:
        content.update(found.numpy().tobytes())
    total = max(1, sum(counts[word] for word in real))
    shares = (len(mapped) / max(1, len(real)), sum(counts[word] for word in mapped) / total)
    return Vectors(
        weight_VD,
        vocabulary,
        len(exact) / max(1, len(real)),
        shares[0],
        sum(counts[word] for word in exact) / total,
        shares[1],
        path.name if path else "random",
        content.hexdigest()[:16],
        warnings_of(path, found_rows, real, shares) if path else (),
    )


def plain_form(word: str) -> str:
    r"""A word without the treebank's escapes: "-lrb-" is "(", "``" and "''" are '"', "1\/2" is "1/2"."""
    return _PLAIN.get(word) or word.replace("\\", "") or word


def unlike(papers: str, source: str) -> str:
    """In what the file named `source` is not the vectors a paper used, `googlenews` or `glove.840B`; "" if it is."""
    if f"vectors/{source}" in _NAMED[papers][0]:
        return ""
    original = source.removesuffix(CUT_SUFFIX)
    about = [_ABOUT[original]] if original in _ABOUT else []
    if original != source:
        about += ["the paper's"] if f"vectors/{original}" in _NAMED[papers][0] else []
        about.append("cut to the most frequent words of some tasks, in half precision")
    return f"word vectors {source}" + (f" ({'; '.join(about)})" if about else "")


def resolve(source: str, data_dir: Path, prefer: str = "googlenews") -> Path:
    """The file that a source stands for. Too large to hash at every start, it is checked while it is read.

    `auto` is the vectors named by `prefer` if they are there, else a cut of them, else the one file in
    `data_dir/vectors`, else those named, fetched.

    Raises:
        ConfigError: `auto` has to choose between several files.
        DataError: there is no such file, nor can it be fetched.
    """
    if source == "auto":
        folder = data_dir / "vectors"
        files = sorted(path for path in folder.glob("*") if holds_vectors(path) and path.is_file())
        named = _NAMED[prefer][0]
        if find(data_dir, named) is None and files:
            if cut := find(data_dir, [f"{name}{CUT_SUFFIX}" for name in named]):
                return cut
            if len(files) > 1:
                names = ", ".join(path.name for path in files)
                raise ConfigError(
                    f"task.vectors=auto: expected one file in {folder}, found {names}; name the one to use"
                )
            return files[0]
        source = prefer
    if source in _NAMED:
        candidates, remote = _NAMED[source]
        return locate(data_dir, candidates, remote, verify=False)
    tried = [Path(source).expanduser(), data_dir / source, data_dir / "vectors" / source]
    path = next((path for path in tried if path.is_file()), None)
    if path is None:
        names = "|".join(("random", "auto", *_NAMED))
        raise DataError(
            f"task.vectors={source}: expected {names} or a file, "
            f"found none at {', '.join(dict.fromkeys(map(str, tried)))}"
        )
    return path
