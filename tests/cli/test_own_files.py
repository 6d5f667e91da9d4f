"""Files of --config-dir that are damaged, or would fill the memory."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sru_repro.cli.flags import flags_of
from sru_repro.cli.plan import planned

Command = Callable[..., Any]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("name: sru\n  hidden_size: 3\n", "mapping values are not allowed here"),
        ("name: sru\n\thidden_size: 3\n", "found character '\\t' that cannot start any token"),
        ("name: sru\nname: gru\n", "found duplicate key name"),
        ("name: *nowhere\n", "found undefined alias 'nowhere'"),
        ("name: !!python/object/apply:os.getcwd []\n", "could not determine a constructor"),
        (
            "name: " + "[" * 300 + "]" * 300 + "\n",
            "mine/model/own.yaml: expected at most 50 levels of keys, found ",
        ),
        ("name: &x [*x]\n", "mine/model/own.yaml: expected at most 20,000 values, found more"),
        ("- a\n", "model: expected a group of settings, found ['a']"),
        ("", "model: expected a group of settings, found none"),
        ("name: sru\nhidden_sise: 3\n", "model.hidden_size: missing"),
    ],
    ids=["indent", "tab", "twice", "alias", "tag", "deep", "within itself", "list", "empty", "misspelt"],
)
def test_a_damaged_file_of_ones_own(content: str, said: str, sru_repro: Command, tmp_path: Path) -> None:
    (tmp_path / "mine/model").mkdir(parents=True)
    (tmp_path / "mine/model/own.yaml").write_text(content)
    called = sru_repro("train", "--config-dir=mine", "model=own", cwd=tmp_path)
    assert (called.status, called.err.count("\n")) == (2, 1) and said in called.err, called.err
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_a_few_bytes_that_would_fill_the_memory(sru_repro: Command, tmp_path: Path) -> None:
    (tmp_path / "mine/model").mkdir(parents=True)
    path = tmp_path / "mine/model/own.yaml"
    laughs = "a0: &a0 [l, l, l, l, l, l, l, l]\n"
    laughs += "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 8)}]\n" for n in range(1, 20))
    path.write_text(laughs)
    called = sru_repro("train", "-cd", "mine", "model=own", cwd=tmp_path)
    assert "mine/model/own.yaml: expected at most 20,000 values, found more" in called.err
    path.write_bytes("name: caf\xe9\n".encode("latin-1"))
    called = sru_repro("train", "-cd", "mine", "model=own", cwd=tmp_path)
    assert called.err == "sru-repro: mine/model/own.yaml: expected UTF-8, found byte 0xe9 at place 9\n"
    path.write_text("name: gru\nhidden_size: 3\nnum_layers: 1\ndropout: 0.0\nbidirectional: false\n")
    config = planned(flags_of([f"--config-dir={tmp_path / 'mine'}", "model=own"]))[1]
    assert config is not None and config.plain["model"]["hidden_size"] == 3
