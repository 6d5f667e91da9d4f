"""The Hub by way of `datasets`: what is asked of it, and the one line when it does not answer."""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from sru_repro.core.errors import DataError
from sru_repro.data.store import hub as module
from sru_repro.data.store.hub import hub_splits

Hub = Callable[..., list[tuple[str, ...]]]
CANDIDATES = ["some/{a,b}.txt", "some.zip"]


def test_splits_are_asked_for_by_name(tmp_path: Path, hub: Hub) -> None:
    calls = hub(lambda split: [split])
    assert hub_splits(tmp_path, CANDIDATES, "who/what", ["a", "b"]) == [["a"], ["b"]]
    assert hub_splits(tmp_path, CANDIDATES, "who/what", ["a"], "part") == [["a"]]
    assert calls == [("who/what", "a"), ("who/what", "b"), ("who/what", "part", "a")]


def test_without_network(tmp_path: Path) -> None:
    start = time.perf_counter()
    pattern = (
        r"some/\{a,b\}.txt: file not found \(nor some.zip\) and reading who/what from http://127.0.0.1:9 failed "
        r"\(no connection to 127.0.0.1: .*put it there"
    )
    with pytest.raises(DataError, match=pattern):
        hub_splits(tmp_path, CANDIDATES, "who/what", ["a"])
    assert time.perf_counter() - start < 3


def test_what_goes_wrong_in_there_is_one_line(
    tmp_path: Path, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub(list)

    def broken(*names: str, split: str) -> None:
        raise RuntimeError("rate\nlimit")

    monkeypatch.setattr(sys.modules["datasets"], "load_dataset", broken)
    with pytest.raises(DataError, match=r"failed \(RuntimeError: rate limit\); put it there"):
        hub_splits(tmp_path, CANDIDATES, "who/what", ["a"])


def test_told_to_be_offline_the_librarys_own_cache_is_read(
    tmp_path: Path, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub(lambda split: [split])
    monkeypatch.setattr(module, "connection_problem", lambda url: "asked")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert hub_splits(tmp_path, CANDIDATES, "who/what", ["a"]) == [["a"]]
