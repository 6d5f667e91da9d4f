"""The way in: names, options that clash, the limit, and memory maps all the way to the batches."""

from pathlib import Path

import numpy as np
import pytest

from sru_repro.core.errors import ConfigError
from sru_repro.data.corpora import load_corpus
from sru_repro.data.stdlib_text import load_stdlib_text
from sru_repro.data.streams import StreamBatches

TEXT = "".join(f"line {i} of a text\n" for i in range(100))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a.txt").write_text(TEXT)
    return tmp_path


def test_python_library(tmp_path: Path) -> None:
    text = load_stdlib_text(50_000)
    corpus = load_corpus("stdlib", tmp_path, "bytes", max_bytes=50_000)
    assert np.array_equal(corpus.train, text.train) and np.array_equal(corpus.test, text.test)
    assert (corpus.fingerprint, corpus.source) == (text.fingerprint, "Python's standard library")
    assert corpus.description == "standard library sources, 0.1 MB"
    assert (corpus.comparable, corpus.why_not) == (False, "not a data set of the papers")


def test_limit(folder: Path) -> None:
    whole = load_corpus("text", folder, "bytes", path="a.txt")
    some = load_corpus("text", folder, "bytes", path="a.txt", limit=99)
    assert [len(part) for part in (some.train, some.val, some.test)] == [99, len(whole.val), len(whole.test)]
    assert (some.train == whole.train[:99]).all()
    assert some.fingerprint == f"{whole.fingerprint}-first99"
    assert some.share == pytest.approx(len(some) / len(whole))
    assert some.why_not == "not a data set of the papers; only the first 99 symbols of each split"
    assert some.notes[-1] == "only the first 99 symbols of each split"
    assert load_corpus("text", folder, "bytes", path="a.txt", limit=10**6).fingerprint == whole.fingerprint


def test_batches_are_slices_of_the_map(folder: Path) -> None:
    corpus = load_corpus("text", folder, "words", path="a.txt")
    batches = StreamBatches(corpus.train, batch_size=3, unroll=8)
    assert np.shares_memory(batches._inputs_BL, corpus.train)
    inputs_LB, targets_LB = batches[0]
    assert corpus.symbols.decode(inputs_LB[:, 0].tolist()) == "line 0 of a text\nline 1"
    assert corpus.symbols.decode(targets_LB[:4, 0].tolist()) == "0 of a text"


@pytest.mark.parametrize(
    ("corpus", "level", "options", "pattern"),
    [
        ("text8", "bytes", {}, r"task.corpus=text8: expected enwik8\|wikitext103\|wikitext2\|text\|stdlib"),
        ("text", "chars", {}, r"task.level=chars: expected bytes\|symbols\|words"),
        ("enwik8", "bytes", {"path": "a"}, r"task.path=a: expected with task.corpus=text only, found enwik8"),
        ("text", "bytes", {"vocabulary_size": 9}, r"task.vocabulary_size=9: expected 0, or .*found bytes"),
        ("text", "words", {"vocabulary_size": 2}, r"task.vocabulary_size=2: expected 0, or 3 and more"),
        ("stdlib", "words", {}, r"task.level=words: expected bytes with task.corpus=stdlib"),
    ],
)
def test_clashes(folder: Path, corpus: str, level: str, options: dict[str, object], pattern: str) -> None:
    with pytest.raises(ConfigError, match=pattern):
        load_corpus(corpus, folder, level, **options)  # type: ignore[arg-type]
