"""The way in: names, options that clash, the limit, and memory maps all the way to the batches."""

from pathlib import Path

import numpy as np
import pytest

from sru_repro.core.errors import ConfigError
from sru_repro.data.text import corpora
from sru_repro.data.text.corpus import PIECE
from sru_repro.data.text.load import load_corpus
from sru_repro.data.text.streams import StreamBatches

TEXT = "".join(f"line {i} of a text\n" for i in range(100))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a.txt").write_text(TEXT)
    return tmp_path


def test_the_corpora_and_the_symbols_that_models_are_counted_with() -> None:
    found = {name: corpora.corpus_class(name) for name in corpora.names()}
    assert {
        name: {level: corpus.count(level) for level in corpus.levels} for name, corpus in found.items()
    } == {
        "enwik8": {"bytes": 256, "symbols": 205},
        "stdlib": {"bytes": 256},
        "text": {"bytes": 256, "symbols": 256, "words": 256},
        "wikitext103": {"words": 267_735},
        "wikitext2": {"words": 33_278},
    }
    assert "words" not in found["text"].published, "nobody else has counted them"


def test_limit(folder: Path) -> None:
    whole = load_corpus("text", folder, "bytes", path="a.txt")
    some = load_corpus("text", folder, "bytes", path="a.txt", limit=99)
    assert [len(part) for part in (some.train, some.val, some.test)] == [99, len(whole.val), len(whole.test)]
    assert (some.train == whole.train[:99]).all()
    assert some.fingerprint == f"{whole.fingerprint}-part99"
    assert some.share == pytest.approx(len(some) / len(whole))
    assert some.why_not == "not a data set of the papers; only 99 symbols of each split"
    assert some.notes[-1] == "only 99 symbols of each split"
    assert load_corpus("text", folder, "bytes", path="a.txt", limit=10**6).fingerprint == whole.fingerprint


def test_a_part_is_spread_over_the_text(folder: Path) -> None:
    whole = load_corpus("text", folder, "bytes", path="a.txt").train
    some = load_corpus("text", folder, "bytes", path="a.txt", limit=3 * PIECE).train
    assert len(some) == 3 * PIECE < len(whole)
    for place, piece in enumerate(some.reshape(3, PIECE)):
        start = len(whole) * place // 3
        assert (piece == whole[start : start + PIECE]).all()


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
        ("text8", "bytes", {}, r"task.corpus=text8: expected enwik8\|stdlib\|text\|wikitext103\|wikitext2"),
        ("text", "chars", {}, r"task.level=chars: expected bytes\|symbols\|words"),
        ("enwik8", "bytes", {"path": "a"}, r"task: path=a needs corpus=text, found corpus=enwik8"),
        (
            "text",
            "bytes",
            {"vocabulary_size": 9},
            r"task: vocabulary_size=9 needs to be 0, or .*found corpus=text level=bytes",
        ),
        ("text", "words", {"vocabulary_size": 2}, r"task: vocabulary_size=2 needs to be 0, or 3 and more"),
        (
            "enwik8",
            "words",
            {},
            r"task: corpus=enwik8 needs level=bytes or symbols, found level=words; for its words use task.corpus=text",
        ),
        (
            "wikitext2",
            "bytes",
            {},
            r"task: corpus=wikitext2 needs level=words, found level=bytes; for its bytes use .*path=wikitext-2$",
        ),
        ("stdlib", "words", {}, r"task: corpus=stdlib needs level=bytes, found level=words$"),
    ],
)
def test_clashes(folder: Path, corpus: str, level: str, options: dict[str, object], pattern: str) -> None:
    with pytest.raises(ConfigError, match=pattern):
        load_corpus(corpus, folder, level, **options)  # type: ignore[arg-type]
