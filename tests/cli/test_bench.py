"""`sru-repro bench`: what it refuses, what it leaves, and that a wrong back end stops it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from sru_repro import bench
from sru_repro.bench import decode, decoders, run
from sru_repro.core.errors import RunError
from sru_repro.verify import tolerance

Command = Callable[..., Any]
pytestmark = pytest.mark.usefixtures("tiny_bench")


def left(results: Path, kind: str) -> tuple[str, Any]:
    """The hardware's name in the names of files, and the record: no other file is there but picture and page."""
    files = sorted(path.name for path in results.iterdir())
    slug = files[0].removeprefix(f"{kind}-").removesuffix(".json")
    assert files == [
        f"{kind}-{slug}.json",
        f"{kind}-{slug}.png",
        f"{kind}-{slug}.svg",
        f"{kind}.md",
    ] and slug.startswith("cpu-")
    record = json.loads((results / files[0]).read_text())
    assert record["hardware"]["threads"] == 1 and record["packages"]["torch"] == torch.__version__
    return slug, record


def assert_answered(out: str, page: Path) -> None:
    """The answer comes before all tables, as on the page, in lines of 80 columns."""
    answer = page.read_text().partition("**")[2].partition("\n\n## ")[0].replace("**", "").split("\n\n")
    before, _, tables = out.partition("─")
    told = before[before.index(answer[0]) :].split("\n\n")[: len(answer)]
    assert len(answer) > 1 and [" ".join(part.split()) for part in told] == answer and tables
    assert max(len(line) for part in told for line in part.splitlines()) <= 80


@pytest.mark.slow
def test_everything_is_measured_printed_and_written(sru_repro: Command, tmp_path: Path) -> None:
    called = sru_repro("bench", "device=cpu", "repeats=1", "budget=1", "threads=1", cwd=tmp_path)
    assert called.status == 0, called.err
    slug, record = left(tmp_path / "results", "speed")
    assert [entry["name"] for entry in record["shapes"]] == ["small", "other"]
    for text in (called.out, (tmp_path / "results/speed.md").read_text()):
        for part in (
            "small, L6 B3 5→4 ×2, float32",
            "The recurrence alone",
            "The cost of a call",
            "How cost grows",
        ):
            assert part in text, part
        assert "it does not compile" in text
    assert "left: shapes: small" in called.err
    assert_answered(called.out, tmp_path / "results/speed.md")
    again = sru_repro("report", cwd=tmp_path)
    assert again.out.split() == ["results/speed.md", f"results/speed-{slug}.svg", f"results/speed-{slug}.png"]


@pytest.mark.slow
def test_named_shapes_are_measured_without_the_rest(sru_repro: Command, tmp_path: Path) -> None:
    called = sru_repro("bench", "device=cpu", "shapes=other", "repeats=1", cwd=tmp_path)
    assert called.status == 0, called.err
    (path,) = (tmp_path / "results").glob("*.json")
    record = json.loads(path.read_text())
    found = {section: [entry["name"] for entry in record[section]] for section in bench.PARTS}
    assert found == {"shapes": ["other"], "recurrence": ["other"], "overhead": [], "growth": []}


