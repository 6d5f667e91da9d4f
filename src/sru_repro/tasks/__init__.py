"""Tasks: data, head, loss and metrics around an encoder. Names are resolved by scanning this folder."""

import importlib
import pkgutil

from ._contract import Batches, Step, Task, TaskData, TaskSettings

__all__ = ["Batches", "Step", "Task", "TaskData", "TaskSettings", "names", "task_class"]


def names() -> list[str]:
    """The kinds of task there are, by file name."""
    return sorted(m.name for m in pkgutil.iter_modules(__path__) if not m.name.startswith("_"))


def task_class(kind: str) -> type[Task]:
    """The one `Task` that the file `kind` defines.

    Raises:
        ValueError: there is no such file, or it does not define exactly one task.
    """
    if kind not in names():
        raise ValueError(f"unknown kind of task {kind!r}: expected one of {', '.join(names())}")
    module = importlib.import_module(f"{__name__}.{kind}")
    found = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Task) and value.__module__ == module.__name__
    ]
    if len(found) != 1:
        raise ValueError(f"tasks/{kind}.py: expected one subclass of Task, found {len(found)}")
    return found[0]
