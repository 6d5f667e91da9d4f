"""Word vectors: found rows, random rows, unit lengths, coverage, the choice of a file, and the cache."""

import time
from pathlib import Path

import numpy as np
import pytest
import torch

from sru_repro.core.errors import ConfigError, DataError
from sru_repro.data.sentences.sst import load_sst
from sru_repro.data.store import vector_cache
from sru_repro.data.store.vector_files import write_cut
from sru_repro.data.store.vectors import load_vectors, plain_form, resolve, unlike

FILE = {"the": [1.0, 2, 2, 0], "(": [0, 3, 0, 4.0], "film": [0, 0, 0, 2.0], "/": [1.0, 1, 1, 1]}
TOKENS = ["the", "film", "the", "-lrb-", "\\/", "unheard", "the"]


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    (tmp_path / "vectors").mkdir()
    lines = [" ".join([word, *map(str, row)]) for word, row in FILE.items()]
    (tmp_path / "vectors/small.txt").write_text("\n".join(lines) + "\n")
    return tmp_path


def test_rows_of_the_file_and_random_rows(data_dir: Path) -> None:
    raw = load_vectors("auto", TOKENS, data_dir, seed=1, dim=4, normalize=False)
    assert raw.vocabulary.words == ("<pad>", "<unk>", "the", "-lrb-", "\\/", "film", "unheard")
    expected = torch.tensor([FILE["the"], FILE["("], FILE["/"], FILE["film"]])
    assert torch.equal(raw.weight_VD[2:6], expected)
    random_rows = raw.weight_VD[[0, 1, 6]]
    assert random_rows.abs().max() <= 0.25 and random_rows.unique().numel() == 12
    assert raw.source == "small.txt"


def test_every_row_has_length_one(data_dir: Path) -> None:
    weight_VD = load_vectors("auto", TOKENS, data_dir, seed=1, dim=4).weight_VD
    assert weight_VD.dtype == torch.float32
    torch.testing.assert_close(weight_VD.norm(dim=1), torch.ones(7))
    torch.testing.assert_close(weight_VD[2], torch.tensor([1.0, 2, 2, 0]) / 3)


def test_coverage_before_and_after_the_look_up_map(data_dir: Path) -> None:
    mapped = load_vectors("small.txt", TOKENS, data_dir, seed=1, dim=4)
    assert (mapped.coverage, mapped.coverage_mapped) == (2 / 5, 4 / 5)
    assert (mapped.token_coverage, mapped.token_coverage_mapped) == (4 / 7, 6 / 7)
    exact = load_vectors("small.txt", TOKENS, data_dir, seed=1, dim=4, map_lookup=False)
    assert (exact.coverage, exact.coverage_mapped) == (2 / 5, 2 / 5)
    assert exact.fingerprint != mapped.fingerprint


def test_plain_forms() -> None:
    escaped = ["-lrb-", "-rrb-", "``", "''", "\\/", "\\*\\*", "1\\/2", "\\?", "--", "film", "\\"]
    assert [plain_form(word) for word in escaped] == [
        "(",
        ")",
        '"',
        '"',
        "/",
        "**",
        "1/2",
        "?",
        "-",
        "film",
        "\\",
    ]


def test_random_rows_depend_on_the_seed_alone(data_dir: Path) -> None:
    torch.manual_seed(5)
    state = torch.get_rng_state()
    one = load_vectors("random", TOKENS, data_dir, seed=0)
    torch.manual_seed(6)
    same, other = (load_vectors("random", TOKENS, data_dir, seed=seed) for seed in (0, 1))
    torch.manual_seed(5)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(one.weight_VD, same.weight_VD) and not torch.equal(one.weight_VD, other.weight_VD)
    assert one.weight_VD.shape == (7, 300) and one.coverage == one.token_coverage_mapped == 0
    assert one.fingerprint == other.fingerprint


