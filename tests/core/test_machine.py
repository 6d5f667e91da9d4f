"""Memory given back to the system; the revision of a copy without history."""

import ctypes
import subprocess
import sys
from pathlib import Path

import pytest

from sru_repro.core import machine
from sru_repro.core.errors import ConfigError


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
