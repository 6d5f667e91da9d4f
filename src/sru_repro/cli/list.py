"""sru-repro list [task=NAME] [--json]     models, tasks, and the rows of the papers' tables with their parameters

Counted on the meta device: no data, no word vectors, no network. What counts is what the papers count: word embeddings
are left out in classification, embedding and output are in for language models.
"""

import json
from collections.abc import Sequence

from pydantic import Field

from .. import models
from ..reporting.runs.line import Row
from .compose import composed, tasks
from .options import Options
from .tables import describe, described, load_table, table_names


class ListOptions(Options):
    """Which rows, and how they are printed."""

    task: str | None = None
    as_json: bool = Field(default=False, alias="--json")


def run(args: Sequence[str]) -> int:
    """Prints the rows of one task's table, of all its profiles, or everything."""
    options = ListOptions.parse(args)
    if options.task is not None:
        table = load_table(composed([f"task={options.task}"]).task.table)
        rows = described(table, options.task)
    else:
        rows = _all_rows()
    if options.as_json:
        overview = {} if options.task is not None else {"models": models.names(), "tasks": tasks()}
        print(json.dumps({**overview, "rows": [row.plain() for row in rows]}, indent=1))
        return 0
    if options.task is None:
        print("models:", ", ".join(models.names()))
        print("tasks: ", ", ".join(tasks()), "\n")
    width = {key: max(len(getattr(row, key)) for row in rows) for key in ("name", "label", "config")}
    for row in rows:
        name, label = row.name.ljust(width["name"]), row.label.ljust(width["label"])
        print(f"{name} | {label} | {row.parameters:>11,} | {row.config}")
    return 0


def _all_rows() -> list[Row]:
    """Every row of every folder once, counted on the task of the first table that uses its folder."""
    tables = [load_table(name) for name in table_names()]
    tables.sort(key=lambda table: table.name not in table.folders())  # others may leave rows of a folder out
    rows: dict[str, list[Row]] = {}
    for table in tables:
        for folder, profiles in table.folders().items():
            if folder not in rows:
                rows[folder] = [describe(folder, row, table.tasks[0]) for row in table.row_names(profiles[0])]
    return [row for own in rows.values() for row in own]
