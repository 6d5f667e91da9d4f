"""Finds classes by scanning a package's folder: a new file is a new name, and no list has to be edited."""

import importlib
import pkgutil
from types import ModuleType
from typing import TypeVar

T = TypeVar("T")


def names(package: ModuleType) -> list[str]:
    """The files of a package that may hold such a class: those without a leading underscore."""
    return sorted(m.name for m in pkgutil.iter_modules(package.__path__) if not m.name.startswith("_"))


def only_class(package: ModuleType, name: str, base: type[T], kind: str) -> type[T]:
    """The one subclass of `base` that the file `name` defines. `kind` is what to call a name in a message.

    Raises:
        ValueError: there is no such file, or it does not define exactly one.
    """
    if name not in names(package):
        raise ValueError(f"unknown {kind} {name!r}: expected one of {', '.join(names(package))}")
    module = importlib.import_module(f"{package.__name__}.{name}")
    found = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, base) and value.__module__ == module.__name__
    ]
    if len(found) != 1:
        place = f"{package.__name__.rpartition('.')[2]}/{name}.py"
        raise ValueError(f"{place}: expected one subclass of {base.__name__}, found {len(found)}")
    return found[0]
