"""Several processes that train one run: losses as of one process with the joint batch, exact resume, a common end."""

import csv
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
import torch

from sru_repro.cli.compose import composed
from sru_repro.core.errors import ConfigError, RunError
from sru_repro.core.interrupt import Interrupted
from sru_repro.records.run import RunRecord, read_record
from sru_repro.torture._ended import assert_same, ended
from sru_repro.training.config import RunConfig
from sru_repro.training.ranks import children
from sru_repro.training.run import train
from sru_repro.training.weights import LAST

Configured = Callable[..., RunConfig]
Words = list[str]

ALL = ("profile=smoke", "trainer=cpu", "logger=csv", "trainer.max_epochs=0", "trainer.log_every=1")
SST = (
    *("task=sst", "task.train_on=sentences", "task.limit=40", "task.batch_size=7", "task.reshuffle=true"),
    *("task.vectors=random", "task.vector_size=16", "model.hidden_size=8"),
)
SQUAD = (
    *("task=squad", "task.batch_size=5", "task.vectors=random", "task.vector_size=12", "task.tagger=none"),
    *("model.bidirectional=true", "model.hidden_size=6"),
)
LM = (
    *("task=quickstart", "task.max_bytes=20000", "task.batch_size=5", "task.unroll=256"),
    *("task.embedding_size=8", "task.eval_batch_size=1", "model.hidden_size=8"),
)
NO_DROPOUT = ("model.dropout=0", "task.dropout=0")
COMPARED = {
    "sst": (*SST, *NO_DROPOUT),
    "squad": (*SQUAD, *NO_DROPOUT, "task.layer_dropout=0", "task.output_dropout=0"),
    "a language model": (*LM, *NO_DROPOUT, "task.val_batch_size=3"),
    "more ranks than streams, steps of three segments": (
        *(*LM, *NO_DROPOUT, "task.batch_size=1", "trainer.accumulate=3", "optim.clip_norm=0.1"),
    ),
}


