"""The cache of kernels mends itself: damaged files, other builders, folders that cannot be written, odd compilers."""

import errno
import fcntl
import os
import signal
import time
from collections.abc import Callable, Iterator
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from sru_repro.ops import build, compiler, products

NAME = "kernel-0123.so"


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """A cache with a name that a shell or a linker might stumble over."""
    cache = tmp_path / "a b #%1 'ü\""
    cache.mkdir()
    monkeypatch.setattr(build, "cache_folder", lambda: cache)
    monkeypatch.setattr(build, "_told", False)
    compiler.compiler.cache_clear()
    yield cache
    compiler.compiler.cache_clear()


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[], int]:
    """Builds or finds a library of one function that gives 7, and calls it."""
    sources = tmp_path / "sour ces"
    sources.mkdir()
    (sources / "types.h").write_text("")
    (sources / "seven.cpp").write_text('extern "C" int seven() { return 7; }\n')
    monkeypatch.setattr(build, "KERNELS", sources)
    build.sources.cache_clear()

    def call() -> int:
        found = compiler.shared_library("seven.cpp", (), {"CELL": "none"}, ["-shared", "-fPIC"]).seven()
        assert isinstance(found, int)
        return found

    return call


def script(path: Path, text: str) -> str:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def cut(path: Path, size: int) -> None:
    with path.open("r+b") as file:
        file.truncate(size)


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[3] ^= 1
    path.write_bytes(data)


def replaced(path: Path, make: Callable[[Path], object]) -> None:
    path.unlink()
    make(path)


def filled(path: Path) -> None:
    path.mkdir()
    (path / "something").write_text("else")


