"""Mutated command lines and configuration files, a small cut of `make torture`."""

from pathlib import Path

import pytest

from sru_repro.core.errors import ConfigError
from sru_repro.torture import Cut, commands, outcome_of


def held(name: str, folder: Path, share: float) -> None:
    (promise,) = [found for found in commands.PROMISES if found.name == name]
    outcome = outcome_of(promise, Cut(folder, share=share, seed=14))
    assert outcome.tries and not outcome.broken, outcome.broken


def test_mutated_command_lines(tmp_path: Path) -> None:
    held("mutated command lines", tmp_path, 0.05)


def test_mutated_configuration_files(tmp_path: Path) -> None:
    held("mutated configuration files", tmp_path, 0.15)


def test_refusals_of_the_command(tmp_path: Path) -> None:
    held("refusals of the command", tmp_path, 0.05)


@pytest.mark.slow
def test_words_as_the_shell_gave_them(tmp_path: Path) -> None:
    held("words as the shell gave them", tmp_path, 0.3)


@pytest.mark.parametrize(
    ("message", "why"),
    [
        ("model.droput: no such key\nsecond line", "not one line"),
        ("something is wrong", "no key in"),
        ("", "not one line"),
    ],
)
def test_an_error_that_is_not_as_promised_is_counted(
    message: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Raw(ConfigError):
        def __init__(self, text: str) -> None:
            Exception.__init__(self, text)

    def planned(flags: object) -> None:
        raise Raw(message)

    monkeypatch.setattr(commands, "planned", planned)
    with pytest.raises(AssertionError, match=why):
        commands.judged(["model.droput=0.1"])


def test_a_word_without_an_effect_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    config = commands.planned(commands.flags_of(["task=sst", "seed=2"]))
    monkeypatch.setattr(commands, "planned", lambda flags: config)
    assert commands.judged(["task=sst", "seed=2"]) == "accepted"
    for word in ("seed=3", "--seed=3", "model=lstm", "~seed", "data_dir=elsewhere", "optim.lr=7"):
        with pytest.raises(AssertionError):
            commands.judged(["task=sst", word])
