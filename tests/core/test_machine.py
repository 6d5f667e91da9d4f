"""Memory given back to the system; the revision of a copy without history."""

import ctypes
import subprocess
import sys
from pathlib import Path

import pytest

from sru_repro.core import machine
from sru_repro.core.errors import ConfigError
from sru_repro.records.origin import Hardware


def resident() -> int:
    """Bytes of this process in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


@pytest.mark.skipif(
    sys.platform != "linux" or not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="needs glibc"
)
def test_holes_are_given_back() -> None:
    """200 MB in pieces, of which every other one goes: holes between what stays, which glibc keeps for itself."""
    pieces = [bytearray(b"x") * 100_000 for _ in range(2000)]
    full = resident()
    kept = pieces[::2]
    del pieces
    machine.give_back_memory()
    assert full - resident() > 50_000_000
    assert len(kept) == 1000


@pytest.fixture
def without_history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkout that git knows nothing of."""
    monkeypatch.setattr(machine, "ROOT", tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    monkeypatch.delenv(machine.REVISION, raising=False)


@pytest.mark.parametrize(
    ("told", "revision", "dirty"),
    [
        (None, None, None),
        ("", None, None),
        ("abc123def456", "abc123def456", False),
        ("abc123def456 dirty", "abc123def456", True),
        ("abc123def456" + "0" * 28, "abc123def456", False),
    ],
)
@pytest.mark.usefixtures("without_history")
def test_the_variable_names_the_revision_of_a_copy_without_history(
    told: str | None, revision: str | None, dirty: bool | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if told is not None:
        monkeypatch.setenv(machine.REVISION, told)
    assert machine.code_revision.__wrapped__() == {"revision": revision, "dirty": dirty}
    monkeypatch.setenv("PATH", "")  # no git at all
    assert machine.code_revision.__wrapped__() == {"revision": revision, "dirty": dirty}


@pytest.mark.parametrize("told", ["main", "abc123def456 clean", "abc123def456 dirty dirty"])
@pytest.mark.usefixtures("without_history")
def test_a_revision_that_is_none(told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(machine.REVISION, told)
    with pytest.raises(ConfigError, match=rf"SRU_REPRO_REVISION: expected a revision of git.*found '{told}'"):
        machine.code_revision.__wrapped__()


def committed(folder: Path) -> str:
    """A repository with a commit; its revision."""

    def git(*words: str) -> str:
        who = ("-c", "user.name=someone", "-c", "user.email=someone@example.org")
        done = subprocess.run(
            ["git", "-C", str(folder), *who, *words], check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    git("init")
    git("commit", "--allow-empty", "-m", "first")
    return git("rev-parse", "--short=12", "HEAD")


@pytest.mark.parametrize("above", [False, True])
def test_git_tells_of_its_own_checkout_and_of_none_below_it(
    above: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = committed(tmp_path)
    root = tmp_path / "copies/suite" if above else tmp_path
    root.mkdir(parents=True, exist_ok=True)
    monkeypatch.setattr(machine, "ROOT", root)
    monkeypatch.delenv(machine.REVISION, raising=False)
    expected = {"revision": None, "dirty": None} if above else {"revision": own, "dirty": False}
    assert machine.code_revision.__wrapped__() == expected
    monkeypatch.setenv(machine.REVISION, "abc123def456 dirty")  # what a pack tells counts in any case
    assert machine.code_revision.__wrapped__() == {"revision": "abc123def456", "dirty": True}


@pytest.mark.parametrize(
    ("flags", "name", "slug"),
    [
        ("fpu avx avx2 avx512f", "2-core Chip 7 (AVX-512), 24 GB", "cpu-chip-7-avx-512-2c"),
        ("fpu avx avx2", "2-core Chip 7 (AVX2), 24 GB", "cpu-chip-7-avx2-2c"),
        ("fpu", "2-core Chip 7, 24 GB", "cpu-chip-7-2c"),
    ],
)
def test_processors_of_one_name_are_told_apart_by_their_vectors(
    flags: str, name: str, slug: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "_processor", lambda: ("Chip 7", flags))
    monkeypatch.setattr(machine, "cores", lambda: 2)
    monkeypatch.setattr(machine.torch, "get_num_threads", lambda: 2)
    monkeypatch.setattr(machine.os, "sysconf", {"SC_PAGE_SIZE": 2**12, "SC_PHYS_PAGES": 24 * 2**18}.get)
    monkeypatch.delenv(machine.SIDE_BY_SIDE, raising=False)
    facts = machine.hardware("cpu")
    assert (facts["name"], facts["slug"]) == (name, slug)
    earlier = facts | {"slug": "cpu-chip-7-2c"}
    assert Hardware.model_validate(facts).slug == Hardware.model_validate(earlier).slug == slug
    assert Hardware(name=f"GPU; {name}", slug="gpu-2c").slug == "gpu-2c", "the host of a GPU"
    one = Hardware(name=f"{name}, 1 thread, 2 runs side by side", slug="cpu-chip-7-2c-1t-2-runs")
    assert one.slug == f"{slug}-1t-2-runs"
