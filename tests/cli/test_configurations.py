"""Every file of conf/ makes a sound configuration, and `list` counts its parameters without data or network."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from sru_repro import models
from sru_repro.cli import tables
from sru_repro.cli.compose import composed, tasks
from sru_repro.cli.tables import load_table, table_names
from sru_repro.core import layout

from ..pace import importing_torch

Command = Callable[..., Any]

CONF = layout.conf_folder()
ROWS = sorted(f"{path.parent.name}/{path.stem}" for path in (CONF / "experiment").glob("*/*.yaml"))
TABLE_1 = {
    **{"sru2": 204_034, "sru4": 303_362, "sru8": 502_018, "lstm": 352_514, "cnn": 360_902},
    **{"qrnn": 165_378, "qrnn-highway": 203_778, "sru2-tuned": 204_034},
}


@pytest.mark.parametrize("row", ROWS)
def test_every_row_is_sound(row: str) -> None:
    config = composed([f"experiment={row}", "profile=paper"])
    assert config.top.row == row.split("/")[1]
    assert config.trainer.max_epochs or config.trainer.max_steps or config.trainer.max_seconds
    rescale = getattr(config.model, "rescale", None)
    assert rescale is None or rescale is True or "rescale" in (CONF / f"experiment/{row}.yaml").read_text()


@pytest.mark.parametrize("task", tasks())
def test_every_task_has_the_three_budgets(task: str) -> None:
    budgets = OmegaConf.select(OmegaConf.load(CONF / f"task/{task}.yaml"), "budgets")
    shared = OmegaConf.load(CONF / "task/_classification.yaml")
    merged = (
        budgets
        if task == "quickstart"
        else OmegaConf.merge(OmegaConf.select(shared, "budgets"), budgets or {})
    )
    assert set(merged) == {"paper", "short", "smoke"}
    assert len({frozenset(budget) for budget in merged.values()}) == 1, "each profile sets the same keys"
    assert composed([f"task={task}", "profile=smoke"]).trainer.max_epochs == 1


@pytest.mark.parametrize("task", ["sst", "trec", "quickstart"])  # of every kind one
@pytest.mark.parametrize("model", models.names())
def test_every_model_goes_with_every_task_or_says_why_not(model: str, task: str) -> None:
    if (model, task) == ("cnn", "quickstart"):
        return  # refused, see test_bad_input.py
    config = composed([f"model={model}", f"task={task}", "trainer=cpu", "logger=csv"])
    assert (config.model.name, config.task.name) == (model, task)


@pytest.mark.parametrize("group", ["model", "task", "trainer", "logger"])
def test_every_file_of_a_group_is_named_after_what_it_holds(group: str) -> None:
    for path in (CONF / group).glob("[!_]*.yaml"):
        key = "task.name" if group == "task" else "name"
        assert OmegaConf.select(OmegaConf.load(path), key) == path.stem


def test_every_model_and_task_has_a_file() -> None:
    assert models.names() == sorted(path.stem for path in (CONF / "model").glob("*.yaml"))
    assert len(ROWS) >= 12 and len(tasks()) >= 7


def test_the_papers_protocol_is_the_default() -> None:
    config = composed(["experiment=sst/sru2", "profile=paper"])
    plain = config.plain
    optim = {"name": "adam", "lr": 0.001, "weight_decay": 0.0, "clip_norm": 0.0, "schedule": "constant"}
    assert optim.items() <= plain["optim"].items()
    assert config.trainer.max_epochs == 100 and plain["model"]["hidden_size"] == 128
    assert plain["model"]["dropout"] == plain["task"]["dropout"] == 0.5
    expected: dict[str, Any] = {
        "batch_size": 32,
        "tune_vectors": False,
        "normalize_vectors": True,
        "reshuffle": False,
    }
    expected |= {"shuffle_seed": 1234, "padding": "left", "vocabulary": "all", "vectors": "auto"}
    assert expected.items() <= plain["task"].items()
    assert plain["trainer"]["name"] == "auto" and plain["seed"] == 1 and plain["data_dir"] == "data"
    assert plain["trainer"]["accelerator"] in ("cpu", "cuda"), "decided before the record is written"


@pytest.mark.parametrize("name", table_names())
def test_every_table_names_rows_tasks_and_seeds_that_exist(name: str) -> None:
    table = load_table(name)
    assert table.seeds.keys() == {"paper", "short", "smoke"} and all(table.seeds.values())
    assert all(table.row_names(profile) for profile in table.seeds) and set(table.tasks) <= set(tasks())
    assert table.folds is None or table.folds.keys() == table.seeds.keys()


def test_rows_stand_in_the_order_of_the_paper() -> None:
    assert load_table("sst").row_names("paper") == [
        *("cnn", "lstm", "qrnn", "qrnn-highway", "sru2", "sru4", "sru8", "sru2-tuned"),
    ]
    assert "sru2-tuned" not in load_table("sentences").row_names("short")


def test_list_counts_the_papers_parameters(sru_repro: Command, tmp_path: Path) -> None:
    called = sru_repro("list", "task=sst", cwd=tmp_path)
    assert (called.status, called.err) == (0, "")
    lines = [[part.strip() for part in line.split("|")] for line in called.out.splitlines()]
    assert {line[0]: line[2] for line in lines} == {row: f"{count:,}" for row, count in TABLE_1.items()}
    assert all((CONF.parent / line[3]).is_file() and line[1] for line in lines)
    rows = json.loads(sru_repro("list", "task=sst", "--json", cwd=tmp_path).out)["rows"]
    assert {row["name"]: row["parameters"] for row in rows} == TABLE_1
    assert all(row.keys() == {"name", "label", "parameters", "config", "paper"} for row in rows)


LISTED = """
import contextlib, functools, io, json, socket, time
def refuse(*_): raise AssertionError("network")
socket.socket.connect = socket.getaddrinfo = refuse
from sru_repro.cli import main, tables
tables.describe = functools.cache(tables.describe)  # the second call costs nothing
said = []
for words in (["list"], ["list", "--json"]):
    with contextlib.redirect_stdout(io.StringIO()) as out:
        try:
            main(words)
        except SystemExit as end:
            assert end.code == 0, end
    said.append((out.getvalue(), time.process_time()))
