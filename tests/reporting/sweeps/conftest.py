"""Folders of sweeps as training leaves them: a factory on top of the one of records."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sru_repro.records.base import write
from sru_repro.records.run import RunRecord
from sru_repro.records.sweep import Member, Search, SweepRecord

Factory = Callable[..., RunRecord]
Sweeper = Callable[..., Path]


@pytest.fixture
def sweep(tmp_path: Path, record: Factory) -> Sweeper:
    """`sweep(members, search=False, words=...)`; a member is (arguments, validation figure or None, more), where more
    is what is said of the member (state, error, `run=False`: no record) or of the record (all else)."""

    def make(
        members: list[tuple[list[str], float | None, dict[str, Any]]], search: bool = False, **told: Any
    ) -> Path:
        folder = tmp_path / "lr-search"
        found = Search(sampler="tpe", trials=len(members)) if search else None
        write(
            SweepRecord(
                **{"name": "lr-search", "words": ["-m"], "launcher": "basic", "search": found, **told}
            ),
            folder / SweepRecord.FILE,
        )
        for number, (words, value, more) in enumerate(members):
            add(folder, number, words, value, dict(more))
        return folder

    def add(folder: Path, number: int, words: list[str], value: float | None, more: dict[str, Any]) -> None:
        state, error = more.pop("state", "finished"), more.pop("error", None)
        name = f"{number:02d}"
        member = Member(name=name, number=number, overrides=words, state=state, value=value, error=error)
        write(member, folder / "members" / f"{name}.json")
        if more.pop("run", True) and value is not None:
            write(made(words, value, more), folder / name / RunRecord.FILE)

    def made(words: list[str], value: float, more: dict[str, Any]) -> RunRecord:
        given = dict(word.split("=", 1) for word in words if "=" in word)
        seed = int(given.get("seed", 1))
        config: dict[str, Any] = {"seed": seed, "optim": {}, "model": {"name": given.get("model", "sru")}}
        for key, text in given.items():
            group, _, leaf = key.partition(".")
            if leaf:
                config.setdefault(group, {})[leaf] = _typed(text)
        run = record(
            "sru2", seed, value - 0.004, config=config, overrides=[*words, "data_dir=~/data"], **more
        )
        run.metrics |= {run.validated: value}
        return run

    return make


def _typed(text: str) -> Any:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return None if text == "null" else text
