"""The reader's vocabulary: its order, spellings that are looked up, rows, coverage, and the choice of a file."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from sru_repro.core.errors import ConfigError, DataError
from sru_repro.data.squad.dataset import Squad, load_squad
from sru_repro.data.squad.words import ReaderVectors, reader_vectors, word_numbers

TRAIN = {
    "The red boat passes the Café. The red boat!": [
        ("Which Boat passes?", "red"),
        ("Which, which Café?", "Café"),
    ]
}
DEV = {"A lake, a lake": [("Which lake?", "lake")]}
FILE = {"which": 1.0, "Which": 2.0, "café": 3.0, "red": 4.0, "lake": 5.0, "the": 6.0, "?": 7.0, "boat": 8.0}
"""The word's row is twice this number; café is written in NFC, as files of vectors are."""

ORDER = ("Which", "?", "which", "lake", "Boat", "Cafe\u0301", "red", "boat", "The", "the")
"""With vectors: words of questions first (3, 3, then once each), then those of passages only."""


@pytest.fixture
def squad(squad_dir: Callable[..., Path]) -> Squad:
    return load_squad(squad_dir(TRAIN, DEV), tagger="none")


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    (tmp_path / "data/vectors").mkdir(parents=True, exist_ok=True)
    lines = [f"{word} {number} {number}" for word, number in FILE.items()]
    (tmp_path / "data/vectors/small.txt").write_text("\n".join(lines) + "\n")
    return tmp_path / "data"


def load(squad: Squad, data_dir: Path, source: str = "auto", **options: object) -> ReaderVectors:
    settings: dict[str, object] = {"seed": 1, "dim": 2, "map_lookup": True, "vocabulary_size": 0, **options}
    return reader_vectors(source, squad, data_dir, **settings)  # type: ignore[arg-type]


def test_words_of_questions_come_first(squad: Squad, data_dir: Path) -> None:
    vectors = load(squad, data_dir)
    assert vectors.words[:2] == ("<pad>", "<unk>")
    questions = {"Which": 3, "?": 3, "which": 1, "lake": 1, "Boat": 1, "Cafe\u0301": 1}
    assert set(vectors.words[2:4]) == {"Which", "?"} and set(vectors.words[4:8]) == set(questions) - {
        "Which",
        "?",
    }
    assert vectors.words[8:10] in [
        ("The", "red"),
        ("The", "boat"),
        ("red", "The"),
        ("red", "boat"),
        ("boat", "red"),
        ("boat", "The"),
    ]  # twice each
    assert vectors.words[-1] == "the" and len(vectors.words) == 12


def test_rows(squad: Squad, data_dir: Path) -> None:
    vectors = load(squad, data_dir)
    row_of = dict(zip(vectors.words, vectors.weight_VD, strict=True))
    assert vectors.weight_VD.dtype == torch.float32
    assert row_of["<pad>"].tolist() == [0, 0]
    for word, same in (
        ("Which", "Which"),
        ("which", "which"),
        ("Boat", "boat"),
        ("Cafe\u0301", "café"),
        ("The", "the"),
    ):
        assert row_of[word].tolist() == [FILE[same]] * 2
    assert load(squad, data_dir, seed=1).weight_VD.equal(vectors.weight_VD)
    other = load(squad, data_dir, seed=2)
    assert not other.weight_VD[1].equal(vectors.weight_VD[1])
    assert other.weight_VD[2:].equal(vectors.weight_VD[2:]) and other.fingerprint == vectors.fingerprint


def test_the_unknown_word_is_a_standard_normal_draw(squad: Squad, tmp_path: Path) -> None:
    (tmp_path / "wide.txt").write_text("lake" + " 0.5" * 2000 + "\n")
    unknown_D = load(squad, tmp_path, str(tmp_path / "wide.txt"), dim=2000).weight_VD[1]
    # Five standard errors of a mean and of a deviation.
    assert abs(unknown_D.mean()) < 5 / 2000**0.5 and abs(unknown_D.std() - 1) < 5 / 4000**0.5


def test_look_up_as_it_stands(squad: Squad, data_dir: Path) -> None:
    vectors = load(squad, data_dir, map_lookup=False)
    assert set(vectors.words[2:]) == {"Which", "?", "which", "lake", "red", "boat", "the"}
    assert vectors.fingerprint != load(squad, data_dir).fingerprint