print(json.dumps(said))
"""
"""What `list` says, and the processor's time by then."""


@pytest.fixture(scope="module")
def listed(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, float]]:
    """`list` and `list --json` in an empty folder of a process without a network."""
    folder = tmp_path_factory.mktemp("listed")
    done = subprocess.run([sys.executable, "-c", LISTED], cwd=folder, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "") and not list(folder.iterdir())
    return [(said, seconds) for said, seconds in json.loads(done.stdout)]


@pytest.mark.slow
def test_list_without_a_task_shows_everything(
    listed: list[tuple[str, float]], sru_repro: Command, tmp_path: Path
) -> None:
    (said, _), (as_json, _) = listed
    shown = json.loads(as_json)
    assert shown["models"] == models.names() and shown["tasks"] == tasks()
    assert {row["config"] for row in shown["rows"]} == {f"conf/experiment/{row}.yaml" for row in ROWS}
    assert "models: cnn, gru" in said and said.count(" | ") == 3 * len(ROWS)
    trec = json.loads(sru_repro("list", "task=trec", "--json", cwd=tmp_path).out)["rows"]
    counts = {row["name"]: row["parameters"] for row in trec}
    assert counts["sru2"] == 204_034 + 4 * 129, "six classes, not two"


@pytest.fixture
def by_profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of conf/ in which the quickstart has rows of its own for short and smoke runs; the place of its table."""
    conf = tmp_path / "conf"
    shutil.copytree(CONF, conf)
    monkeypatch.setattr(layout, "conf_folder", lambda: conf)
    (conf / "experiment/little").mkdir()
    for row in ("sru", "lstm"):
        text = (conf / f"experiment/quickstart/{row}.yaml").read_text()
        (conf / f"experiment/little/{row}.yaml").write_text(
            re.sub(r"hidden_size: \d+", "hidden_size: 8", text)
        )
    for name in ("enwik8", "text", "wikitext103", "wikitext2"):  # their many rows would take seconds
        (conf / f"table/{name}.yaml").unlink()
    place = conf / "table/quickstart.yaml"
    rows = "rows: {paper: quickstart, short: little, smoke: little}"
    place.write_text(place.read_text().replace("rows: quickstart", rows))
    return place


def test_rows_by_profile(by_profile: Path) -> None:
    table = load_table("quickstart")
    assert table.folders() == {"quickstart": ["paper"], "little": ["short", "smoke"]}
    assert table.row_names("paper") == ["gru", "lstm", "qrnn", "sru"]
    assert table.row_names("short") == table.row_names("smoke") == ["lstm", "sru"]
    rows = tables.described(table)
    assert [(row.name, row.profiles) for row in rows[3:]] == [
        *[("sru", ["paper"]), ("lstm", ["short", "smoke"]), ("sru", ["short", "smoke"])],
    ]
    assert rows[3].plain()["parameters"] > 10 * rows[5].plain()["parameters"]
    assert all(row.profiles is None for row in tables.described(load_table("sst")))


def test_list_shows_the_rows_of_all_profiles_and_no_row_twice(
    by_profile: Path, sru_repro: Command, tmp_path: Path
) -> None:
    rows = json.loads(sru_repro("list", "task=quickstart", "--json", cwd=tmp_path).out)["rows"]
    configs = [f"conf/experiment/{folder}" for folder in ("quickstart", "little")]
    own = [f"{configs[0]}/{row}.yaml" for row in ("gru", "lstm", "qrnn", "sru")]
    own += [f"{configs[1]}/{row}.yaml" for row in ("lstm", "sru")]
    assert [row["config"] for row in rows] == own
    again = by_profile.with_name("again.yaml")  # a second table on the same rows, and on another task
    again.write_text(by_profile.read_text().replace("tasks: [quickstart]", "tasks: [sst]"))
    shown = json.loads(sru_repro("list", "--json", cwd=tmp_path).out)["rows"]
    found = [row for row in shown if row["config"] in own]
    assert len({row["config"] for row in shown}) == len(shown) and len(found) == len(own)
    assert found == [
        {key: row[key] for key in ("name", "label", "parameters", "config", "paper")} for row in rows
    ]
    on_sst = tables.described(load_table("again"))
    assert on_sst[0].parameters != rows[0]["parameters"], "counted on the table's own task"


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (
            "{paper: sst, short: sst}",
            "for each of paper, short, smoke, found {'paper': 'sst', 'short': 'sst'}",
        ),
        ("{paper: sst, short: sst, smoke: sst, tiny: sst}", "found {'paper': 'sst',"),
        ("nowhere", "expected a folder of conf/experiment with rows in it, found 'nowhere'"),
        (
            "[sst]",
            "expected a folder of conf/experiment, or one for each of paper, short, smoke, found ['sst']",
        ),
    ],
)
def test_wrong_rows_of_a_table_are_named(
    by_profile: Path, sru_repro: Command, tmp_path: Path, rows: str, said: str
) -> None:
    by_profile.write_text(re.sub(r"rows: .*", f"rows: {rows}", by_profile.read_text()))
    called = sru_repro("list", "task=quickstart", cwd=tmp_path)
    assert called.status == 2 and len(called.err.splitlines()) == 1
    assert called.err.startswith("sru-repro: conf/table/quickstart.yaml: rows") and said in called.err


@pytest.mark.slow
def test_list_needs_neither_data_nor_network_nor_patience(listed: list[tuple[str, float]]) -> None:
    (said, seconds), _ = listed
    # Of the processor, as others may be busy, too; 5 to 9 times as much was measured.
    assert "204,034" in said and seconds < 12 * importing_torch()
