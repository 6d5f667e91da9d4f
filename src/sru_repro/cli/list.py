"""sru-repro list [task=NAME] [--json]     models, tasks, and the rows of the papers' tables with their parameters

Counted on the meta device: no data, no word vectors, no network. What counts is what the papers count: word embeddings
are left out in classification, embedding and output are in for language models.
"""

import json
from collections.abc import Sequence
from typing import Any

from .. import models
from .compose import composed, tasks
from .tables import describe, described, load_table, table_names
from .words import only


def run(words: Sequence[str]) -> int:
    """Prints the rows of one task's table, of all its profiles, or everything."""
    found, flags = only(words, ("task",), ("--json",))
    if "task" in found:
        table = load_table(composed([f"task={found['task']}"]).task.table)
        rows = described(table, found["task"])
    else:
        rows = _all_rows()
    if "--json" in flags:
        overview = {} if "task" in found else {"models": models.names(), "tasks": tasks()}
        print(json.dumps({**overview, "rows": rows}, indent=1))
        return 0
    if "task" not in found:
        print("models:", ", ".join(models.names()))
        print("tasks: ", ", ".join(tasks()), "\n")
    width = {key: max(len(str(row[key])) for row in rows) for key in ("name", "label", "config")}
    for row in rows:
        name, label = row["name"].ljust(width["name"]), row["label"].ljust(width["label"])
        print(f"{name} | {label} | {row['parameters']:>11,} | {row['config']}")
    return 0


def _all_rows() -> list[dict[str, Any]]:
    """Every row of every folder once, counted on the task of the first table that uses its folder."""
    tables = [load_table(name) for name in table_names()]
    tables.sort(key=lambda table: table.name not in table.folders())  # others may leave rows of a folder out
    rows: dict[str, list[dict[str, Any]]] = {}
    for table in tables:
        for folder, profiles in table.folders().items():
            if folder not in rows:
                rows[folder] = [describe(folder, row, table.tasks[0]) for row in table.row_names(profiles[0])]
    return [row for own in rows.values() for row in own]