def test_the_threads_are_given_back(
    sru_repro: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, during = torch.get_num_threads(), []

    def measure(*_: Any) -> None:
        during.append(torch.get_num_threads())
        raise RunError("enough")

    monkeypatch.setattr(bench, "measure", measure)
    assert sru_repro("bench", "device=cpu", f"threads={before + 1}", cwd=tmp_path).status == 1
    assert during == [before + 1] and torch.get_num_threads() == before


def test_a_red_check_is_told_in_a_line_and_nothing_is_written(
    sru_repro: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tolerance, "FACTOR", -1.0)  # then not even plain PyTorch is right enough
    monkeypatch.setattr(run, "machine_rates", pytest.fail)
    called = sru_repro("bench", "device=cpu", cwd=tmp_path)
    (line,) = [line for line in called.err.splitlines() if line.startswith("sru-repro: ")]
    assert called.status == 1
    assert "correctness checks fail, so nothing is timed: back end " in line and "is off by" in line
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("device=tpu", "device: expected 'cpu' or 'cuda', found 'tpu'"),
        ("shapes=foo", "shapes: expected some of small, other, found 'foo'"),
        ("shapes=", "shapes: expected some of small, other, found ''"),
        (
            "sections=shapes,foo",
            "sections: expected some of shapes, recurrence, overhead, growth, found 'foo'",
        ),
        ("repeats=0", "repeats: expected a whole number from 1 on, found '0'"),
        ("budget=long", "budget: expected a whole number from 1 on, found 'long'"),
        ("threads=-1", "threads: expected a whole number from 1 on, found '-1'"),
        ("speed=high", "speed=high: expected task=..., device=..., shapes=..., sections=..., contexts=..., "),
        ("task=encode", "task: expected 'decode', found 'encode'"),
        ("task=decode shapes=small", "shapes: expected it without task=decode"),
        ("task=decode sections=growth", "sections: expected it without task=decode"),
        ("contexts=16", "contexts: expected it beside task=decode"),
        ("task=decode contexts=16,0", "contexts: expected whole numbers from 1 on such as 1,2,3, found '0'"),
        ("task=decode contexts=", "contexts: expected whole numbers from 1 on such as 1,2,3, found ''"),
        ("task=decode device=tpu", "device: expected 'cpu' or 'cuda', found 'tpu'"),
        ("repeats=1 repeats=2", "repeats: expected once, found twice"),
    ],
)
def test_what_cannot_be_measured_is_refused(
    words: str, line: str, sru_repro: Command, tmp_path: Path
) -> None:
    called = sru_repro("bench", *words.split(), cwd=tmp_path)
    assert called.status == 2 and called.err.startswith(f"sru-repro: {line}")
    assert called.err.count("\n") == 1 and list(tmp_path.iterdir()) == []


def test_a_back_end_that_does_not_exist_is_refused(
    sru_repro: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SRU_REPRO_BACKEND", "foo")
    called = sru_repro("bench", "device=cpu", cwd=tmp_path)
    assert called.status == 2 and called.err.startswith("sru-repro: SRU_REPRO_BACKEND: unknown")


@pytest.mark.slow
@pytest.mark.usefixtures("tiny_decode")
def test_generation_is_measured_printed_and_written(sru_repro: Command, tmp_path: Path) -> None:
    called = sru_repro("bench", "task=decode", "device=cpu", "threads=1", cwd=tmp_path)
    assert called.status == 0, called.err
    _, record = left(tmp_path / "results", "decode")
    assert [len(group["rows"]) for group in record["groups"]] == [4 * 2 * 2] * 2
    for text in (called.out, (tmp_path / "results/decode.md").read_text()):
        for part in (
            "Width 16 each, 32 streams at once",
            "SRU++, attention in the last layer",
            "as many tokens/s as the faster LSTM; it is ahead at ",
        ):
            assert part in text, part
    assert "contexts 4, 8\n" in called.out
    assert_answered(called.out, tmp_path / "results/decode.md")
    assert "left: About 0.02 million parameters each, after 8 symbols" in called.err


@pytest.mark.slow
@pytest.mark.usefixtures("tiny_decode")
def test_contexts_and_rounds_are_chosen(sru_repro: Command, tmp_path: Path) -> None:
    words = ("task=decode", "device=cpu", "contexts=6,2,6", "repeats=1", "budget=1")
    assert sru_repro("bench", *words, cwd=tmp_path).status == 0
    (path,) = (tmp_path / "results").glob("*.json")
    record = json.loads(path.read_text())
    rows = [row for group in record["groups"] for row in group["rows"]]
    assert record["contexts"] == [2, 6] == sorted({row["context"] for row in rows})
    assert {row["repeats"] for row in rows} == {1}


@pytest.mark.usefixtures("tiny_decode")
def test_a_contender_that_is_wrong_stops_generation(
    sru_repro: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = decoders.LSTMCells.forward
    monkeypatch.setattr(
        decoders.LSTMCells, "forward", lambda self, x, state=None: right(self, 0.9 * x, state)
    )
    monkeypatch.setattr(decode, "generation", pytest.fail)
    called = sru_repro("bench", "task=decode", "device=cpu", cwd=tmp_path)
    (line,) = [line for line in called.err.splitlines() if line.startswith("sru-repro: ")]
    assert called.status == 1 and "1 of 4 correctness checks fail, so nothing is timed: nn.LSTMCell" in line
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(torch.cuda.is_available(), reason="here is one")
def test_without_a_cuda_device_cuda_is_refused(sru_repro: Command, tmp_path: Path) -> None:
    called = sru_repro("bench", "device=cuda", cwd=tmp_path)
    assert called.status == 2 and "expected a CUDA GPU, found none" in called.err
