"""The five cross-validated sets: the authors' splits, and the checks of their files."""

import random
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from sru_repro.core.errors import ConfigError, DataError
from sru_repro.data.sentences import sets
from sru_repro.data.sentences.examples import Example
from sru_repro.data.sentences.folds import load_sentences
from sru_repro.data.sentences.sentence_set import LabelledFile
from sru_repro.data.store.fetch import digest

COUNTS = {"cr": 3775, "subj": 10_000, "mr": 10_662, "trec": 5452 + 500, "mpqa": 10_606}


@pytest.fixture
def made_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder with `cr` (57 lines) and `trec` (43 and 6 lines), whose checksums the loader knows."""

    def write(file: LabelledFile, n: int) -> LabelledFile:
        path = tmp_path / "sentences" / file.name
        path.parent.mkdir(exist_ok=True)
        labels = [i % len(file.counts) for i in range(n)]
        lines = [f"{label} Sentence-{i} caf\u00e9\n" for i, label in enumerate(labels)]
        path.write_text("".join(lines), encoding=file.encoding)
        counts = tuple(labels.count(label) for label in range(len(file.counts)))
        remote = replace(file.remote, checksum=f"sha256:{digest(path)}") if file.remote else None
        return replace(file, remote=remote, counts=counts)

    cr, trec = sets.set_class("cr"), sets.set_class("trec")
    assert trec.test is not None
    monkeypatch.setattr(cr, "file", write(cr.file, 57))
    monkeypatch.setattr(trec, "file", write(trec.file, 43))
    monkeypatch.setattr(trec, "test", write(trec.test, 6))
    return tmp_path


def _numbers(examples: list[Example]) -> list[int]:
    return [int(example.tokens[1]) for example in examples]


def test_folds_share_the_examples_out_as_the_authors_do(made_up: Path) -> None:
    order = list(range(57))
    rng = random.Random(1234)
    rng.shuffle(order)
    rest = [number for i, number in enumerate(order) if i % 10 != 3]
    rng.shuffle(rest)
    splits = load_sentences("cr", made_up, fold=3)
    assert _numbers(splits.test) == order[3::10]
    assert _numbers(splits.train) == rest[:45]
    assert _numbers(splits.val) == rest[45:]
    every_test = [
        number for fold in range(10) for number in _numbers(load_sentences("cr", made_up, fold).test)
    ]
    assert sorted(every_test) == list(range(57))


def test_trec_has_a_test_set_of_its_own(made_up: Path) -> None:
    order = list(range(43))
    random.Random(1234).shuffle(order)
    splits = load_sentences("trec", made_up, fold=9)
    assert _numbers(splits.test) == list(range(6))
    assert _numbers(splits.val) == order[9::10]
    assert _numbers(splits.train) == [number for i, number in enumerate(order) if i % 10 != 9]
    assert splits.train[0].tokens[0] == "sentence"  # lower-cased, by the authors' accident
    assert splits.fingerprint != load_sentences("trec", made_up, fold=0).fingerprint


def test_limit(made_up: Path) -> None:
    whole, part = load_sentences("cr", made_up), load_sentences("cr", made_up, limit=4)
    assert Counter(example.label for example in part.train) == {0: 2, 1: 2}
    for few, every in ((part.train, whole.train), (part.val, whole.val), (part.test, whole.test)):
        rarest = min(sum(example.label == label for example in every) for label in (0, 1))
        assert len(few) == 4 and min(Counter(example.label for example in few).values()) == min(2, rarest)


@pytest.mark.parametrize("name", COUNTS)
def test_real_files(real_data: Path, name: str) -> None:
    splits = load_sentences(name, real_data, fold=5)
    assert len(splits.train) + len(splits.val) + len(splits.test) == COUNTS[name]
    assert {example.label for example in splits.train} == set(range(len(splits.classes)))
    empty = {"cr": 5, "mpqa": 3}.get(name, 0)
    assert (
        sum(not example.tokens for part in (splits.train, splits.val, splits.test) for example in part)
        == empty
    )
    assert (f"{empty} examples hold no word after cleaning" in splits.notes) == bool(empty)


def test_cut_file(made_up: Path) -> None:
    path = made_up / "sentences/custrev.all"
    path.write_text(path.read_text()[:-9])
    with pytest.raises(
        DataError, match=r"custrev.all: expected sha256 \w{64}, found \w{64} \([\d,]+ bytes\)"
    ):
        load_sentences("cr", made_up)


def test_counts_are_checked(made_up: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cr = sets.set_class("cr")
    monkeypatch.setattr(cr, "file", replace(cr.file, counts=(28, 29)))
    with pytest.raises(
        DataError, match=r"expected per label \{0: 28, 1: 29\} examples, found \{0: 29, 1: 28\}"
    ):
        load_sentences("cr", made_up)


def test_unknown_name_or_fold(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"'imdb', fold 0: expected cr\|mpqa\|mr\|subj\|trec"):
        load_sentences("imdb", tmp_path)
    with pytest.raises(ConfigError, match=r"fold 10: expected .* a fold 0..9"):
        load_sentences("cr", tmp_path, fold=10)


def test_missing_file_and_no_network(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"sentences/mpqa.all: file not found \(nor mpqa.all\) and fetching http"
    ):
        load_sentences("mpqa", tmp_path)
    assert list(tmp_path.iterdir()) == []
