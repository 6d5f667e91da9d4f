"""A corpus or a set of sentences of one's own: one file, one configuration, and everything works with it."""

import json
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from sru_repro.cli import tables
from sru_repro.core import layout
from sru_repro.data.sentences import sets
from sru_repro.data.text import corpora

from ..pages import page

Command = Callable[..., Any]

PAGE = page("own").files
VERSE, TONES = (
    PAGE[f"src/sru_repro/data/{name}.py"] for name in ("text/corpora/verse", "sentences/sets/tones")
)
VERSE_TASK, TONES_TASK = PAGE["conf/task/verse.yaml"], PAGE["conf/task/tones.yaml"]
SMALL = ("model.hidden_size=8", "profile=smoke", "logger=csv", "trainer=cpu")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of conf/ that the command reads, data, and folders `corpora` and `sets` that it scans."""
    shutil.copytree(layout.conf_folder(), tmp_path / "conf")
    monkeypatch.setattr(layout, "conf_folder", lambda: tmp_path / "conf")
    for package in (corpora, sets):
        folder = tmp_path / package.__name__.rpartition(".")[2]
        folder.mkdir()
        monkeypatch.setattr(package, "__path__", [*package.__path__, str(folder)])
    (tmp_path / "data").mkdir()
    (tmp_path / "data/verse.txt").write_text(
        "The sea is calm to-night.\nThe tide is full, the moon lies fair\n" * 50
    )
    lines = [f"{i % 3} sentence {i} in a {('calm', 'glad', 'sad')[i % 3]} tone\n" for i in range(60)]
    (tmp_path / "data/tones.all").write_text("".join(lines))
    yield tmp_path
    for name in (f"{corpora.__name__}.verse", f"{sets.__name__}.tones"):
        sys.modules.pop(name, None)


def listed(called: Any) -> dict[str, int]:
    """The parameters of each row that `list` prints."""
    cells = [[cell.strip() for cell in line.split("|")] for line in called.out.splitlines()]
    return {row[0]: int(row[2].replace(",", "")) for row in cells}


def test_a_new_corpus_is_a_file_and_a_configuration(place: Path, sru_repro: Command) -> None:
    (place / "corpora/verse.py").write_text(VERSE)
    (place / "conf/task/verse.yaml").write_text(VERSE_TASK)
    called = sru_repro("train", "task=verse", "hydra.run.dir=run", *SMALL, cwd=place)
    assert called.status == 0, called.err
    record = json.loads((place / "run/run.json").read_text())
    assert (record["task"], record["epochs"][-1]["step"]) == ("verse", 3)
    assert record["headline"] == "test/bpc" and 0 < record["metrics"]["test/bpc"] < 20
    used = len(set((place / "data/verse.txt").read_text()))
    # Counted with the symbols that the corpus declares, not with those at hand: an embedding of 8, an output of 8.
    assert record["parameters"] - 50 * 17 == model_alone(place / "run", used)
    assert sru_repro("evaluate", "run=run", cwd=place).out.count("identical") == 4
    assert sru_repro("predict", "run=run", "text=The sea", cwd=place).status == 0
    fetched = sru_repro("fetch", "task=verse", cwd=place)
    assert fetched.out.startswith("verse: ") and "from verse.txt" in fetched.out
    rows = listed(sru_repro("list", "task=verse", cwd=place))
    assert "sru" in rows and all(rows.values())


def model_alone(run: Path, used: int) -> int:
    """Parameters of the trained model without embedding and output, of which there are `used` symbols."""
    saved = torch.load(run / "checkpoints/last.ckpt", weights_only=True)["state_dict"]
    weights = {name: value for name, value in saved.items() if isinstance(value, torch.Tensor)}
    assert [len(weights[name]) for name in weights if name.endswith(("embedding.weight", "output.bias"))] == [
        used
    ] * 2
    total = sum(value.numel() for value in weights.values())
    return total - used * 17


def test_what_a_new_corpus_declares_is_held_to(place: Path, sru_repro: Command) -> None:
    (place / "corpora/verse.py").write_text(VERSE)
    (place / "conf/task/verse.yaml").write_text(VERSE_TASK)
    refusals = {
        "task.level=words": "task: corpus=verse needs level=bytes or symbols, found level=words",
        "task.path=some.txt": "task: path=some.txt needs corpus=text, found corpus=verse",
        "task.corpus=prose": "task.corpus: expected 'enwik8', 'stdlib', 'text', 'verse', 'wikitext103' or 'wikitext2', "
        "found 'prose'",
    }
    for word, line in refusals.items():
        called = sru_repro("train", "task=verse", word, *SMALL, cwd=place)
        assert (called.status, called.err) == (2, f"sru-repro: {line}\n")


def test_a_new_set_of_sentences_is_a_file_and_a_configuration(place: Path, sru_repro: Command) -> None:
    (place / "sets/tones.py").write_text(TONES)
    (place / "conf/task/tones.yaml").write_text(TONES_TASK)
    words = (*SMALL, "task.vectors=random", "task.vector_size=6", "task.batch_size=8")
    called = sru_repro("train", "task=tones", "hydra.run.dir=run", *words, cwd=place)
    assert called.status == 0, called.err
    record = json.loads((place / "run/run.json").read_text())
    assert (record["task"], record["fold"]) == ("tones", 0) and record["data"]["counts"]["test"] == 6
    assert sru_repro("evaluate", "run=run", cwd=place).out.count("identical") == 4
    predicted = sru_repro("predict", "run=run", "text=a glad tone", cwd=place)
    assert predicted.status == 0 and predicted.out.split()[0] in ("calm", "glad", "sad")
    rows = listed(sru_repro("list", "task=tones", cwd=place))
    assert rows["sru2"] - listed(sru_repro("list", "task=cr", cwd=place))["sru2"] == 128 + 1, "a class more"
    assert tables.load_table("sentences").tasks == ["cr", "subj", "mr", "trec", "mpqa", "tones"]
    refused = sru_repro("train", "task=tones", "task.name=imdb", *words, cwd=place)
    assert refused.err == (
        "sru-repro: task.name: expected 'cr', 'mpqa', 'mr', 'subj', 'tones' or 'trec', found 'imdb'\n"
    )


def test_a_file_that_is_not_what_its_set_declares(place: Path, sru_repro: Command) -> None:
    (place / "sets/tones.py").write_text(TONES.replace("(20, 20, 20)", "(20, 20, 21)"))
    (place / "conf/task/tones.yaml").write_text(TONES_TASK)
    called = sru_repro("train", "task=tones", "task.vectors=random", *SMALL, cwd=place)
    assert called.status == 2
    assert (
        "tones.all: expected per label {0: 20, 1: 20, 2: 21} examples, found {0: 20, 1: 20, 2: 20}"
        in called.err
    )


def test_a_file_with_two_corpora_is_named(place: Path, sru_repro: Command) -> None:
    (place / "corpora/verse.py").write_text(VERSE + "\n\nclass Second(Verse):\n    pass\n")
    (place / "conf/task/verse.yaml").write_text(VERSE_TASK)
    called = sru_repro("train", "task=verse", *SMALL, cwd=place)
    assert called.status == 2 and "corpora/verse.py: expected one subclass of Corpus, found 2" in called.err
