"""The parts of the GPU check: the page and what is done again, the sanitizer's findings, the trainings."""

import stat
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from sru_repro.cli.compose import composed
from sru_repro.core import machine
from sru_repro.core.errors import ConfigError, RunError
from sru_repro.core.process import Training
from sru_repro.gpu_check import (
    Failed,
    Planned,
    SectionOptions,
    Skipped,
    kernels,
    outside,
    section,
    training,
    tune,
)
from sru_repro.gpu_check import page as pages
from sru_repro.gpu_check.page import Page, bury
from sru_repro.gpu_check.run import count
from sru_repro.ops import launch_config
from sru_repro.records.base import read
from sru_repro.records.gpu_page import GPUPage
from sru_repro.verify.call import Call


@pytest.fixture
def options(tmp_path: Path) -> SectionOptions:
    return SectionOptions("tune", str(tmp_path), "cpu", rehearse=True)


@pytest.fixture
def pieces(monkeypatch: pytest.MonkeyPatch) -> list[Planned]:
    """What the section consists of: to be filled by a test."""
    found: list[Planned] = []
    monkeypatch.setattr(section, "pieces", lambda options: list(found))
    return found


def states(options: SectionOptions) -> dict[str, str]:
    return {piece.name: piece.state for piece in read(GPUPage, options.page).pieces}


@pytest.mark.slow
def test_a_section_goes_on_where_it_stopped(
    options: SectionOptions, pieces: list[Planned], capsys: Any
) -> None:
    ran: list[str] = []

    def piece(name: str, error: Exception | None = None) -> Planned:
        def run(seconds: float) -> dict[str, Any]:
            ran.append(name)
            if error:
                raise error
            return {"cases": 3}

        return Planned(name, run)

    pieces += [piece("a"), piece("b", ValueError("first line\nsecond")), piece("c", Skipped("no such tool"))]
    assert section.carry_out(options) == section.FAILED
    assert states(options) == {"a": "ok", "b": "failed", "c": "skipped"}
    errors = [found.error for found in read(GPUPage, options.page).pieces]
    assert errors == [None, "ValueError: first line", "no such tool"]
    assert count(options.page) == {"ok": 1, "failed": 1, "skipped": 1, "not run yet": 0}
    pieces[1] = piece("b")
    pieces.append(piece("d"))
    ran.clear()
    assert section.carry_out(options) == section.DONE
    assert ran == ["d", "b"] and list(states(options)) == ["a", "b", "c", "d"]
    del pieces[0]
    assert section.carry_out(options) == section.DONE and list(states(options)) == ["b", "c", "d"]
    assert "tune: b: ok 3 cases" in capsys.readouterr().err


