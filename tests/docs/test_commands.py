"""Every command line of the pages is known to the command: verbs, options, keys, rows. Those of README run in
tests/cli/test_readme.py."""

import importlib
import re
import shutil
from pathlib import Path

import pytest

from sru_repro.cli import VERBS, choices
from sru_repro.cli.flags import flags_of
from sru_repro.cli.options import Options, some_of
from sru_repro.cli.plan import planned
from sru_repro.cli.sweep import launchers
from sru_repro.cli.tables import load_table
from sru_repro.core import layout
from sru_repro.core.errors import ConfigError

from ..cli.test_readme import words_of
from ..pages import PAGES, ROOT, page

LINES = [(path.stem, line) for path in PAGES for line in page(path.stem).commands]
OTHER_TARGETS = ("check", "test")
"""What calls no verb."""


def understood(words: list[str]) -> None:
    """Raises ConfigError where the command would refuse these words; nothing is run."""
    verb, rest = words[0], words[1:]
    assert verb in VERBS, f"no verb {verb!r}"
    if verb in ("train", "fetch"):
        planned(flags_of(rest))
        return
    module = importlib.import_module(f"sru_repro.cli.{verb.replace('-', '_')}")
    (kind,) = (
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Options) and value.__module__ == module.__name__
    )
    if verb not in ("reproduce", "compare", "evaluate"):
        kind.parse(rest)
        return
    options, others = kind.parse_known(rest)
    if verb == "reproduce":
        given = options.model_dump()
        table = load_table(given["table"])
        some_of("rows", given["rows"], table.row_names(given["profile"]))
        keys = choices.keys([f"task={table.tasks[0]}"])
        wrong = [word for word in others if word.split("=")[0] not in (*keys, *choices.groups())]
        assert not wrong, f"no such key: {wrong}"
    elif verb == "evaluate":
        task = Path(options.model_dump()["run"]).parts[1]
        wrong = [word for word in others if word.split("=")[0] not in choices.keys([f"task={task}"])]
        assert not wrong, f"no such key: {wrong}"
    else:
        assert others and not [word for word in others if re.match(r"\w+=", word)], f"not runs: {others}"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the pages have made by then."""
    folder = tmp_path_factory.mktemp("reader")
    (folder / "mine/model").mkdir(parents=True)
    own = page("own").files
    (folder / "averages.py").write_text(own["averages.py"])
    (folder / "mine/model/mean.yaml").write_text(own["mine/model/mean.yaml"])
    shutil.copytree(layout.conf_folder(), folder / "conf")
    return folder


@pytest.mark.parametrize(("name", "line"), LINES)
def test_a_command_of_a_page_is_understood(
    name: str, line: str, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place)
    monkeypatch.syspath_prepend(str(place))
    monkeypatch.setattr(launchers, "SLURM", ())  # that a line names it does not put it here
    line = line.replace("untied", "sru")  # which a page of its own makes and trains
    target = re.match(r"make ([\w-]+)", line)
    if target and target[1] in OTHER_TARGETS:
        assert re.search(rf"^{target[1]}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
        return
    understood(words_of(line))


def test_a_line_that_is_wrong_is_found() -> None:
    for line in (
        "sru-repro train model=sru task=sst model.hiden_size=8",
        "sru-repro compare agianst=lstm",
        "sru-repro bench shape=sst",
        "sru-repro reproduce table=sst rows=sru3",
        "sru-repro reproduce table=sst trainr=cuda",
    ):
        with pytest.raises((ConfigError, AssertionError)):
            understood(words_of(line))
