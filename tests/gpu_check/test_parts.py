"""The parts of the GPU check: the page and what is done again, its time, the sanitizer's findings."""

import stat
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from sru_repro.core import machine
from sru_repro.core.errors import ConfigError, RunError
from sru_repro.gpu_check import (
    Failed,
    Planned,
    SectionOptions,
    Skipped,
    Unfinished,
    kernels,
    outside,
    section,
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


def test_what_needs_its_time_has_it_and_what_fits_is_done(
    options: SectionOptions, pieces: list[Planned], capsys: Any
) -> None:
    given: dict[str, float] = {}

    def piece(name: str, weight: float, **needs: Any) -> Planned:
        def run(seconds: float) -> dict[str, Any]:
            given[name] = seconds
            return {}

        return Planned(name, run, weight, **needs)

    pieces += [
        piece("wide", 98.0),
        piece("never", 1.0, least_s=5000.0),
        piece("minute", 1.0, measured_s=lambda: 60.0),
        piece("after", 1.0),
    ]
    hour = SectionOptions("tune", options.out, "cpu", budget_s=3600.0, rehearse=True)
    assert section.carry_out(hour) == section.UNFINISHED
    assert states(options) == {"wide": "ok", "minute": "ok", "after": "ok"}
    # What never fits takes nothing from anybody.
    assert given["wide"] == pytest.approx(3600 * 98 / 101, abs=60)
    assert given["minute"] == pytest.approx(1800, abs=60)
    assert "no time left for 1 pieces, from never on; call again" in capsys.readouterr().err


def test_shares_keep_what_later_pieces_need() -> None:
    def piece(weight: float, least_s: float = 0.0) -> Planned:
        return Planned("x", lambda seconds: {}, weight, least_s)

    assert section.share([piece(9.0), piece(1.0, 40.0)], 100.0) == 60.0
    assert section.share([piece(9.0), piece(1.0, 60.0)], 100.0) == 90.0  # more than half: nothing is kept
    assert section.share([piece(9.0), piece(1.0, 300.0)], 100.0) == 90.0  # which never fits
    assert section.share([piece(1.0, 26.0), piece(9.0, 26.0)], 60.0) == 26.0  # no less than it needs


def test_a_failure_of_time_is_no_failure_and_is_taken_up_again(
    options: SectionOptions, pieces: list[Planned]
) -> None:
    ran: list[str] = []

    def piece(name: str, error: Exception | None = None) -> Planned:
        def run(seconds: float) -> dict[str, Any]:
            ran.append(name)
            if error:
                raise error
            return {"cases": 2}

        return Planned(name, run)

    pieces += [piece("a"), piece("b", Unfinished("1 of 2 was not through", {"cases": 1})), piece("c")]
    assert section.carry_out(options) == section.UNFINISHED
    assert states(options) == {"a": "ok", "b": "unfinished", "c": "ok"}
    assert read(GPUPage, options.page).pieces[1].values.cases == 1
    pieces[1] = piece("b")
    assert section.carry_out(options) == section.DONE
    assert ran == ["a", "b", "c", "b"] and states(options) == dict.fromkeys("abc", "ok")


def test_pages_of_one_gpu_in_another_machine_are_not_mixed(
    options: SectionOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = machine.hardware("cpu")
    Page(options).plan(["a"])

    def named(name: str) -> None:
        monkeypatch.setattr(machine, "hardware", lambda device: own | {"name": name})

    named(f"{own['name']}, 1 thread")
    Page(options)
    named("A GPU, 80 GB; 96-core other chip (AVX2), 500 GB")
    with pytest.raises(
        ConfigError, match=r"expected machine 'A GPU; 96-core other chip .*; name another folder"
    ):
        Page(options)


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
    with pytest.raises(Unfinished, match="memcheck was not through after 1 s"):
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
