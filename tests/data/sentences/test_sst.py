"""The treebank: counts, which phrases count with which label, the forms it comes in, and bad files."""

import shutil
import time
import zipfile
from collections import Counter
from pathlib import Path

import pytest

from sru_repro.core.errors import ConfigError, DataError
from sru_repro.data.sentences import sst
from sru_repro.data.sentences import treebank as sst_files
from sru_repro.data.sentences.examples import Example
from sru_repro.data.sentences.sst import load_sst
from sru_repro.data.store.fetch import Remote, digest

TINY = {
    "train": "(3 (2 A) (4 (3 Fine) (2 film)))\n(1 (1 fine) (2 (2 a) (3 Dull)))\n(2 (2 a) (2 film))\n",
    "dev": "(1 (2 Not) (3 fine))\n",
    "test": "(4 (2 so) (4 8\u00a01\\/2))\n",
}


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Five trees in a data folder, and a loader that expects five."""
    (tmp_path / "sst/trees").mkdir(parents=True)
    for split, text in TINY.items():
        (tmp_path / f"sst/trees/{split}.txt").write_text(text, encoding="utf-8")
    monkeypatch.setattr(sst_files, "TREES", {"train": 3, "dev": 1, "test": 1})
    monkeypatch.setattr(sst, "SENTENCES", {"binary": (2, 1, 1), "fine": (3, 1, 1)})
    counts = {"phrases": {"binary": 5, "fine": 7}, "paper_phrases": {"binary": 4, "fine": 7}}
    monkeypatch.setattr(sst, "PHRASES", counts)
    return tmp_path


def _texts(examples: list[Example]) -> list[tuple[str, int]]:
    return [(" ".join(example.tokens), example.label) for example in examples]


def test_a_phrase_has_the_label_of_its_first_non_neutral_occurrence(tiny: Path) -> None:
    splits = load_sst(tiny)
    expected = [("fine", 1), ("fine film", 1), ("a fine film", 1), ("dull", 1), ("fine a dull", 0)]
    assert _texts(splits.train) == expected
    assert _texts(splits.val) == [("not fine", 0)]
    assert splits.test == [Example(("so", "8\u00a01\\/2"), 1)]
    assert splits.classes == ("negative", "positive")


def test_five_classes_keep_neutral_phrases(tiny: Path) -> None:
    splits = load_sst(tiny, "fine", "sentences")
    assert _texts(splits.train) == [("a fine film", 3), ("fine a dull", 1), ("a film", 2)]
    with pytest.raises(DataError, match="expected 7 fine examples, found 9"):
        load_sst(tiny, "fine", "phrases")


def test_the_papers_list_drops_what_is_neutral_at_first(tiny: Path) -> None:
    tree = tiny / "sst/trees/train.txt"
    tree.write_text("(3 (2 dull) (3 film))\n(1 (1 dull) (2 (2 a) (3 fine)))\n(2 a)\n")
    sst.PHRASES["phrases"]["binary"] = 5
    assert ("dull", 0) in _texts(load_sst(tiny).train)
    paper = load_sst(tiny, train_on="paper_phrases").train
    assert _texts(paper) == [("film", 1), ("dull film", 1), ("fine", 1), ("dull a fine", 0)]


def test_complete_treebank_passes_every_count_in_time(treebank: Path) -> None:
    start = time.process_time()
    binary = load_sst(treebank)
    assert time.process_time() - start < 3
    assert [len(binary.train), len(binary.val), len(binary.test)] == [77_195, 872, 1821]
    assert "76,961" in binary.notes[0]
    assert len(load_sst(treebank, train_on="paper_phrases").train) == 76_961
    fine = load_sst(treebank, "fine", "sentences")
    assert [len(fine.train), len(fine.val), len(fine.test)] == [8544, 1101, 2210]
    assert len(load_sst(treebank, "fine").train) == 156_817


def test_limit_comes_after_the_counts_and_is_told(treebank: Path) -> None:
    whole, part = load_sst(treebank, train_on="sentences"), load_sst(treebank, train_on="sentences", limit=7)
    for few, all_of_them in ((part.train, whole.train), (part.val, whole.val), (part.test, whole.test)):
        assert sorted(Counter(example.label for example in few).values()) == [3, 4]
        places = [all_of_them.index(example) for example in few]
        assert places == sorted(places), "in the order of the split"
    assert "only 7 examples of each split, as many of each class" in part.notes[-1]
    assert part.fingerprint != whole.fingerprint


def test_real_treebank(real_data: Path) -> None:
    splits = load_sst(real_data)
    assert [len(splits.train), len(splits.val), len(splits.test)] == [77_195, 872, 1821]
    assert len({example.tokens for example in splits.train}) == 77_195
    # The first lines of the authors' phrase file, and a leaf with a no-break space kept whole.
    paper = load_sst(real_data, train_on="paper_phrases")
    assert _texts(paper.train)[:4] == [("new", 1), ("splash", 1), ("a splash", 1), ("greater", 1)]
    assert len(paper.train) == 76_961
    assert any("2\u00a01\\/2" in example.tokens for example in splits.train)


def test_cut_file_names_file_expected_and_found(treebank: Path, tmp_path: Path) -> None:
    shutil.copytree(treebank, tmp_path, dirs_exist_ok=True)
    path = tmp_path / "sst/trees/dev.txt"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:1000]))
    with pytest.raises(DataError, match=r"sst/trees/dev.txt: expected 1,101 trees, found 1,000"):
        load_sst(tmp_path)
    path.write_text("".join(lines[:1000]) + lines[1000][:30])
    with pytest.raises(DataError, match=r"sst/trees/dev.txt:1001: expected one tree .* found .*"):
        load_sst(tmp_path)
    path.unlink()
    with pytest.raises(DataError, match=r"sst/trees/dev.txt: file not found .* data_dir="):
        load_sst(tmp_path)


def test_changed_label_is_noticed_by_the_count(treebank: Path, tmp_path: Path) -> None:
    shutil.copytree(treebank, tmp_path, dirs_exist_ok=True)
    path = tmp_path / "sst/trees/test.txt"
    path.write_text("(2" + path.read_text()[2:])
    with pytest.raises(DataError, match=r"test.txt: expected 1,821 binary examples, found 1,820"):
        load_sst(tmp_path)


def test_archive_is_read_without_unpacking(
    treebank: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = tmp_path / "trainDevTestTrees_PTB.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for split in sst_files.TREES:
            file.write(treebank / f"sst/trees/{split}.txt", f"trees/{split}.txt")
    remote = Remote(sst_files.ARCHIVE_REMOTE.url, f"sha256:{digest(archive)}")
    monkeypatch.setattr(sst_files, "ARCHIVE_REMOTE", remote)
    assert load_sst(tmp_path).train == load_sst(treebank).train
    assert list(tmp_path.iterdir()) == [archive]


def test_line_files(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.rmtree(tiny / "sst")
    (tiny / "sentences").mkdir()
    for name, text in {
        "train": "1 A fine film\n0 dull\n",
        "dev": "0 dull\n",
        "test": "1 fine\u00a0!\n",
    }.items():
        (tiny / f"sentences/stsa.binary.{name}").write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=r"stsa.binary.train: expected sha256 71c04bcc\w+, found"):
        load_sst(tiny, train_on="sentences")
    monkeypatch.setattr(sst_files, "STSA_SHA256", {})
    splits = load_sst(tiny, train_on="sentences")
    assert _texts(splits.train) == [("a fine film", 1), ("dull", 0)]
    assert splits.test == [Example(("fine\u00a0!",), 1)]
    (tiny / "sentences/stsa.binary.train").write_text("1 fine\n0 \n")
    with pytest.raises(DataError, match=r"stsa.binary.train:2: expected a label and words, found no word"):
        load_sst(tiny, train_on="sentences")


def test_authors_phrase_file(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.rmtree(tiny / "sst")
    monkeypatch.setattr(sst_files, "STSA_SHA256", {})
    for name, text in {"phrases.train": "1 a\n0 b\n1 c\n0 d\n", "dev": "0 e\n", "test": "1 f\n"}.items():
        (tiny / f"stsa.binary.{name}").write_text(text)
    splits = load_sst(tiny)
    assert _texts(splits.train) == [("a", 1), ("b", 0), ("c", 1), ("d", 0)]
    assert splits.source == "stsa.binary.phrases.train, stsa.binary.dev, stsa.binary.test"


@pytest.mark.parametrize("train_on", ["phrases", "sentences"])
def test_nothing_there_and_no_network(tmp_path: Path, train_on: sst_files.TrainOn) -> None:
    start = time.process_time()
    with pytest.raises(
        DataError, match=r"file not found .*no connection to 127.0.0.1: .* data_dir="
    ) as caught:
        load_sst(tmp_path, train_on=train_on)
    assert time.process_time() - start < 3
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_unknown_options(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"task.labels=three: expected binary or fine"):
        load_sst(tmp_path, "three")  # type: ignore[arg-type]
    with pytest.raises(
        ConfigError, match=r"task.train_on=words: expected phrases, paper_phrases or sentences"
    ):
        load_sst(tmp_path, train_on="words")  # type: ignore[arg-type]
