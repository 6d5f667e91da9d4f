"""WikiText: files, archive, Hub; the papers' counts decide what is comparable."""

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sru_repro.core.errors import DataError
from sru_repro.data.text.corpora import _wikitext, corpus_class
from sru_repro.data.text.corpus import Text
from sru_repro.data.text.load import load_corpus

TRAIN = " \n = Fish = \n \n The <unk> fish swims . \n"
VALID = " \n The fish . \n"
TEST = " \n = The <unk> = \n"
TEXTS = {"train": TRAIN, "valid": VALID, "test": TEST}
COUNTS = (12, 5, 6)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """The published sizes are those of the texts above."""
    wikitext2 = corpus_class("wikitext2")
    monkeypatch.setattr(wikitext2, "tokens", COUNTS)
    monkeypatch.setattr(wikitext2, "published", {"words": 8})


def write(folder: Path, texts: dict[str, str] = TEXTS) -> Path:
    folder.mkdir(exist_ok=True)
    for split, text in texts.items():
        (folder / f"wiki.{split}.tokens").write_text(text)
    return folder.parent


def check(corpus: Text) -> None:
    assert (len(corpus.train), len(corpus.val), len(corpus.test)) == COUNTS
    assert corpus.symbols.items == ("<eos>", "=", ".", "<unk>", "Fish", "The", "fish", "swims")
    assert corpus.symbols.decode(corpus.train.tolist()) == "\n= Fish =\n\nThe <unk> fish swims .\n"
    assert corpus.symbols.decode(corpus.test.tolist()) == "\n= The <unk> =\n"
    assert (corpus.share, corpus.comparable, corpus.why_not) == (1.0, True, "")
    assert corpus.notes == ("12 / 5 / 6 words with <eos>, 8 distinct",)
    assert corpus.train.dtype == np.uint16


def test_files(tmp_path: Path) -> None:
    corpus = load_corpus("wikitext2", write(tmp_path / "wikitext-2"), "words")
    check(corpus)
    assert corpus.source == "wikitext-2"


@pytest.mark.parametrize("place", ["", "wikitext-2/"])
def test_archive(tmp_path: Path, place: str) -> None:
    (tmp_path / "wikitext-2").mkdir()
    with zipfile.ZipFile(tmp_path / f"{place}wikitext-2-v1.zip", "w") as archive:
        for split, text in TEXTS.items():
            archive.writestr(f"wikitext-2/wiki.{split}.tokens", text)
    corpus = load_corpus("wikitext2", tmp_path, "words")
    check(corpus)
    assert corpus.source == f"{place}wikitext-2-v1.zip"
    assert corpus.fingerprint == load_corpus("wikitext2", write(tmp_path / "wikitext-2"), "words").fingerprint


@pytest.fixture
def on_the_hub(hub: Callable[..., list[Any]]) -> list[tuple[str, ...]]:
    """The texts above as the Hub has them: a row a line, empty lines without an end."""
    lines = {split: text.splitlines() for split, text in {**TEXTS, "validation": VALID}.items()}
    return hub(lambda split: [{"text": f"{line}\n" if line.strip() else ""} for line in lines[split]])


def test_hub(tmp_path: Path, on_the_hub: list[tuple[str, ...]], monkeypatch: pytest.MonkeyPatch) -> None:
    calls = on_the_hub
    monkeypatch.setattr(_wikitext, "_ROWS", 3)
    corpus = load_corpus("wikitext2", tmp_path, "words")
    check(corpus)
    assert corpus.source == "Salesforce/wikitext, wikitext-2-v1"
    named = ("Salesforce/wikitext", "wikitext-2-v1")
    assert calls == [(*named, "train"), (*named, "validation"), (*named, "test")]
    assert load_corpus("wikitext2", tmp_path, "words").fingerprint == corpus.fingerprint
    assert len(calls) == 3  # the second time from the cache
    from_files = load_corpus("wikitext2", write(tmp_path / "wikitext-2"), "words")
    assert from_files.fingerprint == corpus.fingerprint


def test_hub_without_network(tmp_path: Path) -> None:
    pattern = (
        r"wikitext-2/wiki.\{train,valid,test\}.tokens: file not found \(nor wikitext-2-v1.zip\) and reading "
        r"Salesforce/wikitext from http://127.0.0.1:9 failed \(no connection to 127.0.0.1: .*put it there"
    )
    with pytest.raises(DataError, match=pattern):
        load_corpus("wikitext2", tmp_path, "words")
    assert not (tmp_path / "cache").exists()


def test_a_part_is_not_comparable(tmp_path: Path) -> None:
    write(tmp_path / "wikitext-2", {**TEXTS, "train": " The fish . \n"})
    corpus = load_corpus("wikitext2", tmp_path, "words")
    assert corpus.why_not == "4 / 5 / 6 words instead of the 12 / 5 / 6 of WikiText-2"
    assert (corpus.comparable, corpus.share) == (False, 15 / 23)


def test_another_vocabulary_is_not_comparable(tmp_path: Path) -> None:
    corpus = load_corpus("wikitext2", write(tmp_path / "wikitext-2"), "words", vocabulary_size=5)
    assert len(corpus.symbols) == 5 and not corpus.comparable
    assert corpus.why_not == "5 distinct words instead of the 8 of WikiText-2 (task.vocabulary_size=5)"


def test_files_missing_and_damaged(tmp_path: Path) -> None:
    write(tmp_path / "wikitext-2", {"train": TRAIN, "test": TEST})
    with pytest.raises(DataError, match=r"wiki.valid.tokens: file not found, although wiki.train.tokens is"):
        load_corpus("wikitext2", tmp_path, "words")
    write(tmp_path / "wikitext-2", {"valid": ""})
    with pytest.raises(DataError, match=r"WikiText-2: expected at least 2 words in each .*found 12 / 0 / 6"):
        load_corpus("wikitext2", tmp_path, "words")
    (tmp_path / "wikitext-2/wiki.valid.tokens").write_bytes(b" \n caf\xe9 \n")
    with pytest.raises(
        DataError, match=r"wiki.valid.tokens:2: expected UTF-8 text for words, found byte 0xe9"
    ):
        load_corpus("wikitext2", tmp_path, "words")


def test_archives_of_another_kind(tmp_path: Path) -> None:
    path = tmp_path / "wikitext-2-v1.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("wiki.train.raw", TRAIN)
    with pytest.raises(
        DataError, match=r"zip: expected one each of wiki.train.tokens, .* found wiki.train.raw"
    ):
        load_corpus("wikitext2", tmp_path, "words")
    path.write_text("no archive")
    with pytest.raises(DataError, match=r"zip: expected a zip archive, found a cut or damaged file"):
        load_corpus("wikitext2", tmp_path, "words")


def test_the_published_counts_of_wikitext_2(real_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()  # the true sizes
    corpus = load_corpus("wikitext2", real_data, "words")
    assert corpus.comparable, corpus.why_not
    assert corpus.symbols.items[:4] == ("the", ",", ".", "of")
    frequency = np.bincount(corpus.train, minlength=len(corpus.symbols))
    assert (np.diff(frequency) <= 0).all() and frequency[-1] > 0


def test_words_that_cannot_be_had_leave_no_folder_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SRU_REPRO_CACHE", str(tmp_path / "runs/.cache"))
    with pytest.raises(DataError):
        load_corpus("wikitext2", tmp_path / "nowhere", "words")
    assert not list(tmp_path.iterdir())
