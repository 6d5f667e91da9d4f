"""Calls of the command on small data."""

import functools
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from sru_repro import bench
from sru_repro.bench import authors, contenders, decode, decoders
from sru_repro.bench import run as bench_run
from sru_repro.bench.shapes import Shape
from sru_repro.cli import campaign, tables
from sru_repro.cli.bar import Bar
from sru_repro.cli.sweep import member
from sru_repro.cli.sweep.here import Here
from sru_repro.data.sentences import treebank as sst_files
from sru_repro.ops import build
from sru_repro.verify import grid

SMALL = ("profile=smoke", "trainer=cpu", "logger=csv", "task.train_on=sentences", "task.batch_size=8")


@pytest.fixture(autouse=True, scope="package")
def _slow_parts_once() -> Iterator[None]:
    """The same bytes make the same trees, the same files the same rows; each takes half a second."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sst_files, "_parse", functools.cache(sst_files._parse))
        patch.setattr(tables, "describe", functools.cache(tables.describe))
        yield


@pytest.fixture(scope="session")
def data(treebank: Path, squad_folder: Path) -> Path:
    """A data folder with the treebank, a word vector file of few words, a SQuAD of a few questions, and beginnings
    of the long texts."""
    if not (treebank / "enwik8").is_dir():
        beginning_of_texts(treebank)
        shutil.copytree(squad_folder / "squad", treebank / "squad")
    (treebank / "vectors").mkdir(exist_ok=True)
    rows = [
        f"{word} {' '.join(f'{(i * 7 + j) % 11 - 5}.25' for j in range(300))}" for i, word in enumerate(WORDS)
    ]
    (treebank / "vectors/three.300d.txt").write_text("\n".join(rows) + "\n")
    return treebank


def beginning_of_texts(folder: Path) -> None:
    """Made-up beginnings of enwik8 and of the WikiText sets, and a text."""
    for name in ("enwik8", "wiki2015", "wikitext-2", "wikitext-103"):
        (folder / name).mkdir()
    raw = (b"<page> The history of some text, and more of it </page>\n" * 300)[:9000]
    (folder / "enwik8/enwik8.first9000").write_bytes(raw)
    (folder / "wiki2015/some.txt").write_bytes(raw)
    for name in ("wikitext-2", "wikitext-103"):
        for split, lines in (("train", 300), ("valid", 60), ("test", 60)):
            text = "".join(f" word{i % 40} and word{i % 17} are <unk> \n" for i in range(lines))
            (folder / name / f"wiki.{split}.tokens").write_text(text)


@pytest.fixture(scope="session")
def language_run(data: Path, sru_repro: Callable[..., Any], tmp_path_factory: Any) -> Path:
    """The folder of a finished run of SRU++ on the beginning of enwik8."""
    folder: Path = tmp_path_factory.mktemp("language")
    words = ("task=enwik8", "model=srupp", "model.hidden_size=8", "model.projection_size=4")
    small = ("profile=smoke", "logger=csv", "trainer=cpu", "task.batch_size=16", f"data_dir={data}")
    called = sru_repro("train", *words, *small, "hydra.run.dir=run", cwd=folder)
    assert called.status == 0, called.err
    return folder / "run"


@pytest.fixture(scope="session")
def squad_run(squad_folder: Path, sru_repro: Callable[..., Any], tmp_path_factory: Any) -> Path:
    """The folder of a finished run of the reader."""
    folder: Path = tmp_path_factory.mktemp("reader")
    words = (
        "task=squad",
        "model=sru",
        "model.bidirectional=true",
        "model.hidden_size=4",
        "task.vectors=random",
    )
    small = ("task.vector_size=8", "profile=smoke", "logger=csv", "trainer=cpu", f"data_dir={squad_folder}")
    called = sru_repro("train", *words, *small, "hydra.run.dir=run", cwd=folder)
    assert called.status == 0, called.err
    return folder / "run"


WORDS = ("awful", "superb", "plain", "bridge")


@pytest.fixture(scope="session")
def small(data: Path) -> tuple[str, ...]:
    """Words that make a run on SST last half a second."""
    return (*SMALL, f"data_dir={data}", "model.hidden_size=8", "model.num_layers=1")


@pytest.fixture(scope="session")
def sst_run(sru_repro: Callable[..., Any], small: tuple[str, ...], tmp_path_factory: Any) -> Path:
    """The folder of a finished run on SST, which has learned that the first word is what counts."""
    folder: Path = tmp_path_factory.mktemp("sst")
    words = (
        *small,
        "model=gru",
        "trainer.max_epochs=8",
        "optim.lr=0.01",
        "task.limit=200",
        "hydra.run.dir=run",
    )
    called = sru_repro("train", *words, cwd=folder)
    assert called.status == 0, called.err
    return folder / "run"


@pytest.fixture
def runs_made(sru_repro: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Folders of the runs that `reproduce` starts, which are made in this process to save time."""
    made: list[str] = []

    def run(
        jobs: Sequence[campaign.Job], side_by_side: int, bar: Bar, _: Any
    ) -> Generator[tuple[campaign.Job, int]]:
        for job in jobs:
            made.append(str(job.folder))
            bar.at(job.folder, job.config.top.row, 0.5, 1.0)
            words = (*job.overrides, f"hydra.run.dir={job.folder}")
            yield job, int(sru_repro("train", *words, cwd=Path.cwd()).status)

    monkeypatch.setattr(campaign, "_finished", run)
    monkeypatch.setattr(campaign, "_in_turns", lambda jobs, bar, caught: run(jobs, 1, bar, caught))
    return made


