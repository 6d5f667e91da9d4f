"""The tables that can be reproduced: conf/table/NAME.yaml says which rows, tasks, folds and seeds a table has."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from omegaconf import OmegaConf
from pydantic import Field, ValidationError

from ..errors import ConfigError
from ..models import Settings
from ..tasks import task_class
from ..training.config import RunConfig
from .compose import CONF, composed

TABLES = CONF / "table"


class Table(Settings):
    """One file of conf/table. `folds` and `seeds` are by profile."""

    name: str
    rows: str
    tasks: list[str]
    folds: dict[str, list[int]] | None
    seeds: dict[str, list[int]]
    results: bool
    leave_out: tuple[str, ...] = Field(default=(), strict=False)

    def row_names(self) -> list[str]:
        """The rows in the order of the paper's table (`paper.line`), the others by name."""
        files = [
            path
            for path in (CONF / "experiment" / self.rows).glob("*.yaml")
            if path.stem not in self.leave_out
        ]
        return [path.stem for path in sorted(files, key=lambda path: (_line(path), path.stem))]


def _line(path: Path) -> int:
    return int(OmegaConf.select(OmegaConf.load(path), "paper.line", default=0))


def table_names() -> list[str]:
    """The tables there are."""
    return sorted(path.stem for path in TABLES.glob("*.yaml"))


def load_table(name: str) -> Table:
    """The table of that name.

    Raises:
        ConfigError: there is none, or its file is malformed.
    """
    if name not in table_names():
        raise ConfigError(f"table: expected one of {', '.join(table_names())}, found {name!r}")
    content: Any = OmegaConf.to_container(OmegaConf.load(TABLES / f"{name}.yaml"))
    try:
        return Table(name=name, **content)
    except ValidationError as error:
        raise ConfigError(
            f"conf/table/{name}.yaml: {error.errors()[0]['loc']}: {error.errors()[0]['msg']}"
        ) from None


def describe(folder: str, row: str, overrides: Sequence[str] = ()) -> dict[str, Any]:
    """Name, label, parameters, place of the configuration and the paper's figures of a row."""
    config = composed([f"experiment={folder}/{row}", *overrides])
    paper = config.top.paper or {}
    return {
        "name": row,
        "label": paper.get("label", row),
        "parameters": parameters(config),
        "config": f"conf/experiment/{folder}/{row}.yaml",
        "paper": paper,
    }


def parameters(config: RunConfig) -> int:
    """Parameters as the papers count them, without making any."""
    with torch.device("meta"):
        return task_class(config.task.kind).create(config.task, config.model).published_parameters()