def test_second_time_from_the_cache(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = load_vectors("auto", TOKENS, data_dir, seed=1, dim=4)
    kept = list((data_dir / "cache").iterdir())
    assert [path.suffix for path in kept] == [".pt"]
    with monkeypatch.context() as patch:
        patch.setattr(vector_cache, "read_rows", None)
        again = load_vectors("auto", TOKENS, data_dir, seed=1, dim=4)
    assert torch.equal(first.weight_VD, again.weight_VD) and first.fingerprint == again.fingerprint
    kept[0].write_bytes(kept[0].read_bytes()[:100])
    assert torch.equal(first.weight_VD, load_vectors("auto", TOKENS, data_dir, seed=1, dim=4).weight_VD)
    path = data_dir / "vectors/small.txt"
    path.write_text(path.read_text().replace("the 1.0", "the 5.00"))
    assert load_vectors("auto", TOKENS, data_dir, seed=1, dim=4).fingerprint != first.fingerprint


def test_a_cache_that_cannot_be_written_is_no_error(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SRU_REPRO_CACHE", str(data_dir / "vectors/small.txt/below"))
    assert load_vectors("auto", TOKENS, data_dir, seed=1, dim=4).coverage == 2 / 5


def test_auto_prefers_google_news_and_asks_when_there_are_several(data_dir: Path) -> None:
    (data_dir / "vectors/other.txt").write_text("film 1 1 1 1\n")
    with pytest.raises(
        ConfigError, match=r"task.vectors=auto: expected one file .* found other.txt, small.txt"
    ):
        load_vectors("auto", TOKENS, data_dir, seed=1, dim=4)
    row = np.array([3, 0, 0, 0], np.float32).tobytes()
    google = data_dir / "vectors/GoogleNews-vectors-negative300.bin"
    google.write_bytes(b"2 4\nthe " + row + b"\nfilm " + row + b"\n")
    for source in ("auto", "googlenews", str(google)):
        loaded = load_vectors(source, TOKENS, data_dir, seed=1, dim=4)
        assert loaded.source == google.name
        assert loaded.weight_VD[2].tolist() == [1, 0, 0, 0]


def test_a_cut_file_is_found_and_never_taken_for_the_papers(tmp_path: Path) -> None:
    folder = tmp_path / "vectors"
    folder.mkdir()
    google, wiki = "word2vec-google-news-300.gz.cut.npz", "wiki2015.300d.bin.cut.npz"
    rows = {word: np.array(row, np.float32) for word, row in FILE.items()}
    write_cut(folder / wiki, rows)
    loaded = load_vectors("auto", TOKENS, tmp_path, seed=1, dim=4, normalize=False)
    assert (loaded.source, loaded.coverage_mapped) == (wiki, 4 / 5)
    assert loaded.weight_VD[2].tolist() == FILE["the"]
    assert loaded.why_not_the_papers == (
        f"word vectors {wiki} (skip-gram on 79 M words of Wikipedia, a corpus 1/1000 of Google News'; "
        "cut to the most frequent words of some tasks, in half precision)"
    )
    # Of several, a cut of the paper's vectors comes first; by the papers' name only their whole file is found.
    write_cut(folder / google, rows)
    assert resolve("auto", tmp_path).name == google
    assert unlike("googlenews", google) == (
        f"word vectors {google} (the paper's; cut to the most frequent words of some tasks, in half precision)"
    )
    assert "the paper's" not in unlike("glove.840B", google)
    with pytest.raises(ConfigError, match=rf"expected one file in .*, found {wiki}, {google}"):
        resolve("auto", tmp_path, prefer="glove.840B")
    with pytest.raises(DataError, match=r"word2vec-google-news-300.gz: file not found"):
        resolve("googlenews", tmp_path)


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"vectors/word2vec-google-news-300.gz: file not found .*no connection"
    ):
        load_vectors("auto", TOKENS, tmp_path, seed=1)
    with pytest.raises(DataError, match=r"glove.840B.300d.zip: file not found .*no connection"):
        load_vectors("glove.840B", TOKENS, tmp_path, seed=1)
    with pytest.raises(
        DataError, match=r"task.vectors=mine.bin: expected random\|auto\|googlenews\|glove.840B or a file"
    ):
        load_vectors("mine.bin", TOKENS, tmp_path, seed=1)


def test_real_vectors_for_the_real_treebank(real_data: Path) -> None:
    tokens = list(load_sst(real_data).tokens())
    start = time.perf_counter()
    first = load_vectors("auto", tokens, real_data, seed=1)
    middle = time.perf_counter()
    again = load_vectors("auto", tokens, real_data, seed=1)
    assert (
        middle - start < 6 and time.perf_counter() - middle < 2
    )  # three times what it takes on a quiet machine
    assert torch.equal(first.weight_VD, again.weight_VD)
    assert first.weight_VD.shape == (18_846, 300)
    assert 0.83 < first.coverage < first.coverage_mapped and first.token_coverage_mapped > 0.97


def test_a_file_without_any_of_the_words_is_refused(data_dir: Path) -> None:
    (data_dir / "vectors/small.txt").write_text("THE 1 1 1 1\nFILM 2 2 2 2\n")
    pattern = (
        r"small.txt: expected vectors of the words of the data, found none of 5; its first words are 'THE', 'FILM', "
        r"those of the data 'the', '-lrb-', '\\\\/', 'film'"
    )
    with pytest.raises(DataError, match=pattern):
        load_vectors("auto", TOKENS, data_dir, seed=1, dim=4)


def test_few_of_the_words_and_repeated_ones_are_said(data_dir: Path) -> None:
    assert load_vectors("auto", TOKENS, data_dir, seed=1, dim=4).warnings == ()
    (data_dir / "vectors/small.txt").write_text("the 1 1 1 1\nthe 2 2 2 2\nThe 3 3 3 3\n")
    for _ in range(2):  # read, then from the cache
        few, several = load_vectors("auto", TOKENS, data_dir, seed=1, dim=4).warnings
        assert (
            "word vectors cover 20.0% of the words (42.9% of their occurrences), the others get random" in few
        )
        assert "its first words are 'the', 'the', 'The', those of the data 'the', '-lrb-'" in few
        assert several.endswith("small.txt: 1 words have several rows ('the'); the first is used")


@pytest.mark.parametrize("place", [-1, 0.3, 0.5, 0.7, 0.9])
def test_a_damaged_cache_is_read_again(place: float, data_dir: Path) -> None:
    first = load_vectors("auto", TOKENS, data_dir, seed=1, dim=4)
    (kept,) = (data_dir / "cache").iterdir()
    raw = bytearray(kept.read_bytes())
    raw[int(place * len(raw))] ^= 16
    kept.write_bytes(raw)
    assert torch.equal(load_vectors("auto", TOKENS, data_dir, seed=1, dim=4).weight_VD, first.weight_VD)
