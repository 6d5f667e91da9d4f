"""Packed data: what is kept, what is said, which folders are left alone."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sru_repro.core.errors import ConfigError, DataError
from sru_repro.data import pack as module
from sru_repro.data.pack import pack
from sru_repro.data.squad.dataset import load_squad
from sru_repro.data.store.vector_files import read_rows, write_cut
from sru_repro.data.text.load import load_corpus

WORDS = ("Poland", "poland", "is", "wine", "What", "?", "nowhere")


@pytest.fixture
def here(squad_dir: Callable[..., Path]) -> Path:
    """A data folder with a SQuAD of a few questions, vectors of some of their words, and 9,000 bytes of enwik8."""
    folder = squad_dir()
    (folder / "vectors").mkdir()
    rows = [" ".join([word, *["0.25"] * 299, str(i)]) for i, word in enumerate(WORDS)]
    (folder / "vectors/some.txt").write_text("\n".join(rows) + "\n")
    (folder / "enwik8").mkdir()
    (folder / "enwik8/enwik8.first9000").write_bytes(bytes(range(250)) * 36)
    return folder


def kept(folder: Path) -> dict[str, float]:
    """The words of the packed vectors, with the last number of each."""
    rows = read_rows(folder / "vectors/some.txt.cut.npz", set(WORDS), 300)
    return {word: float(row[-1]) for word, row in rows.items()}


def test_the_most_frequent_words_first(here: Path, tmp_path: Path) -> None:
    said: list[str] = []
    pack(here, tmp_path / "all", ["squad"], say=said.append)
    # "poland" is no word of the texts, and "Poland", which is, is found as it stands.
    assert kept(tmp_path / "all") == {"What": 4, "?": 5, "Poland": 0, "is": 2, "wine": 3}
    assert said[-1] == "vectors: 5 of the 5 words that it has, 100.00% of their occurrences"
    pack(here, tmp_path / "two", ["squad"], words=2, say=said.append)
    assert kept(tmp_path / "two") == {"?": 5, "is": 2}
    assert said[-1].startswith("vectors: 2 of the 5 words that it has, ")
    # A part of the questions has fewer words.
    pack(here, tmp_path / "part", ["squad"], questions=1, say=said.append)
    assert set(kept(tmp_path / "part")) == {"Poland", "is", "wine", "?"}
    assert len(load_squad(tmp_path / "part").train) == 1


def test_a_pack_can_be_packed_again(here: Path, tmp_path: Path) -> None:
    pack(here, tmp_path / "one", ["squad", "enwik8"], say=str)
    pack(tmp_path / "one", tmp_path / "two", ["squad", "enwik8"], say=str)
    first, second = (
        {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        for folder in (tmp_path / "one", tmp_path / "two")
    )
    assert first == second and "vectors/some.txt.cut.npz" in first


@pytest.mark.parametrize(("text_bytes", "size"), [(5000, 5000), (9000, 9000), (10_000, 9000), (0, 9000)])
def test_enwik8_or_its_beginning(here: Path, tmp_path: Path, text_bytes: int, size: int) -> None:
    pack(here, tmp_path / "pack", ["enwik8"], text_bytes=text_bytes, say=str)
    assert [path.name for path in sorted((tmp_path / "pack").iterdir())] == ["enwik8", "pack.json"]
    packed = (tmp_path / f"pack/enwik8/enwik8.first{size}").read_bytes()
    assert packed == (here / "enwik8/enwik8.first9000").read_bytes()[:size]
    again = load_corpus("enwik8", tmp_path / "pack", "bytes")
    assert (again.fingerprint == load_corpus("enwik8", here, "bytes").fingerprint) is (size == 9000)


def test_the_whole_of_enwik8_keeps_its_name(
    here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SIZE", 9000)
    pack(here, tmp_path / "pack", ["enwik8"], say=str)
    assert (tmp_path / "pack/enwik8/enwik8").stat().st_size == 9000


def test_vectors_of_two_papers_are_two_files(treebank: Path, here: Path, tmp_path: Path) -> None:
    row = np.ones(300, np.float32)
    (here / "vectors/glove.840B.300d.txt").write_text(f"Poland {' '.join(['1'] * 300)}\n")
    (here / "vectors/GoogleNews-vectors-negative300.bin").write_bytes(b"1 300\nplain " + row.tobytes())
    (here / "sst").symlink_to(treebank / "sst")
    pack(here, tmp_path / "pack", ["sst", "squad"], say=str)
    names = sorted(path.name for path in (tmp_path / "pack/vectors").iterdir())
    assert names == ["GoogleNews-vectors-negative300.bin.cut.npz", "glove.840B.300d.txt.cut.npz"]


def test_another_pack_is_replaced_and_other_folders_are_left_alone(here: Path, tmp_path: Path) -> None:
    out = tmp_path / "deep/pack"
    pack(here, out, ["squad"], say=str)
    pack(here, out, ["enwik8"], text_bytes=100, say=str)
    assert sorted(path.name for path in out.iterdir()) == ["enwik8", "pack.json"]
    assert json.loads((out / "pack.json").read_text())["tasks"] == ["enwik8"]
    (tmp_path / "file").write_text("")
    for other in (here, tmp_path / "file"):
        with pytest.raises(
            ConfigError, match=r"expected an earlier pack, an empty folder or none, found other"
        ):
            pack(here, other, ["enwik8"], say=str)
    assert (here / "squad/train-v1.1.json").is_file()


def test_a_failure_leaves_the_earlier_pack(here: Path, tmp_path: Path) -> None:
    out = tmp_path / "pack"
    pack(here, out, ["enwik8"], say=str)
    (here / "enwik8/enwik8.first9000").write_bytes(b"cut")
    with pytest.raises(DataError, match=r"expected the first 9,000 bytes of enwik8"):
        pack(here, out, ["enwik8"], say=str)
    assert (out / "enwik8/enwik8.first9000").stat().st_size == 9000
    assert not list(tmp_path.glob(".part-*"))


def test_what_is_missing(here: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"trainDevTestTrees_PTB.zip: file not found"):
        pack(here, tmp_path / "pack", ["sst"], say=str)
    write_cut(here / "vectors/some.txt.cut.npz", {"elsewhere": np.zeros(300, np.float32)})
    (here / "vectors/some.txt").unlink()
    with pytest.raises(DataError, match=r"expected vectors of the words of the tasks, found none of \d+$"):
        pack(here, tmp_path / "pack", ["squad"], say=str)
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=r"file/pack: expected a folder with room for a pack"):
        pack(here, tmp_path / "file/pack", ["enwik8"], say=str)
    assert not (tmp_path / "pack").exists()
