"""Building kernels on first use: the cache, several processes at once, and machines on which it cannot be done."""

import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from sru_repro.ops import build, compiler

WRITES_X = 'for last; do :; done; echo x > "$last"'
CALL = """
import sys, time, torch, warnings
before = time.perf_counter()
from sru_repro import ops
assert not (set(sys.modules) & {"cuda.bindings.nvrtc", "pytorch_lightning", "matplotlib"})
torch.manual_seed(0)
started = time.perf_counter()
with warnings.catch_warnings(record=True) as told:
    warnings.simplefilter("always")
    for _ in range(2):
        h, c_n = ops.recurrence("sru", torch.randn(5, 3, 3, 37), None, torch.randn(2, 37), torch.randn(2, 37))
        torch.manual_seed(0)
for warning in told:
    print("warned:", warning.message)
print("backend:", ops.choose().name, "|", ops.choose().why)
print("sum:", round(float(h.double().sum()), 4))
print("import:", started - before, "call:", time.perf_counter() - started)
"""


@pytest.fixture
def process(tmp_path: Path) -> Callable[..., "subprocess.Popen[str]"]:
    """`process(CXX=..., PATH=...)`: a first call in a process of its own, with a cache of its own."""

    def start(**environment: str) -> "subprocess.Popen[str]":
        given = {**os.environ, "SRU_REPRO_KERNELS": str(tmp_path / "kernels"), "OMP_NUM_THREADS": "1"}
        return subprocess.Popen(
            [sys.executable, "-c", CALL], env=given | environment, stdout=subprocess.PIPE, text=True
        )

    return start


@pytest.fixture
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """A cache of this test alone, in this process."""
    folder = tmp_path / "kernels"
    folder.mkdir()
    monkeypatch.setattr(build, "cache_folder", lambda: folder)
    compiler.compiler.cache_clear()
    yield folder
    compiler.compiler.cache_clear()


def said(process: "subprocess.Popen[str]") -> dict[str, str]:
    """What the process printed, by the first word of the line."""
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    return dict(line.split(": ", 1) for line in out.splitlines())


def program(folder: Path, text: str) -> str:
    """A script that stands in for a compiler."""
    path = folder / "compiler"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


@pytest.mark.slow
def test_processes_that_start_at_once_build_one_whole_library_which_the_next_one_finds(
    process: Any, tmp_path: Path
) -> None:
    several = [said(started) for started in [process() for _ in range(3)]]
    assert {answer["backend"].split(" | ")[0] for answer in several} == {"cpp"}
    assert len({answer["sum"] for answer in several}) == 1
    built = sorted((tmp_path / "kernels").iterdir())
    assert [path.suffix for path in built] == [".so"]  # and nothing half-made beside it
    changed = built[0].stat().st_mtime_ns
    again = said(process())
    assert again["sum"] == several[0]["sum"] and built[0].stat().st_mtime_ns == changed
    assert float(again["import"].split(" call: ")[1]) < 2.0


def test_nothing_is_built_or_looked_for_on_import(tmp_path: Path) -> None:
    program = (
        "import sys, torch\n"
        "def no_process(event, arguments):\n"
        "    assert event not in ('subprocess.Popen', 'ctypes.dlopen'), (event, arguments)\n"
        "sys.addaudithook(no_process)\n"
        "import sru_repro, sru_repro.models, sru_repro.ops\n"
        "assert sru_repro.models.SRU and sru_repro.models.QRNN\n"
        "assert not set(sys.modules) & {'cuda.bindings.nvrtc', 'pytorch_lightning', 'wandb'}\n"
    )
    environment = {**os.environ, "SRU_REPRO_KERNELS": str(tmp_path / "kernels"), "PATH": "/nowhere"}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "kernels").exists()


@pytest.mark.slow
def test_without_a_compiler_the_loop_runs_and_says_so_once(process: Any) -> None:
    answer = said(process(PATH="/nowhere"))
    assert answer["backend"].startswith("eager | no C++ compiler: g++ was not found in PATH")
    assert answer["warned"] == (
        "recurrences on cpu fall back to the slow loop in PyTorch: no C++ compiler: g++ was not found in PATH"
    )
    assert said(process())["sum"] == answer["sum"]


@pytest.mark.slow
def test_a_compiler_that_fails_is_named_with_its_first_error(process: Any, tmp_path: Path) -> None:
    broken = program(tmp_path, "echo 'recurrence.cpp:1:1: error: out of luck' >&2; exit 1")
    answer = said(process(CXX=broken))
    assert answer["backend"].startswith("eager | ") and answer["backend"].endswith(
        f"{broken} failed on recurrence.cpp: recurrence.cpp:1:1: error: out of luck"
    )
    assert not list((tmp_path / "kernels").iterdir())


@pytest.mark.slow
def test_a_library_that_does_not_load_is_a_failure_too(process: Any, tmp_path: Path) -> None:
    answer = said(process(CXX=program(tmp_path, 'for last; do :; done; echo no library > "$last"')))
    assert answer["backend"].startswith("eager | ")


def test_another_flag_compiler_or_source_is_another_library(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiler, "_opened", lambda content: content)
    monkeypatch.setenv("CXX", program(cache.parent, WRITES_X))

    def names(*args: Any) -> set[str]:
        compiler.shared_library(*args)
        return {path.name for path in cache.iterdir()}

    assert len(names("recurrence.cpp", (), {"CELL": "sru"}, ["-O2"])) == 1
    assert len(names("recurrence.cpp", (), {"CELL": "sru"}, ["-O2"])) == 1
    assert len(names("recurrence.cpp", (), {"CELL": "sru"}, ["-O3"])) == 2
    assert len(names("recurrence.cpp", ("cells/sru.h",), {"CELL": "sru"}, ["-O2"])) == 3
    assert len(names("recurrence.cpp", (), {"CELL": "sru_v1"}, ["-O2"])) == 4
    monkeypatch.setattr(build, "processor", lambda: "another")
    assert len(names("recurrence.cpp", (), {"CELL": "sru"}, ["-O2"])) == 5
    monkeypatch.setattr(compiler.platform, "libc_ver", lambda: ("glibc", "2.5"))
    assert len(names("recurrence.cpp", (), {"CELL": "sru"}, ["-O2"])) == 6


def test_where_nothing_can_be_written_a_temporary_folder_serves(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(build.VARIABLE, str(tmp_path / "file/below"))
    monkeypatch.setattr(build, "_told", False)
    monkeypatch.setattr(build, "_read_only", [])
    with pytest.warns(
        UserWarning, match=r"^SRU_REPRO_KERNELS: .*/file/below: expected a folder, found a file; "
    ):
        folder = build.cache_folder.__wrapped__()
    assert folder.is_dir() and tmp_path not in folder.parents


def test_a_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    build.place(tmp_path / "name", b"content")
    assert (tmp_path / "name").read_bytes() == b"content"
    with pytest.raises(TypeError):
        build.place(tmp_path / "name", "no bytes")  # type: ignore[arg-type]
    assert [path.name for path in tmp_path.iterdir()] == ["name"]
    assert (tmp_path / "name").read_bytes() == b"content"


@pytest.mark.slow
def test_the_first_build_takes_seconds(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Five at most on an idle machine; processor time is what does not depend on the neighbours."""
    from sru_repro.ops import cpp

    monkeypatch.setattr(build, "cache_folder", lambda: tmp_path)
    before = os.times()
    cpp._library.__wrapped__("sru", torch.float32, torch.float32)
    after = os.times()
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    assert 0.05 < spent < 5.0
