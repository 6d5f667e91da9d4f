"""What tests of all floors share: a treebank of the true size made on the spot, real data if any, the command."""

import contextlib
import io
import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Tests run side by side, one process a core, and so do the commands they start: each thread of its own is one too many.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
import torch

from sru_repro.core import machine

TREES = {"train": 8544, "dev": 1101, "test": 2210}
NON_NEUTRAL = {"train": 6920, "dev": 872, "test": 1821}


MAKE = ("MAKEFLAGS", "MAKEOVERRIDES", "MFLAGS", "MAKELEVEL")
STEERED = (
    "DATA",
    "PROFILE",
    "SEEDS",
    "ROWS",
    "JOBS",
    "TEXT",
    "SECTIONS",
    "BUDGET",
    "PACK",
    "LOGGER",
    "RUNS",
    "TRAIN",
    "ARGS",
)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Of `-n auto`: the cores that this process may use, up to eight, as every worker holds a PyTorch."""
    return min(machine.cores(), 8)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Workers begin with the files that hold slow tests, so that none is left alone with one at the end."""
    if hasattr(config, "workerinput"):
        slow = {item.path for item in items if item.get_closest_marker("slow")}
        items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    """Tiny products gain nothing from a second thread, and lose much where other programs run."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(autouse=True)
def private_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No cache of an earlier run, and no download: the only server is a port where nothing listens."""
    monkeypatch.setenv("SRU_REPRO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("SRU_REPRO_MIRROR", "http://127.0.0.1:9")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "*")
    # What `make test DATA=folder` was told it hands on to every make below it.
    for name in ("SRU_REPRO_DATA_KEY", *MAKE, *STEERED):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def treebank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with made-up trees that pass every count: sentences, phrases, and the paper's phrases."""
    folder = tmp_path_factory.mktemp("treebank")
    (folder / "sst/trees").mkdir(parents=True)
    for split in TREES:
        (folder / f"sst/trees/{split}.txt").write_text("\n".join(_trees(split)) + "\n")
    return folder


@pytest.fixture(scope="session")
def squad_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with a SQuAD of 24 and 8 questions on passages of very different lengths; one answer of the
    training set lies within a word."""
    folder = tmp_path_factory.mktemp("squad_data")
    (folder / "squad").mkdir()
    for split, articles in (("train", 6), ("dev", 2)):
        paragraphs = [_paragraph(split, number) for number in range(2 * articles)]
        if split == "train":
            within = paragraphs[0]["qas"][0]["answers"][0]
            within |= {"text": within["text"][:-1]}
        data = [{"title": f"Town_{i}", "paragraphs": paragraphs[2 * i : 2 * i + 2]} for i in range(articles)]
        text = json.dumps({"version": "1.1", "data": data}, ensure_ascii=False)
        (folder / f"squad/{split}-v1.1.json").write_text(text, encoding="utf-8")
    return folder


def _paragraph(split: str, number: int) -> dict[str, Any]:
    """A passage with two questions on it."""
    places, people = ("Arles", "Gent", "Łódź", "Turku", "Évora"), ("Ada", "Bo", "Chen", "Dov")
    place, person, year = places[number % 5], people[number % 4], str(1900 + 7 * number)
    passage = f"The bridge of {place} was built in {year} by {person}. " + "Boats pass below it, slowly. " * (
        number % 6
    )
    qas = []
    for q, (question, answer) in enumerate(
        ((f"Who built the bridge of {place}?", person), (f"When was {place}'s bridge built?", year))
    ):
        answers = [{"text": answer, "answer_start": passage.index(answer)}] * (3 if split == "dev" else 1)
        qas.append({"id": f"{split}{2 * number + q}", "question": question, "answers": answers})
    return {"context": passage, "qas": qas}


@dataclass(frozen=True)
class Called:
    """What a call of the command left: exit status, standard output, standard error."""

    status: int
    out: str
    err: str


@pytest.fixture(scope="session")
def sru_repro() -> Callable[..., Called]:
    """The command, called in this process: `sru_repro("train", "seed=1", cwd=folder, stdin="")`."""
    from sru_repro.cli import main

    def call(*words: str, cwd: Path, stdin: str = "") -> Called:
        out, err, status = io.StringIO(), io.StringIO(), 0
        with pytest.MonkeyPatch.context() as patch, contextlib.chdir(cwd):
            patch.setattr(sys, "stdin", io.StringIO(stdin))
            patch.setattr(sys, "argv", ["sru-repro", *words])
            patch.setenv("HYDRA_FULL_ERROR", "0")
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                try:
                    main(words)
                except SystemExit as stop:
                    status = int(stop.code or 0)
        return Called(status, out.getvalue(), err.getvalue())

    return call


@pytest.fixture
def real_data() -> Path:
    """The folder of real data files that SRU_REPRO_DATA names."""
    folder = os.environ.get("SRU_REPRO_DATA")
    if not folder:
        pytest.skip("SRU_REPRO_DATA names no folder of real data")
    return Path(folder)


def _trees(split: str) -> Iterator[str]:
    """Right-branching trees whose first word tells the label, and whose other words are all different.

    The training trees have 156,817 distinct phrases. 234 words are neutral where they come first and positive
    later; these and 76,961 other phrases are non-neutral.
    """
    changing = 234 if split == "train" else 0
    marked = (
        76_961 - 6920 - 2 if split == "train" else 0
    )  # without whole sentences and the two labelling words
    # Each tree of n words has 2n - 1 phrases. The labelling word of all but three trees, and the second
    # occurrence of each changing word, repeat a phrase.
    surplus = 156_817 + (8544 - 3) + changing - 19 * 8544
    for i in range(TREES[split]):
        value = (4 if i % 2 else 0) if i < NON_NEUTRAL[split] else 2
        words = [{0: "awful", 2: "plain", 4: "Superb"}[value], *(f"{split}{i}-{j}" for j in range(9))]
        values = [value] + [2] * 9
        if split == "train":
            longer = 2 * i < surplus
            if longer:
                words.append(f"longer{i}")
                values.append(2)
            if i < changing:
                words[1] = f"changing{i}"
            elif i < 2 * changing:
                words[1], values[1] = f"changing{i - changing}", 3
        inner = [2] * (len(words) - 2)
        start = 2 if split == "train" and i < 2 * changing else 1
        for j in range(start, len(words)):
            if marked:
                values[j], marked = 3, marked - 1
        for j in range(len(inner)):
            if marked:
                inner[j], marked = 1, marked - 1
        tree = f"({values[-1]} {words[-1]})"
        for j in range(len(words) - 2, 0, -1):
            tree = f"({inner[j - 1]} ({values[j]} {words[j]}) {tree})"
        yield f"({value} ({values[0]} {words[0]}) {tree})"
