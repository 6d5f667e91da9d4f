"""sru-repro list [task=NAME] [--json]     models, tasks, and the rows of the papers' tables with their parameters

Counted on the meta device: no data, no word vectors, no network. What counts is what the papers count: word embeddings
are left out in classification, embedding and output are in for language models.
"""

import json
from collections.abc import Sequence

from .. import models
from .compose import composed, tasks
from .tables import describe, load_table, table_names
from .words import only


def run(words: Sequence[str]) -> int:
    """Prints the rows of one task's table, or everything."""
    found, flags = only(words, ("task",), ("--json",))
    override = [f"task={found['task']}"] if "task" in found else []
    wanted = [composed(override).task.table] if override else table_names()
    specs = [load_table(name) for name in wanted]
    own = [spec for spec in specs if override or spec.rows == spec.name]  # a table may share another's rows
    rows = [describe(spec.rows, row, override) for spec in own for row in spec.row_names()]
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
