"""Sweeps as Hydra's grammar has them: globs over a group, ranges beside values."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from sru_repro.cli import choices
from sru_repro.cli.words import hydra_words, members

Command = Callable[..., Any]


def test_a_glob_is_the_names_of_its_group_that_it_fits(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model/mygru.yaml").write_text("name: gru\n")
    (word,) = members(["model=glob(*ru)"], choices.groups(tmp_path))
    assert word == ["model=gru", "model=mingru", "model=sru", "model=mygru"]


def test_a_range_beside_a_value_ends_in_one_line(sru_repro: Command, tmp_path: Path) -> None:
    assert hydra_words(["seed=range(1,3),7"], sweeping=True)
    called = sru_repro("train", "-m", "seed=range(1,3),7", cwd=tmp_path)
    assert called.status == 2 and called.err.count("\n") == 1, called.err
