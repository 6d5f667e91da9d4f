"""Tasks: data, head, loss and metrics around an encoder. Names are resolved by scanning this folder."""

import sys

from ..core import scan
from ._base import Answer, Batches, Span, Step, Task, TaskData, TaskSettings

__all__ = ["Answer", "Batches", "Span", "Step", "Task", "TaskData", "TaskSettings", "names", "task_class"]


def names() -> list[str]:
    """The kinds of task there are, by file name."""
    return scan.names(sys.modules[__name__])


def task_class(kind: str) -> type[Task]:
    """The one `Task` that the file `kind` defines; ValueError when there is none."""
    return scan.only_class(sys.modules[__name__], kind, Task, "kind of task")
