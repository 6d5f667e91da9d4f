"""One process at a time in a folder, also where the file system knows no locks, and after kill -9."""

import errno
import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sru_repro.core import lock
from sru_repro.core.lock import FILE, Busy, holder, in_use


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "_PATIENCE_S", 0.1)
    monkeypatch.setattr(lock, "_SETTLE_S", 0.0)


@pytest.fixture
def no_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(lock.fcntl, "flock", refuse)


@pytest.fixture
def other(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the folder."""
    hold = (
        "import sys, pathlib, time; from sru_repro.core.lock import in_use\n"
        "with in_use(pathlib.Path(sys.argv[1]), 'sst/sru seed 7'):\n    print('held', flush=True); time.sleep(600)"
    )
    process = subprocess.Popen([sys.executable, "-c", hold, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_the_second_is_told_who_is_there_and_takes_over_when_that_one_was_killed(
    other: subprocess.Popen[str], tmp_path: Path
) -> None:
    with pytest.raises(Busy) as refused, in_use(tmp_path, "sst/sru seed 8"):
        pass
    said = str(refused.value)
    assert f"in use by sst/sru seed 7, process {other.pid} on {socket.gethostname()}, since 20" in said
    assert "hydra.run.dir=" in said and "\n" not in said and refused.value.status == 2
    found = holder(tmp_path)
    assert found is not None and (found.name, found.pid) == ("sst/sru seed 7", other.pid)
    other.kill()
    other.wait()
    assert (tmp_path / FILE).exists() and holder(tmp_path) is None
    with in_use(tmp_path, "sst/sru seed 8"):
        found = holder(tmp_path)
        assert found is not None and found.pid == os.getpid()
    assert list(tmp_path.iterdir()) == [] and holder(tmp_path) is None


def test_a_damaged_file_is_no_hindrance(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"\xff{")
    assert holder(tmp_path) is None
    with in_use(tmp_path, "a run"), pytest.raises(Busy), in_use(tmp_path, "another"):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("no_locks")
def test_without_locks_the_file_counts(tmp_path: Path) -> None:
    with in_use(tmp_path, "a run"):
        found = holder(tmp_path)
        assert found is not None and found.pid == os.getpid()
        with pytest.raises(Busy, match=rf"a run, process {os.getpid()} on "), in_use(tmp_path, "another"):
            pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("no_locks")
@pytest.mark.parametrize(
    ("changed", "alive"),
    [
        ({"pid": 2**22 + 1}, False),
        ({"started": "another boot 17"}, False),
        ({"host": "elsewhere"}, True),
        ({"host": "elsewhere", "pid": 2**22 + 1}, True),
        ({}, True),
    ],
    ids=["dead", "its number is another process's", "another host, the same number", "another host", "alive"],
)
def test_without_locks_only_who_may_live_is_in_the_way(
    changed: dict[str, object], alive: bool, tmp_path: Path
) -> None:
    with in_use(tmp_path, "before"):
        left = json.loads((tmp_path / FILE).read_text())
    (tmp_path / FILE).write_text(json.dumps(left | changed))
    assert (holder(tmp_path) is not None) is alive
    if alive:
        with pytest.raises(Busy) as refused, in_use(tmp_path, "after"):
            pass
        unseen = re.search(r"if that process is gone, delete .*run\.lock", str(refused.value))
        assert bool(unseen) is ("host" in changed)
    else:
        with in_use(tmp_path, "after"):
            found = holder(tmp_path)
            assert found is not None and found.name == "after"


def test_with_locks_a_host_that_is_named_otherwise_is_no_holder(tmp_path: Path) -> None:
    """A container that was started again has another name, and often the same numbers."""
    with in_use(tmp_path, "before"):
        left = json.loads((tmp_path / FILE).read_text())
    (tmp_path / FILE).write_text(json.dumps(left | {"host": "elsewhere"}))
    assert holder(tmp_path) is None
    with in_use(tmp_path, "after"):
        pass


def test_a_full_disk_leaves_no_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", full)
        with pytest.raises(OSError, match="No space"), in_use(tmp_path, "a run"):
            pass
    with in_use(tmp_path, "a run"):
        pass