def test_what_is_said_about_them(squad: Squad, data_dir: Path) -> None:
    vectors = load(squad, data_dir)
    # Words: 10 found, and passes , . ! A a.
    assert vectors.note == "word vectors cover 62.5% of the words (71.4% of their occurrences)"
    assert (vectors.source, vectors.why_not) == ("small.txt", "word vectors small.txt")


def test_the_most_frequent_words(squad: Squad, data_dir: Path) -> None:
    counts = sum(sum(split.form_counts(len(squad.forms))) for split in (squad.train, squad.dev))
    for source in ("auto", "random"):
        whole, part = load(squad, data_dir, source), load(squad, data_dir, source, vocabulary_size=6)
        assert len(part.words) == 6 and part.words[2:] == tuple(w for w in whole.words[2:] if w in part.words)
        count_of = dict(zip(squad.forms, np.asarray(counts).tolist(), strict=True))
        left = set(whole.words[2:]) - set(part.words)
        assert min(count_of[word] for word in part.words[2:]) >= max(count_of[word] for word in left)
        assert part.fingerprint != whole.fingerprint
    assert "4 most frequent" in load(squad, data_dir, vocabulary_size=6).note


def test_random_vectors(squad: Squad, data_dir: Path) -> None:
    vectors = load(squad, data_dir, "random", dim=300)
    assert set(vectors.words[2:]) == {*ORDER, "passes", ",", ".", "!", "A", "a"}
    assert (vectors.source, vectors.why_not) == ("random", "random word vectors")
    assert not vectors.weight_VD[0].any()
    drawn = vectors.weight_VD[1:]
    assert abs(drawn.std() - 0.1) < 0.5 / (2 * drawn.numel()) ** 0.5  # five standard errors
    again, other = load(squad, data_dir, "random", dim=300), load(squad, data_dir, "random", dim=300, seed=2)
    assert again.weight_VD.equal(vectors.weight_VD) and not other.weight_VD.equal(vectors.weight_VD)
    assert other.fingerprint == vectors.fingerprint != load(squad, data_dir, "random").fingerprint


def test_auto_prefers_glove(squad: Squad, data_dir: Path) -> None:
    (data_dir / "vectors/other.txt").write_text("lake 1 1\n")
    with pytest.raises(
        ConfigError, match=r"task.vectors=auto: expected one file .* found other.txt, small.txt"
    ):
        load(squad, data_dir)
    (data_dir / "vectors/glove.840B.300d.txt").write_text("lake 9 9\n")
    for source in ("auto", "glove.840B"):
        vectors = load(squad, data_dir, source)
        assert (vectors.source, vectors.why_not) == ("glove.840B.300d.txt", "")
        assert vectors.words == ("<pad>", "<unk>", "lake") and vectors.weight_VD[2].tolist() == [9, 9]


def test_no_vectors_at_all(squad: Squad, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"glove.840B.300d.zip: file not found .*no connection"):
        load(squad, tmp_path / "nowhere")
    (tmp_path / "foreign.txt").write_text("etwas 1 1\n")
    pattern = r"foreign.txt: expected vectors of the words of the data, found none of \d+; its first words "
    with pytest.raises(DataError, match=pattern + "are .etwas., those of the data"):
        load(squad, tmp_path, str(tmp_path / "foreign.txt"))


def test_numbers_of_forms(squad: Squad, data_dir: Path) -> None:
    vectors = load(squad, data_dir)
    number_of = word_numbers(squad.forms, vectors.words)
    assert number_of.dtype == np.int64
    for form, number in zip(squad.forms, number_of, strict=True):
        # Forms that occur only as the lower case of another are unknown unless the vocabulary has them.
        assert vectors.words[number] == form if form in vectors.words else number == 1
    words = ("<pad>", "<unk>", "lake", "Lake", "Cafe\u0301")
    forms = ("Lake", "LAKE", "lake", "Café", "<pad>", "sea")
    assert word_numbers(forms, words).tolist() == [3, 2, 2, 4, 1, 1]
    assert word_numbers(forms, words, map_lookup=False).tolist() == [3, 1, 2, 4, 1, 1]