@pytest.fixture
def members_here(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The arguments with which members of sweeps were begun; they train in this process, to save what another one takes
    to start, and so that a test may patch what they do."""
    begun: list[list[str]] = []

    class Noted(Here):
        """A training that is noted down."""

        def __init__(self, words: Sequence[str], *how: Any) -> None:
            begun.append([*words])
            super().__init__(words, *how)

    monkeypatch.setattr(member, "Training", Noted)
    return begun


@pytest.fixture
def process(tmp_path: Path) -> Callable[..., subprocess.Popen[str]]:
    """`process("train", ...)`: the command in a process of its own, in `tmp_path`, with nothing of the user's."""
    (tmp_path / "home").mkdir()
    (tmp_path / "work").mkdir()

    def start(*words: str) -> subprocess.Popen[str]:
        kernels = str(build.cache_folder())  # of the user's home: compiled once for all
        environment = {**os.environ, "HOME": str(tmp_path / "home"), "SRU_REPRO_KERNELS": kernels}
        return subprocess.Popen(
            [sys.executable, "-m", "sru_repro", *words],
            cwd=tmp_path / "work",
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start


TINY = {
    "small": Shape("small", "small, L6 B3 5→4 ×2", 6, 3, 5, 4, 2, ragged=True),
    "other": Shape("other", "other, L4 B2 d4", 4, 2, 4, 4),
}


@pytest.fixture
def tiny_bench(monkeypatch: pytest.MonkeyPatch) -> None:
    """`sru-repro bench` with tiny shapes and products, a short check, no package of the authors'."""

    def fail(device_type: str) -> None:
        raise RuntimeError("it does not compile")

    monkeypatch.setattr(bench, "SHAPES", TINY)
    monkeypatch.setattr(bench, "GROWTH", {"other": TINY["other"]})
    monkeypatch.setattr(grid, "COMPACT", grid.COMPACT[:1])
    monkeypatch.setattr(
        bench_run, "machine_rates", functools.partial(bench_run.machine_rates, copied=1 << 20, size=64)
    )
    for module in (authors, contenders, bench_run):
        monkeypatch.setattr(module, "authors_package", fail)


@pytest.fixture
def tiny_decode(monkeypatch: pytest.MonkeyPatch) -> None:
    """Generation with four tiny models, for a moment."""
    for name in set(decoders.MODELS) - {"sru-2", "srupp-last", "lstm", "lstm-cells"}:
        monkeypatch.delitem(decoders.MODELS, name)
    tiny = functools.partial(decode.DecodePlan, parameters=20_000, width=16, contexts=(4, 8), budget_s=0.1)
    monkeypatch.setattr(decode, "DecodePlan", tiny)
