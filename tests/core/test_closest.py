"""What a mistyped word was meant to be; variables of the environment that nothing reads."""

import re
from pathlib import Path

import pytest

from sru_repro.core import variables
from sru_repro.core.closest import closest, did_you_mean
from sru_repro.core.errors import ConfigError, RunError, SuiteError

KEYS = (
    "model",
    "model.hidden_size",
    "model.dropout",
    "task.dropout",
    "task.batch_size",
    "optim.lr",
    "seed",
    "data_dir",
)


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("sede", "seed"),
        ("modle", "model"),
        ("MODEL", "model"),
        ("data-dir", "data_dir"),
        ("lr", "optim.lr"),
        ("model.lr", "optim.lr"),
        ("model.hiden_size", "model.hidden_size"),
        ("batchsize", "task.batch_size"),
        ("tasks.dropout", "task.dropout"),
        ("quite_something_else", None),
        ("", None),
        ("x" * 10_000, None),
    ],
)
def test_the_closest_key(word: str, meant: str | None) -> None:
    assert closest(word, KEYS) == meant
    assert did_you_mean(word, KEYS) == (f"; did you mean {meant}?" if meant else "")


def test_the_last_part_of_a_row_is_enough() -> None:
    rows = ("sst/sru2", "sst/sru4", "squad/sru3")
    assert closest("sru3", rows) == "squad/sru3" and closest("sst/srru2", rows) == "sst/sru2"


@pytest.mark.parametrize("kind", [SuiteError, ConfigError, RunError])
@pytest.mark.parametrize("text", ["a\nb", "a\r\n", "\x1b[2J", "\x85", "\u2028x", "\udcff.txt", "\x00"])
def test_an_error_is_one_line_whatever_was_typed(kind: type[SuiteError], text: str) -> None:
    said = str(kind(f"path: {text} is not there"))
    assert len(said.splitlines()) == 1 and said.isprintable() and said.startswith("path: ")


def test_other_scripts_are_shown_as_they_are() -> None:
    assert str(ConfigError("文本.txt, naïve 🎉: no such file")) == "文本.txt, naïve 🎉: no such file"


def test_a_mistyped_variable_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    variables.require_known()
    monkeypatch.setenv("SRU_REPRO_BACKND", "cpp")
    with pytest.raises(
        ConfigError, match=r"SRU_REPRO_BACKND: no such variable; .*did you mean SRU_REPRO_BACKEND"
    ):
        variables.require_known()


def test_every_variable_that_is_read_is_known() -> None:
    root = Path(__file__).parents[2]
    texts = [
        path.read_text() for path in (*root.glob("src/**/*.py"), *root.glob("scripts/*"), root / "Makefile")
    ]
    named = {name for text in texts for name in re.findall(r"\bSRU_REPRO_[A-Z_]*[A-Z]\b", text)}
    assert named == {*variables.VARIABLES, *variables.INNER}