DAMAGE: dict[str, Callable[[Path], object]] = {
    "empty": lambda path: cut(path, 0),
    "cut at the start": lambda path: cut(path, 100),
    "cut at the end": lambda path: cut(path, path.stat().st_size - 1),
    "a byte more": lambda path: path.write_bytes(path.read_bytes() + b"\n"),
    "a flipped bit": flip,
    "without a digest": lambda path: path.write_bytes(b"\x7fELF" + b"x" * 200),
    "a holed file": lambda path: path.write_bytes(bytes(path.stat().st_size)),
    "kept under another name": lambda path: path.write_bytes(build.sealed("kernel-4567.so", b"y" * 200)),
    "a folder": lambda path: replaced(path, Path.mkdir),
    "a folder with files": lambda path: replaced(path, filled),
    "a link to nothing": lambda path: replaced(path, lambda p: p.symlink_to("/nowhere/at/all")),
    "a link to itself": lambda path: replaced(path, lambda p: p.symlink_to(p)),
    "a pipe": lambda path: replaced(path, os.mkfifo),
    "a device": lambda path: replaced(path, lambda p: p.symlink_to("/dev/zero")),
    "gone": Path.unlink,
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_what_is_damaged_is_built_again_once(damage: str, folder: Path) -> None:
    made = []

    def make() -> bytes:
        made.append(1)
        return b"z" * 200

    assert build.kept(NAME, make, bytes) == build.kept(NAME, make, bytes) == b"z" * 200 and len(made) == 1
    DAMAGE[damage](folder / NAME)
    assert build.kept(NAME, make, bytes) == build.kept(NAME, make, bytes) == b"z" * 200 and len(made) == 2
    assert [path.name for path in folder.iterdir()] == [NAME]


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_what_may_not_be_read_is_built_again(folder: Path) -> None:
    build.kept(NAME, lambda: b"first", bytes)
    (folder / NAME).chmod(0)
    assert build.kept(NAME, lambda: b"second", bytes) == b"second" == build.whole(folder / NAME)


def test_what_is_whole_and_does_not_load_is_built_again_once(tiny: Callable[[], int], folder: Path) -> None:
    assert tiny() == 7
    (path,) = folder.iterdir()
    path.write_bytes(build.sealed(path.name, b"\x7fELF of another machine"))
    assert tiny() == 7 and (build.whole(path) or b"")[:4] == b"\x7fELF" and path.stat().st_size > 1000
    changed = path.stat().st_mtime_ns
    assert tiny() == 7 and path.stat().st_mtime_ns == changed


def test_a_library_in_use_may_be_cut(tiny: Callable[[], int], folder: Path) -> None:
    """Mapped from the file, it would end the process with SIGBUS."""
    assert tiny() == 7
    library = compiler.shared_library("seven.cpp", (), {"CELL": "none"}, ["-shared", "-fPIC"])
    (path,) = folder.iterdir()
    cut(path, 0)
    assert library.seven() == 7 and tiny() == 7


def test_where_nothing_can_be_run_from_memory_a_file_serves(
    tiny: Callable[[], int], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(name: str) -> int:
        raise PermissionError(errno.EACCES, "not here")

    monkeypatch.setattr(os, "memfd_create", refuse, raising=False)
    assert tiny() == 7


def _build(folder: str, log: str, seconds: float) -> None:
    build.cache_folder = lambda: Path(folder)  # type: ignore[assignment]

    def make() -> bytes:
        with Path(log).open("a") as file:
            print(os.getpid(), file=file, flush=True)
        with build.workplace(NAME) as place:
            (place / "half").write_text("made")
            time.sleep(seconds)
        return b"z" * 200

    assert build.kept(NAME, make, bytes) == b"z" * 200


def _started(log: Path) -> list[int]:
    until = time.monotonic() + 30
    while not (log.exists() and log.read_text().endswith("\n")) and time.monotonic() < until:
        time.sleep(0.01)
    return [int(line) for line in log.read_text().split()]


@pytest.mark.parametrize("locks", [True, False])
def test_one_of_many_processes_builds(locks: bool, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not locks:  # as on some network file systems: then each builds, and all is well

        def refuse(*_: Any) -> None:
            raise OSError(errno.ENOLCK, "no locks available")

        monkeypatch.setattr(fcntl, "flock", refuse)
    log, fork = folder.parent / "log", get_context("fork")
    several = [fork.Process(target=_build, args=(str(folder), str(log), 0.3)) for _ in range(4)]
    for process in several:
        process.start()
    for process in several:
        process.join(60)
    assert [process.exitcode for process in several] == [0] * 4
    assert len(_started(log)) == 1 if locks else len(_started(log)) >= 1
    assert [path.name for path in folder.iterdir()] == [NAME]


def test_a_builder_that_is_killed_holds_up_nobody_and_its_leavings_go(folder: Path) -> None:
    log, fork = folder.parent / "log", get_context("fork")
    builder = fork.Process(target=_build, args=(str(folder), str(log), 600.0))
    builder.start()
    _started(log)
    (folder / f"{build.OURS}other").write_text("of another, an hour ago")
    (folder / f"{build.OURS}old").write_text("of another, days ago")
    os.utime(folder / f"{build.OURS}old", (1e9, 1e9))
    waiting = fork.Process(target=_build, args=(str(folder), str(log), 0.0))
    waiting.start()
    os.kill(builder.pid or 0, signal.SIGKILL)
    builder.join(60)
    waiting.join(60)
    assert waiting.exitcode == 0
    assert {path.name for path in folder.iterdir()} == {NAME, f"{build.OURS}other"}


@pytest.mark.parametrize(
    "content", [b"", b"[", b'[["MKL"], 1, 2]', b"{}", b"\xff\xfe", b"[" * 100_000, b'["MKL"]']
)
def test_a_choice_of_libraries_that_is_damaged_goes(content: bytes, tmp_path: Path) -> None:
    """Else it would be measured again by every process, and not always come out alike."""
    path = tmp_path / "products.json"
    path.write_bytes(content)
    assert products._kept(path) is None and not path.exists()
    path.mkdir()
    assert products._kept(path) is None and not path.exists()
    path.write_text('["MKL", "oneDNN", "MKL"]')
    assert products._kept(path) == ("MKL", "oneDNN", "MKL") and path.exists()


def test_a_full_folder_costs_a_warning_and_no_kernel(
    tiny: Callable[[], int], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.delenv(build.VARIABLE, raising=False)
    monkeypatch.setattr(build, "place", full)
    with pytest.warns(
        UserWarning, match=r"^kernels: .*: No space left on device; .* by every process"
    ) as told:
        assert tiny() == tiny() == 7
    assert len(told) == 1


def test_where_the_compiler_has_no_room_another_folder_serves(
    tiny: Callable[[], int], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = 'case $TMPDIR in */.sru-repro-*) exit 1;; esac; exec g++ "$@"'
    monkeypatch.setenv("CXX", script(folder.parent / "odd", full))
    assert tiny() == 7 and len(list(folder.iterdir())) == 1


def test_from_a_folder_that_can_only_be_read_what_is_there_serves(
    folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    build.kept(NAME, lambda: b"of the administrator", bytes)
    monkeypatch.setattr(build, "_read_only", [folder])
    monkeypatch.setattr(build, "cache_folder", lambda: tmp_path)
    assert build.kept(NAME, lambda: pytest.fail("built again"), bytes) == b"of the administrator"


@pytest.mark.parametrize(
    "variables",
    [
        {"HOME": "/proc/nobody"},
        {"XDG_CACHE_HOME": "/proc/nobody"},
        {build.VARIABLE: "/dev/null"},
        {build.VARIABLE: "/proc/self/nothing"},
        {build.VARIABLE: "~nobody-of-that-name/kernels"},
    ],
)
def test_a_folder_that_cannot_be_used_is_named(
    variables: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (build.VARIABLE, "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(build, "_told", False)
    monkeypatch.setattr(build, "_read_only", [])
    with pytest.warns(
        UserWarning, match=r"^(kernels|SRU_REPRO_KERNELS): .*; kernels that are not there are built"
    ) as told:
        assert build.cache_folder.__wrapped__().is_dir()
    assert len(told) == 1


@pytest.mark.parametrize(
    "words",
    [
        "g++ -v",
        "  g++  ",
        "wrapper g++",
        "'{folder}/wrapper' g++ -O1",
        "{folder}/my g++",
        '"{folder}/my g++" -v',
        " ",
    ],
)
def test_a_compiler_may_have_blanks_quotes_and_arguments(
    words: str, tiny: Callable[[], int], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = folder.parent / "it is mine"
    programs.mkdir()
    script(programs / "wrapper", 'exec "$@"')
    script(programs / "my g++", 'exec g++ "$@"')
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("CXX", words.format(folder=programs))
    monkeypatch.setenv("CXXFLAGS", "-no-such-flag")  # not read
    assert tiny() == 7


@pytest.mark.parametrize(
    ("text", "words", "said"),
    [
        (
            "",
            "nothing-of-that-name -O2",
            "CXX=nothing-of-that-name -O2: no such program; expected a C\\+\\+ compiler",
        ),
        ("", 'g++ "-O2', 'CXX=g\\+\\+ "-O2: no closing quotation; expected a C\\+\\+ compiler'),
        ("", "/", "CXX=/: no such program"),
        ("exit 0", "", "wrote no library of seven.cpp; expected a C\\+\\+ compiler"),
        ('test -w "$TMPDIR" && echo said >&2; exit 3', "", "failed on seven.cpp: said$"),
        ("exit 3", "", "failed on seven.cpp: status 3"),
        ("printf '\\377 error: \\344\\n' >&2; exit 1", "", "failed on seven.cpp: . error: .$"),
        ("kill -9 $$", "", "failed on seven.cpp: status -9"),
        ('for last; do :; done; echo no library > "$last"', "", "built a library that cannot be loaded: "),
    ],
)
def test_a_compiler_that_does_not_serve_is_refused_in_words(
    text: str, words: str, said: str, tiny: Callable[[], int], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CXX", words or script(folder.parent / "odd", text))
    with pytest.raises(build.BuildError, match=said) as error:
        tiny()
    assert "\n" not in str(error.value) and not list(folder.iterdir())


def test_a_compiler_that_hangs_is_ended_with_all_it_started(
    tiny: Callable[[], int], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiler, "LIMIT_S", 0.5)
    child = folder.parent / "child"
    monkeypatch.setenv("CXX", script(folder.parent / "odd", f"sleep 600 & echo $! > '{child}'; cat; wait"))
    with pytest.raises(build.BuildError, match=r"odd had not finished seven\.cpp after 0 s and was ended$"):
        tiny()
    place, until = Path("/proc", child.read_text().strip(), "stat"), time.monotonic() + 10
    while _lives(place) and time.monotonic() < until:
        time.sleep(0.01)
    assert not _lives(place) and not list(folder.iterdir())


def _lives(stat: Path) -> bool:
    try:
        return stat.read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False