class Other:
    """The other one of two processes, which a launcher would have started."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.port = str(_free_port())
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("_rank.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **environment, **self.variables(1)},
        )

    def variables(self, rank: int) -> dict[str, str]:
        """What the launcher tells a process."""
        place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": self.port, "LOCAL_RANK": str(rank)}
        return {**place, "WORLD_SIZE": "2", "RANK": str(rank)}

    def train(
        self, words: Words, folder: Path, resume: bool = False, what: str = "", at: int = 0
    ) -> RunRecord:
        """Trains with it; `what` happens to it in a batch."""
        words = [*words, "trainer.devices=2"]
        told = {"words": words, "folder": f"{folder}-other", "resume": resume, "what": what, "at": at}
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(told) + "\n")
        self._process.stdin.flush()
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self.variables(0).items():
                patch.setenv(name, value)
            return train(composed(words), folder, [], resume)

    def said(self) -> str:
        """How it ended."""
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def close(self) -> int:
        """Its exit status."""
        with self._process as process:
            assert process.stdin is not None
            process.stdin.close()
            return process.wait(30)


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Other]:
    environment = {
        "SRU_REPRO_CACHE": str(tmp_path_factory.mktemp("cache")),
        "HF_ENDPOINT": "http://127.0.0.1:9",
    }
    process = Other(environment)
    yield process
    assert process.close() == 0


@pytest.mark.slow
@pytest.mark.parametrize("name", COMPARED)
def test_two_ranks_learn_what_one_process_learns(
    name: str,
    other: Other,
    treebank: Path,
    squad_folder: Path,
    tmp_path: Path,
    sru_repro: Callable[..., Any],
) -> None:
    folder = squad_folder if name == "squad" else treebank
    words = [*ALL, *COMPARED[name], f"data_dir={folder}", "trainer.max_steps=9", "trainer.validate_every=4"]
    one = train(composed(words), tmp_path / "one", [])
    two = other.train(words, tmp_path / "two")
    assert other.said() == "finished" and not (tmp_path / "two-other").exists()
    assert two.ranks is not None and (two.ranks.world, two.ranks.backend) == (2, "gloo") and one.ranks is None
    steps = list(zip(_curve(tmp_path / "one"), _curve(tmp_path / "two"), strict=True))
    assert sum("train/loss" in ours for ours, _ in steps) == 9
    for ours, theirs in steps:
        assert (ours["step"], ours["tokens"]) == (theirs["step"], theirs["tokens"])
        for key in (key for key in ours if key.startswith(("train/", "val/"))):
            assert theirs[key] == pytest.approx(ours[key], rel=2e-6, abs=2e-7)
    assert two.metrics.keys() == one.metrics.keys()
    for key, value in one.metrics.items():
        if key.startswith(("val/", "test/")):
            assert two.metrics[key] == pytest.approx(value, rel=2e-6)
    evaluated = sru_repro("evaluate", f"run={tmp_path / 'two'}", cwd=tmp_path)
    assert evaluated.status == 0, evaluated.err
    if name == "sst":  # whole batches, added up in their order
        assert evaluated.out.count("identical") == 4
        ours, theirs = (
            json.loads((tmp_path / run / "predictions.json").read_text()) for run in ("one", "two")
        )
        assert list(ours) == list(theirs) == [str(number) for number in range(one.data.counts["test"])]
        for number, said in ours.items():
            assert (theirs[number]["text"], theirs[number]["gold"]) == (said["text"], said["gold"])
            assert theirs[number]["probability"] == pytest.approx(said["probability"], abs=1e-4)
    if name == "squad":
        files = [(tmp_path / run / "predictions.json").read_bytes() for run in ("one", "two")]
        assert files[0] == files[1]


@pytest.mark.slow
def test_a_signal_to_one_rank_stops_both_and_they_go_on_exactly(
    other: Other, treebank: Path, tmp_path: Path
) -> None:
    """Dropout is drawn by each rank for itself, the state of a stream carried."""
    words = [*ALL, *LM, "model.dropout=0.3", f"data_dir={treebank}", "trainer.max_steps=20"]
    other.train(words, tmp_path / "straight")
    assert other.said() == "finished"
    with pytest.raises(Interrupted) as stop:
        other.train(words, tmp_path / "stopped", what="sigterm", at=7)
    assert stop.value.status == 143 and other.said() == "SystemExit 143"
    last = torch.load(tmp_path / "stopped" / LAST, weights_only=True)
    kept = last["callbacks"]["ExactResume"]
    assert last["global_step"] == 7 and not torch.equal(kept["cpu"], kept["others"][0]["cpu"])
    with pytest.raises(ConfigError, match=r"trainer\.devices: 2 there, 1 asked for"):
        train(composed(words), tmp_path / "stopped", [], resume=True)
    other.train(words, tmp_path / "stopped", resume=True)
    assert other.said() == "finished"
    assert_same(ended(tmp_path / "stopped"), ended(tmp_path / "straight"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("what", "line"),
    [
        ("nan", r"^rank 1: step 3: the loss is nan, .*fault\.pt"),
        ("bug", "^rank 1: ValueError: a model's own$"),
    ],
)
def test_a_fault_of_one_rank_ends_both(
    what: str, line: str, other: Other, treebank: Path, tmp_path: Path
) -> None:
    words = [*ALL, *LM, f"data_dir={treebank}", "trainer.max_steps=5"]
    with pytest.raises(RunError, match=line):
        other.train(words, tmp_path / "run", what=what, at=3)
    assert other.said() == "SystemExit 1"
    assert (tmp_path / "run/fault.pt").is_file() == (what == "nan")
    assert read_record(tmp_path / "run").state == "failed"


@pytest.mark.slow
def test_a_rank_that_dies_ends_the_run_and_is_named(
    configured: Configured,
    happening: Callable[..., AbstractContextManager[None]],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """The other process is one that the run has started itself."""
    started: list[int] = []
    start = children.Leader.start

    def watched(self: children.Leader, port: int) -> None:
        start(self, port)
        started.extend(child.pid for child in self._children.values())

    def kill() -> None:
        started.append(int(time.monotonic()))
        os.kill(started[0], signal.SIGKILL)

    monkeypatch.setattr(children.Leader, "start", watched)
    config = configured("lm", "trainer.devices=2", "trainer.max_epochs=1000")
    with (
        happening("training_step", 4, kill),
        pytest.raises(RunError, match=r"^rank 1 \(process \d+\) was ended by SIGKILL"),
    ):
        train(config, tmp_path, [])
    child, killed = started
    assert time.monotonic() - killed < 60
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)
    record = read_record(tmp_path)
    assert record.state == "failed" and f"process {child}" in str(record.error)
    assert not list(tmp_path.glob("rank*.txt"))


def _curve(folder: Path) -> list[dict[str, float]]:
    with (folder / "metrics.csv").open() as file:
        return [{key: float(value) for key, value in line.items() if value} for line in csv.DictReader(file)]


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])
