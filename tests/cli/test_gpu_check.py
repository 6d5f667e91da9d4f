"""`sru-repro gpu-check`: the rehearsal of every section; and one that fails, dies, hangs or has no time."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sru_repro.gpu_check import paper_sizes
from sru_repro.gpu_check import run as gpu_check
from sru_repro.ops.launch_config import TABLE
from sru_repro.records.base import read
from sru_repro.records.gpu_manifest import USUAL
from sru_repro.records.gpu_page import FoundBlocks, FoundPaperSize, FoundSteps, GPUPage

from .in_one_process import carried_out_here

Command = Callable[..., Any]
REHEARSE = ("gpu-check", "rehearse=true", "device=cpu", "out=pages")


def page(folder: Path, section: str) -> Any:
    return read(GPUPage, folder / f"pages/{section}.json").plain()


def states(content: Any) -> dict[str, str]:
    return {piece["name"]: piece["state"] for piece in content["pieces"]}


@pytest.fixture(scope="module")
def rehearsed(sru_repro: Command, data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder in which everything was rehearsed; that sections and trainings are processes shows in half of them."""
    folder = tmp_path_factory.mktemp("rehearsed")
    with pytest.MonkeyPatch.context() as patch:
        carried_out_here(patch, "steps", "papers", "train-sst", "train-squad")
        # Of a rehearsal this is patience: an idle machine takes a minute, a busy one may take many.
        called = sru_repro(*REHEARSE, f"data_dir={data}", "budget=3000", cwd=folder)
    assert called.status == 0, called.out + called.err
    yield folder


@pytest.fixture
def tuned(rehearsed: Path, tmp_path: Path) -> Path:
    """A folder of pages with that of `tune` alone."""
    (tmp_path / "pages").mkdir()
    for name in ("tune.json", "launch_configs.json"):
        shutil.copy(rehearsed / "pages" / name, tmp_path / "pages")
    return tmp_path / "pages"


@pytest.mark.slow
def test_every_section_is_rehearsed(rehearsed: Path) -> None:
    for name in USUAL:
        content = page(rehearsed, name)
        assert content["rehearsal"] and content["running"] is None and content["card"]["devices"] == 0
        found = states(content)
        assert list(found) == content["planned"]
        skipped = {name for name, state in found.items() if state == "skipped"}
        assert set(found.values()) <= {"ok", "skipped"} and skipped <= {"devices", "sanitizer"}
        for piece in content["pieces"]:
            assert piece["seconds"] >= 0 and piece["measured"]["date"].endswith("Z"), piece["name"]
    correct = {piece["name"]: piece["values"] for piece in page(rehearsed, "correct")["pieces"]}
    assert all(
        values["cases"] > 0 for name, values in correct.items() if name not in ("devices", "sanitizer")
    )
    assert "of 40 steps" in correct["resume"]["note"]
    speed = {piece["name"]: piece["values"] for piece in page(rehearsed, "speed")["pieces"]}
    assert speed["check"]["cases"] > 0
    rows = speed["shapes/small/float32"]["entry"]["rows"]
    assert {row["contender"] for row in rows} == {"sru", "lstm"} and rows[0]["training"]["median_s"] > 0
    assert speed["decode"]["decode"]["groups"]
    (forward, *_) = [
        piece["values"] for piece in page(rehearsed, "tune")["pieces"] if "kernel" in piece["values"]
    ]
    assert forward["gain"] >= 1 and forward["best"] in [row["tiling"] for row in forward["variants"]]
    for name in ("train-sst", "train-enwik8", "train-squad"):
        (group,) = [piece["values"] for piece in page(rehearsed, name)["pieces"] if "runs" in piece["values"]]
        assert group["side_by_side"] == len(group["runs"]) == 2
        for told in group["runs"]:
            assert told["state"] == "finished" and told["headline"] in told["metrics"] and told["epochs"]
            assert told["flop_per_step"] > 0 and told["flop_per_s"] > 0


@pytest.mark.slow
def test_called_again_there_is_nothing_left_to_do(tuned: Path, sru_repro: Command, tmp_path: Path) -> None:
    before = {path.name: path.read_bytes() for path in tuned.iterdir()}
    assert sru_repro(*REHEARSE, "sections=tune", cwd=tmp_path).status == 0
    assert before == {path.name: path.read_bytes() for path in tuned.iterdir()}


