"""The tables that can be reproduced: conf/table/NAME.yaml says which rows, tasks, folds and seeds a table has."""

from pathlib import Path
from typing import Any

import torch
from omegaconf import OmegaConf
from pydantic import Field, field_validator

from ..core import layout
from ..core.closest import did_you_mean
from ..core.errors import ConfigError
from ..core.settings import Settings, checked
from ..records.run import Paper
from ..reporting.runs.line import Row
from ..tasks import task_class
from ..training.config import PROFILES, RunConfig
from .choices import table_names
from .compose import composed


class Table(Settings):
    """One file of conf/table. `folds` and `seeds` are by profile; with `open` other tasks that name this table are
    columns of it, too, behind its own.

    `seconds` is what training a row takes by profile, about, where no earlier run tells. With `in_turns` rows train in
    turns of a second, so that their speeds compare on a machine that is busy otherwise.
    `rows` is a folder of conf/experiment, or one for each profile: what the papers ran for days on eight GPUs has
    smaller relatives that run in minutes.
    """

    name: str
    rows: str | dict[str, str]
    tasks: list[str]
    folds: dict[str, list[int]] | None
    seeds: dict[str, list[int]]
    results: bool
    open: bool = False
    in_turns: bool = False
    seconds: dict[str, float] = Field(default_factory=dict)
    leave_out: tuple[str, ...] = Field(default=(), strict=False)

    @field_validator("rows", mode="before")
    @classmethod
    def _every_profile(cls, rows: Any) -> Any:
        if not isinstance(rows, str) and (not isinstance(rows, dict) or set(rows) != set(PROFILES)):
            expected = f"a folder of conf/experiment, or one for each of {', '.join(PROFILES)}"
            raise ValueError(f"expected {expected}, found {rows!r}")
        return rows

    def folder(self, profile: str) -> str:
        """The folder in conf/experiment of a profile's rows."""
        return self.rows if isinstance(self.rows, str) else self.rows[profile]

    def folders(self) -> dict[str, list[str]]:
        """The profiles of each folder, the paper's folder first."""
        found: dict[str, list[str]] = {}
        for profile in PROFILES:
            found.setdefault(self.folder(profile), []).append(profile)
        return found

    def row_names(self, profile: str) -> list[str]:
        """The rows of a profile in the order of the paper's table (`paper.line`), those of one line by name.

        Raises:
            ConfigError: their folder does not exist or is empty.
        """
        folder = self.folder(profile)
        files = [
            path
            for path in (layout.conf_folder() / "experiment" / folder).glob("*.yaml")
            if path.stem not in self.leave_out
        ]
        if not files:
            raise ConfigError(
                f"conf/table/{self.name}.yaml: rows: expected a folder of conf/experiment with rows in it, "
                f"found {folder!r}"
            )
        return [path.stem for path in sorted(files, key=lambda path: (_line(path), path.stem))]


def _line(path: Path) -> int:
    return int(OmegaConf.select(OmegaConf.load(path), "paper.line", default=0))


def load_table(name: str) -> Table:
    """The table of that name.

    Raises:
        ConfigError: there is none, or its file is malformed.
    """
    if name not in table_names():
        near = did_you_mean(name, table_names())
        raise ConfigError(f"table: expected one of {', '.join(table_names())}, found {name!r}{near}")
    content: Any = OmegaConf.to_container(OmegaConf.load(layout.conf_folder() / f"table/{name}.yaml"))
    table = checked(Table, {"name": name, **content}, f"conf/table/{name}.yaml: ")
    others = [task for task in _tasks_of(name) if task not in table.tasks] if table.open else []
    return table.model_copy(update={"tasks": [*table.tasks, *others]})


def _tasks_of(table: str) -> list[str]:
    """The tasks whose own file names a table."""
    files = sorted((layout.conf_folder() / "task").glob("*.yaml"))
    return [path.stem for path in files if OmegaConf.select(OmegaConf.load(path), "task.table") == table]


def described(table: Table, task: str = "") -> list[Row]:
    """All rows of a table, counted on a task (its first); `profiles` says whose a row is where that differs."""
    found = []
    for folder, profiles in table.folders().items():
        rows = [describe(folder, row, task or table.tasks[0]) for row in table.row_names(profiles[0])]
        found += (
            rows
            if isinstance(table.rows, str)
            else [row.model_copy(update={"profiles": profiles}) for row in rows]
        )
    return found


def describe(folder: str, row: str, task: str) -> Row:
    """Name, label, parameters on a task, place of the configuration and the paper's figures of a row."""
    config = composed([f"experiment={folder}/{row}", f"task={task}"])
    paper = config.top.paper or Paper()
    return Row(
        name=row,
        label=paper.label or row,
        parameters=parameters(config),
        config=f"conf/experiment/{folder}/{row}.yaml",
        paper=paper,
    )


def parameters(config: RunConfig) -> int:
    """Parameters as the papers count them, without making any."""
    with torch.device("meta"):
        return task_class(config.task.kind).create(config.task, config.model).published_parameters()