def test_other_code_does_everything_again(
    options: SectionOptions, pieces: list[Planned], monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[str] = []

    def run(name: str, seconds: float) -> dict[str, Any]:
        ran.append(name)
        return {}

    pieces += [Planned(name, partial(run, name)) for name in "ab"]
    section.carry_out(options)
    monkeypatch.setattr(machine, "code_revision", lambda: {"revision": "0123456789ab", "dirty": False})
    section.carry_out(options)
    assert ran == ["a", "b"]  # a commit alone changes nothing
    monkeypatch.setattr(pages, "_sources", lambda: "fedcba987654")
    section.carry_out(options)
    section.carry_out(options)
    assert ran == ["a", "b", "a", "b"]


def test_a_gpu_that_broke_asks_for_a_fresh_process_and_is_not_tried_twice(
    options: SectionOptions, pieces: list[Planned], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(seconds: float) -> dict[str, Any]:
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    pieces += [Planned("breaks", fail), Planned("after", lambda seconds: {})]
    monkeypatch.setattr(section.gpu, "broken", lambda device: True)
    now = SectionOptions("tune", options.out, "cpu", rehearse=True, since="2000-01-01T00:00:00Z")
    assert section.carry_out(now) == section.AGAIN and states(options) == {"breaks": "failed"}
    monkeypatch.setattr(section.gpu, "broken", lambda device: False)
    assert section.carry_out(now) == section.FAILED and states(options) == {"breaks": "failed", "after": "ok"}


def test_time_is_divided_by_weight_and_what_does_not_fit_is_left(
    options: SectionOptions, pieces: list[Planned]
) -> None:
    given: list[float] = []

    def run(seconds: float) -> dict[str, Any]:
        given.append(seconds)
        return {}

    pieces += [
        Planned("heavy", run, weight=3),
        Planned("light", run, weight=1),
        Planned("long", lambda seconds: {}, weight=0.0, least_s=100_000.0),
    ]
    hour = SectionOptions(
        "tune", options.out, "cpu", budget_s=4000.0, rehearse=True
    )  # a busy machine is slow
    assert section.carry_out(hour) == section.UNFINISHED
    assert given == [pytest.approx(3000, abs=100), pytest.approx(4000, abs=100)]
    assert states(options) == {"heavy": "ok", "light": "ok"}


def test_a_dead_process_leaves_the_piece_that_killed_it(options: SectionOptions) -> None:
    page = Page(options)
    page.plan(["a", "b"])
    assert bury(options.page, "died", 1.0) is None
    page.begin("b")
    assert bury(options.page, "died", 1.0) == "b" and bury(options.page, "died", 1.0) is None
    found = read(GPUPage, options.page)
    assert found.running is None and found.pieces[0].error == "died"
    with pytest.raises(
        ConfigError, match="expected rehearsal False, found True; name another folder by out="
    ):
        Page(SectionOptions("tune", options.out, "cpu"))


SANITIZER = """#!{python}
import sys
check = sys.argv[2]
print("========= COMPUTE-SANITIZER")
print({words!r}[check])
print("14 calls")
sys.exit({status}[check])
"""


def test_the_sanitizer_is_asked_twice_and_its_first_finding_told(
    tmp_path: Path, options: SectionOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool = tmp_path / "compute-sanitizer"

    def install(words: dict[str, str], status: dict[str, int]) -> None:
        tool.write_text(SANITIZER.format(python=sys.executable, words=words, status=status))
        tool.chmod(tool.stat().st_mode | stat.S_IXUSR)

    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Skipped, match="compute-sanitizer was not found in PATH"):
        outside.sanitizer(options, 10)
    install({"memcheck": "fine", "initcheck": "fine"}, {"memcheck": 0, "initcheck": 0})
    found = outside.sanitizer(options, 10)
    assert found == {"cases": 14, "note": "memcheck: no error, initcheck: no error"}
    finding = "========= Invalid __global__ read of size 16 bytes"
    install({"memcheck": "fine", "initcheck": finding}, {"memcheck": 0, "initcheck": 9})
    with pytest.raises(RunError, match=r"^initcheck: Invalid __global__ read of size 16 bytes$"):
        outside.sanitizer(options, 10)
    tool.write_text(f"#!{sys.executable}\nimport time; time.sleep(60)")
    with pytest.raises(RunError, match="memcheck was not through after 1 s"):
        outside.sanitizer(options, 1)


def test_what_runs_under_the_sanitizer_runs() -> None:
    from sru_repro.gpu_check.sanitized import main

    assert main(kernels.torch.device("cpu")) == 14


def test_a_wrong_kernel_is_told(options: SectionOptions, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Call.results

    def off(call: Call, backend: str) -> Any:
        found = real(call, backend)
        return found if backend == "reference" else {key: value * 1.01 for key, value in found.items()}

    monkeypatch.setattr(Call, "results", off)
    with pytest.raises(RunError, match=r"wrong: back end \w+, sru \(length 1, .*h is off by"):
        kernels.grid(options, 1.0, "sru")


def test_every_launch_configuration_that_is_tried_can_be_compiled_for_a_thread() -> None:
    for kernel in ("forward", "backward"):
        for kind in tune.TYPES:
            found = tune.configs(kernel, kind)
            assert len(found) > 20 and len(set(found)) == len(found)
            assert max(config.columns for config in found) * kind.itemsize == 16
            assert max(config.threads for config in found) == launch_config.MOST_THREADS


@pytest.mark.parametrize("name", list(training.GROUPS))
def test_every_training_of_the_plan_is_a_sound_configuration(name: str, tmp_path: Path) -> None:
    for rehearse in (False, True):
        wanted = SectionOptions(name, str(tmp_path), "cpu", rehearse=rehearse)
        for group in training.GROUPS[name]:
            for row in group.rows:
                config = composed(training.overrides(wanted, group, row, 30.0))
                assert config.trainer.max_seconds == (0 if rehearse else 30)
                assert rehearse or config.trainer.precision == "bf16-mixed"


def test_a_run_that_failed_leaves_its_last_word(
    tmp_path: Path, options: SectionOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\necho something\necho sru-repro: the end\nexit 2\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    run = Training(["experiment=small/sru"], tmp_path / "run")
    assert run.wait(10) == 2
    told = training._told("small/sru", run)
    assert (told.state, told.error) == ("failed", "sru-repro: the end")


def test_a_group_of_which_one_run_failed_has_failed_and_keeps_the_others(
    options: SectionOptions, pieces: list[Planned]
) -> None:
    def run(seconds: float) -> dict[str, Any]:
        raise Failed("1 of 2 runs failed: lstm: no such file", {"cases": 1})

    pieces.append(Planned("small", run))
    assert section.carry_out(options) == section.FAILED
    (found,) = read(GPUPage, options.page).pieces
    assert (found.state, found.values.plain()) == ("failed", {"cases": 1})
    assert found.error == "1 of 2 runs failed: lstm: no such file"