@pytest.mark.slow
def test_steps_are_trained_as_they_are_and_as_graphs(rehearsed: Path) -> None:
    found = {piece.name: piece.values for piece in read(GPUPage, rehearsed / "pages/steps.json").pieces}
    assert found["captures"].cases == 4
    language, sentences = found["language"], found["sentences"]
    assert isinstance(language, FoundSteps) and isinstance(sentences, FoundSteps)
    assert [step.row for step in (*language.steps, *sentences.steps)] == ["sru", "srupp", "sru2", "lstm"]
    for step in language.steps:
        assert step.replayed >= 1 and step.shapes >= 1 and not step.notes and step.apart == 0
        assert step.gpu_ms and step.busy and step.graph_ms > 0
    assert all(step.gpu_ms is None and step.apart is None for step in sentences.steps)


@pytest.mark.slow
def test_papers_sizes_leave_steps_and_profiles(rehearsed: Path) -> None:
    papers = read(GPUPage, rehearsed / "pages/papers.json")
    for row, size in paper_sizes.SIZES.items():
        piece = papers.piece(f"step/{row}")
        assert piece is not None
        found = piece.values
        assert isinstance(found, FoundPaperSize)
        assert found.aim == size.aim and found.share and found.flop > 0
        assert len(found.profile) == paper_sizes.KERNELS
        assert [kernel.ms for kernel in found.profile] == sorted((k.ms for k in found.profile), reverse=True)
        best_s = min(timing.median_s or 0.0 for timing in (found.called, found.graph))
        assert found.share == pytest.approx(
            found.flop / best_s / (found.bfloat16_flop_per_s or 0.0), rel=1e-3
        )
    blocks = papers.piece("blocks")
    assert blocks is not None and isinstance(blocks.values, FoundBlocks) and len(blocks.values.blocks) == 9


