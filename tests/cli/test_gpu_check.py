"""`sru-repro gpu-check`: the rehearsal of every section; and one that fails, dies, hangs or has no time."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sru_repro.gpu_check import run as gpu_check
from sru_repro.ops.launch_config import TABLE
from sru_repro.records.base import read
from sru_repro.records.gpu_manifest import USUAL
from sru_repro.records.gpu_page import GPUPage

Command = Callable[..., Any]
REHEARSE = ("gpu-check", "rehearse=true", "device=cpu", "out=pages")


def page(folder: Path, section: str) -> Any:
    return read(GPUPage, folder / f"pages/{section}.json").plain()


def states(content: Any) -> dict[str, str]:
    return {piece["name"]: piece["state"] for piece in content["pieces"]}


@pytest.mark.slow
def test_every_section_is_rehearsed(sru_repro: Command, data: Path, tmp_path: Path) -> None:
    called = sru_repro(*REHEARSE, f"data_dir={data}", "budget=400", cwd=tmp_path)
    assert called.status == 0, called.out + called.err
    for section in USUAL:
        content = page(tmp_path, section)
        assert content["rehearsal"] and content["running"] is None and content["card"]["devices"] == 0
        found = states(content)
        assert list(found) == content["planned"]
        skipped = {name for name, state in found.items() if state == "skipped"}
        assert set(found.values()) <= {"ok", "skipped"} and skipped <= {"devices", "sanitizer"}
        for piece in content["pieces"]:
            assert piece["seconds"] >= 0 and piece["measured"]["date"].endswith("Z"), piece["name"]
    correct = {piece["name"]: piece["values"] for piece in page(tmp_path, "correct")["pieces"]}
    assert all(
        values["cases"] > 0 for name, values in correct.items() if name not in ("devices", "sanitizer")
    )
    assert "of 40 steps" in correct["resume"]["note"]
    speed = {piece["name"]: piece["values"] for piece in page(tmp_path, "speed")["pieces"]}
    assert speed["check"]["cases"] > 0
    rows = speed["shapes/small/float32"]["entry"]["rows"]
    assert {row["contender"] for row in rows} == {"sru", "lstm"} and rows[0]["training"]["median_s"] > 0
    assert speed["decode"]["decode"]["groups"]
    (forward, *_) = [
        piece["values"] for piece in page(tmp_path, "tune")["pieces"] if "kernel" in piece["values"]
    ]
    assert forward["gain"] >= 1 and forward["best"] in [row["tiling"] for row in forward["variants"]]
    for section in ("train-sst", "train-enwik8", "train-squad"):
        (group,) = [
            piece["values"] for piece in page(tmp_path, section)["pieces"] if "runs" in piece["values"]
        ]
        assert group["side_by_side"] == len(group["runs"]) == 2
        for told in group["runs"]:
            assert told["state"] == "finished" and told["headline"] in told["metrics"] and told["epochs"]
            assert told["flop_per_step"] > 0 and told["flop_per_s"] > 0
    # Called again there is nothing left to do, and nothing is written anew.
    before = {path.name: path.read_bytes() for path in (tmp_path / "pages").glob("*.json")}
    again = sru_repro(*REHEARSE, f"data_dir={data}", "sections=tune,speed", cwd=tmp_path)
    assert again.status == 0
    assert before == {path.name: path.read_bytes() for path in (tmp_path / "pages").glob("*.json")}


@pytest.mark.slow
def test_a_section_that_fails_stops_no_other(sru_repro: Command, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
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
    section.LONGEST_S = float(os.environ["LONGEST"])
    known = {
        "fine": lambda seconds: {"cases": 1},
        "dies": lambda seconds: os.kill(os.getpid(), signal.SIGSEGV),
        "wrong": lambda seconds: 1 / 0,
        "after": lambda seconds: {"cases": 2},
        "hangs": lambda seconds: time.sleep(1000),
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
    for _ in range(2):  # the second call comes to it last, when all the time that is left is its own
        called = rehearse_broken("hangs after", budget=20)
        assert called.status == 1, called.err
        hangs, after = page(tmp_path, "tune")["pieces"]
        assert (hangs["state"], hangs["error"]) == ("failed", "hung: it was ended long after its time")
        assert after["state"] == "ok"


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
def test_pages_of_another_machine_are_left_alone(sru_repro: Command, tmp_path: Path) -> None:
    sru_repro(*REHEARSE, "sections=tune", cwd=tmp_path)
    path = tmp_path / "pages/tune.json"
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
def test_a_rehearsal_is_not_adopted(sru_repro: Command, tmp_path: Path) -> None:
    sru_repro(*REHEARSE, "sections=tune", cwd=tmp_path)
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
