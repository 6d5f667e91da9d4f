"""`wandb sweep`: its presets, and a stand-in for the agent, which starts one run after the other as wandb's does."""

import itertools
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from sru_repro.cli import choices
from sru_repro.cli.compose import composed, made
from sru_repro.core.layout import conf_folder
from sru_repro.records.run import read_record
from sru_repro.tasks import task_class
from sru_repro.torture._offline import read_offline

SWEEPS = sorted((conf_folder() / "sweep").glob("*.yaml"))
METHODS = {"grid", "random", "bayes"}


def content(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(path.read_text())
    return found


def values(parameter: dict[str, Any]) -> list[Any]:
    """What an agent may be told of a parameter: all values, or the ends of a range."""
    if "value" in parameter:
        return [parameter["value"]]
    return list(parameter.get("values") or (parameter["min"], parameter["max"]))


def test_each_method_has_a_preset() -> None:
    assert {content(path)["method"] for path in SWEEPS} == METHODS
    assert any(content(path).get("early_terminate", {}).get("type") == "hyperband" for path in SWEEPS)


@pytest.mark.parametrize("path", SWEEPS, ids=lambda path: path.stem)
def test_a_preset_names_keys_and_a_metric_that_there_are(path: Path) -> None:
    sweep = content(path)
    program, verb, *words, args = sweep["command"]
    assert (sweep["program"], program, verb, args) == ("sru-repro", "sru-repro", "train", "${args}")
    assert sweep["name"] == path.stem
    parameters = {key: values(parameter) for key, parameter in sweep["parameters"].items()}
    for place in (0, -1):
        config = composed([*words, *(f"--{key}={some[place]}" for key, some in parameters.items())])
    task = task_class(config.task.kind)
    assert sweep["metric"]["name"] == f"val/{task.headline_of(config.task)}"
    assert sweep["metric"]["goal"] == ("maximize" if task.higher_is_better else "minimize")


class Agent:
    """Does what `wandb agent` does with a grid: for each combination an id, the environment, a file of parameters, and
    the command with --key=value; one after the other, each one's status noted."""

    def __init__(self, sweep: dict[str, Any], start: Callable[[list[str]], int], folder: Path) -> None:
        self.sweep, self.start, self.folder = sweep, start, folder
        self.statuses: dict[str, int] = {}

    def run(self) -> None:
        from wandb.sdk.launch.sweeps import utils

        parameters = self.sweep["parameters"]
        for number, chosen in enumerate(itertools.product(*map(values, parameters.values()))):
            name = f"agent{number}"
            args = {key: {"value": value} for key, value in zip(parameters, chosen, strict=True)}
            told = self.folder / f"config-{name}.yaml"
            told.write_text(yaml.safe_dump({"wandb_version": 1, **args}))
            os.environ |= {"WANDB_RUN_ID": name, "WANDB_SWEEP_PARAM_PATH": str(told)}
            filled = utils.create_sweep_command_args({"args": args})["args"]
            command = [
                word for part in self.sweep["command"] for word in (filled if part == "${args}" else [part])
            ]
            self.statuses[name] = self.start(command)


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("WANDB_CACHE_DIR", str(tmp_path / "home/cache"))
    for name, value in {
        **{
            "WANDB_SWEEP_ID": "abc123",
            "WANDB_ENTITY": "us",
            "WANDB_PROJECT": "theirs",
            "WANDB_MODE": "offline",
        },
        **{"WANDB_RUN_GROUP": "night", "WANDB_TAGS": "a,b", "WANDB_NAME": "mine"},
    }.items():
        monkeypatch.setenv(name, value)
    for name in ("WANDB_RUN_ID", "WANDB_SWEEP_PARAM_PATH"):  # so that they are as before at the end
        monkeypatch.setenv(name, "")
    yield
    import wandb

    wandb.teardown()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # wandb leaves the file open
@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
def test_an_agents_runs_keep_its_ids_and_the_records_name_them(
    treebank: Path, sru_repro: Callable[..., Any], environment: None, tmp_path: Path
) -> None:
    pytest.importorskip("wandb")
    sweep = content(conf_folder() / "sweep/sst-grid.yaml")
    small = [
        *("profile=smoke", "trainer=cpu", f"data_dir={treebank}", "task.limit=16", "task.vectors=random"),
        *("task.train_on=sentences", "task.vector_size=8", "trainer.max_epochs=1", "logger.media=false"),
    ]
    sweep["command"][-1:] = [*small, "${args}"]
    # A group by its name, a value with a comma, one that no run can have.
    sweep["parameters"] = {"model": {"values": ["gru"]}, "model.hidden_size": {"values": [4, 8, -1]}}

    def start(command: list[str]) -> int:
        import wandb

        wandb.teardown()  # an agent starts processes, and in each wandb looks at the environment once
        called = sru_repro(*command[1:], cwd=tmp_path)
        sys.stderr.write(called.err)
        return int(called.status)

    agent = Agent(sweep, start, tmp_path)
    agent.run()
    assert agent.statuses == {"agent0": 0, "agent1": 0, "agent2": 2}
    records = {
        record.wandb_id: (record, place)
        for place in tmp_path.glob("runs/**/run.json")
        if (record := read_record(place))
    }
    assert set(records) == {"agent0", "agent1"}
    for (record, place), size in zip((records["agent0"], records["agent1"]), (4, 8), strict=True):
        assert record.wandb_sweep == "abc123" and f"model.hidden_size={size}" in record.overrides
        found = read_offline(place.parent)
        assert found.about["id"] == record.wandb_id and found.about["sweep_id"] == "abc123"
        named = {key: found.about[key] for key in ("project", "name", "group")}
        assert named == {"project": "theirs", "name": "mine", "group": "night"}
        assert {"a", "b", "gru"} <= set(found.about["tags"])
        assert found.config["model.hidden_size"] == size and found.config["model"] == "gru"
        assert found.config["model.num_layers"] == record.config["model"]["num_layers"]
        assert found.curve("val/accuracy") == [(e.step, e.figures["val/accuracy"]) for e in record.epochs]


@pytest.mark.parametrize("words", [("train", "-m", "seed=1,2"), ("reproduce", "table=quickstart")])
def test_many_runs_share_no_id(
    words: tuple[str, ...], sru_repro: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sru_repro.cli import reproduce
    from sru_repro.cli.sweep import member

    kept: list[str | None] = []

    class Noted:
        """A member's training that fails at once."""

        def __init__(self, words: object, folder: Path, *_: object) -> None:
            kept.append(os.environ.get("WANDB_RUN_ID"))

        def wait(self, _: float) -> int:
            return 1

        def poll(self) -> int:
            return 1

    def carry_out(*_: object, **__: object) -> reproduce.Outcome:
        kept.append(os.environ.get("WANDB_RUN_ID"))
        return reproduce.Outcome()

    monkeypatch.setenv("WANDB_RUN_ID", "one")
    monkeypatch.setattr(member, "Training", Noted)
    monkeypatch.setattr(reproduce, "carry_out", carry_out)
    called = sru_repro(*words, "task=quickstart" if words[0] == "train" else "profile=smoke", cwd=tmp_path)
    assert kept and set(kept) == {None}
    assert called.err.count("WANDB_RUN_ID=one: names one run, ") == 1


def test_the_folder_of_sweeps_is_no_group_of_hydras(tmp_path: Path) -> None:
    """`sweep=FOLDER` is a key of a configuration, which no group may have the name of."""
    assert "sweep" not in choices.groups()
    assert made(["+sweep=runs/mine"]).sweep == "runs/mine"