@pytest.mark.slow
def test_a_section_that_fails_stops_no_other(
    sru_repro: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty").mkdir()
    carried_out_here(monkeypatch, "train-enwik8", "tune")
    called = sru_repro(*REHEARSE, "data_dir=empty", "sections=train-enwik8,tune", "budget=120", cwd=tmp_path)
    assert called.status == 1
    assert "train-enwik8  failed" in called.out and "tune          done" in called.out
    failed = page(tmp_path, "train-enwik8")["pieces"][-1]
    assert failed["state"] == "failed" and failed["error"].startswith("2 of 2 runs failed: sru: ")
    assert "enwik8" in failed["error"] and "\n" not in failed["error"]
    assert set(states(page(tmp_path, "tune")).values()) == {"ok"}


BROKEN = """
import os, signal, sys, time
if "sru_repro.gpu_check" in sys.orig_argv:
    from sru_repro.gpu_check import Planned, section
    section.LONGEST_S = section.LONGEST_REHEARSED_S = float(os.environ["LONGEST"])
    known = {
        "fine": lambda seconds: {"cases": 1},
        "dies": lambda seconds: os.kill(os.getpid(), signal.SIGSEGV),
        "wrong": lambda seconds: 1 / 0,
        "after": lambda seconds: {"cases": 2},
        "hangs": lambda seconds: "CURED" in os.environ and {"cases": 1} or time.sleep(1000),
    }
    section.pieces = lambda options: [
        Planned(name, known[name], weight=0.001 if name == "hangs" else 1.0) for name in os.environ["PIECES"].split()
    ]
"""
"""The section `tune`, replaced in its process by the pieces that PIECES names."""


@pytest.fixture
def broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """`broken("fine dies")`: what the section consists of."""
    (tmp_path / "sitecustomize.py").write_text(BROKEN)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.setenv("LONGEST", "90")
    monkeypatch.setattr(gpu_check, "GRACE_S", 1.0)
    return lambda names: monkeypatch.setenv("PIECES", names)


@pytest.fixture
def rehearse_broken(sru_repro: Command, tmp_path: Path, broken: Callable[[str], None]) -> Command:
    """`rehearse_broken("fine dies", budget=15)`: the rehearsal of such a section, and what came of the call."""

    def call(names: str, budget: int) -> Any:
        broken(names)
        return sru_repro(*REHEARSE, "sections=tune", f"budget={budget}", cwd=tmp_path)

    return call


@pytest.mark.slow
def test_what_dies_or_is_wrong_is_told_and_the_rest_is_done(rehearse_broken: Command, tmp_path: Path) -> None:
    called = rehearse_broken("fine dies wrong after", budget=120)
    assert called.status == 1, called.err
    content = page(tmp_path, "tune")
    assert states(content) == {"fine": "ok", "dies": "failed", "wrong": "failed", "after": "ok"}
    errors = {piece["name"]: piece["error"] for piece in content["pieces"]}
    assert errors["dies"] == "the process was ended by SIGSEGV"
    assert errors["wrong"] == "ZeroDivisionError: division by zero"


@pytest.mark.slow
def test_what_hangs_is_ended_and_the_rest_is_done(
    rehearse_broken: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LONGEST", "1")
    called = rehearse_broken("hangs after", budget=20)
    assert called.status == 1, called.err
    hangs, after = page(tmp_path, "tune")["pieces"]
    assert (hangs["state"], hangs["error"]) == ("failed", "hung: it was ended long after its time")
    assert after["state"] == "ok"
    monkeypatch.setenv("CURED", "1")  # what failed is tried again
    assert rehearse_broken("hangs after", budget=20).status == 0
    assert states(page(tmp_path, "tune")) == {"hangs": "ok", "after": "ok"}


@pytest.mark.slow
def test_what_takes_the_time_of_its_section_is_ended(rehearse_broken: Command, tmp_path: Path) -> None:
    called = rehearse_broken("hangs after", budget=15)
    assert called.status == 1 and "1 not run yet" in called.out, called.err
    (piece,) = page(tmp_path, "tune")["pieces"]
    assert (piece["name"], piece["state"]) == ("hangs", "failed")
    assert piece["error"] == "hung: it was ended long after its time"


@pytest.mark.slow
def test_without_time_nothing_is_begun_and_the_status_says_so(sru_repro: Command, tmp_path: Path) -> None:
    called = sru_repro(*REHEARSE, "sections=correct", "budget=1", cwd=tmp_path)
    assert called.status == 3, called.out + called.err
    content = page(tmp_path, "correct")
    found = states(content)
    assert len(found) < len(content["planned"]) and "resume" not in found
    assert "correct       unfinished" in called.out


@pytest.mark.slow
def test_pages_of_another_machine_are_left_alone(tuned: Path, sru_repro: Command, tmp_path: Path) -> None:
    path = tuned / "tune.json"
    content = json.loads(path.read_text())
    content["card"]["name"] = "Another GPU"
    path.write_text(json.dumps(content))
    before = path.read_bytes()
    for words in (("sections=tune",), ("sections=tune", "fresh=true"), ("sections=correct",)):
        called = sru_repro(*REHEARSE, *words, cwd=tmp_path)
        assert called.status == 2 and "found 'Another GPU'; name another folder by out=" in called.err
        assert path.read_bytes() == before
        assert sorted(other.name for other in path.parent.glob("*.json")) == [
            "launch_configs.json",
            "tune.json",
        ]


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("device=cuda",), "device=cuda: expected a CUDA GPU, found none; device=cpu"),
        ((), "gpu-check: expected a CUDA GPU, found none; rehearse=true runs everything"),
        (("sections=speed,foo",), "sections: expected some of correct, speed, tune, steps, papers,"),
        (("rehearse=yes",), "rehearse: expected true or false, found 'yes'"),
        (("rehearse=true", "budget=ten"), "budget: expected seconds, a whole number from 1 on, found 'ten'"),
        (("device=tpu",), "device: expected 'cpu' or 'cuda', found 'tpu'"),
        (("adopt=there", "fresh=true"), "adopt: expected no other key beside it, found fresh"),
        (("adopt=nowhere",), "nowhere/tune.json: expected "),
        (
            ("foo=1",),
            "foo=1: expected sections=..., budget=..., out=..., device=..., data_dir=..., rehearse=...",
        ),
    ],
)
def test_bad_words_are_told_in_one_line(
    words: tuple[str, ...], line: str, sru_repro: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    called = sru_repro("gpu-check", *words, cwd=tmp_path)
    assert called.status == 2 and called.err.startswith(f"sru-repro: {line}") and called.err.count("\n") == 1
    assert not any(tmp_path.iterdir())


@pytest.mark.slow
def test_a_rehearsal_is_not_adopted(tuned: Path, sru_repro: Command, tmp_path: Path) -> None:
    before = TABLE.read_bytes()
    called = sru_repro("gpu-check", "adopt=pages", cwd=tmp_path)
    assert called.status == 2 and "adopt=pages: expected what a GPU measured, found a rehearsal" in called.err
    assert TABLE.read_bytes() == before


@pytest.mark.slow
def test_sigterm_ends_the_section_in_progress(tmp_path: Path, broken: Callable[[str], None]) -> None:
    broken("fine hangs")
    words = [sys.executable, "-m", "sru_repro", *REHEARSE, "sections=tune", "budget=600"]
    process = subprocess.Popen(words, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    path = tmp_path / "pages/tune.json"
    while process.poll() is None and not (
        path.exists() and read(GPUPage, path).plain()["running"] == "hangs"
    ):
        time.sleep(0.05)
    process.terminate()
    process.communicate(timeout=60)
    assert process.returncode == 143
    assert (
        states(read(GPUPage, path).plain()) == {"fine": "ok"}
        and read(GPUPage, path).plain()["running"] == "hangs"
    )
