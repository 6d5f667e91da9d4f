"""Finds classes: by scanning a package's folder, where a new file is a new name and no list has to be edited, and by
the place that a configuration names."""

import importlib
import os
import pkgutil
import sys
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


def class_at(path: str, base: type[T]) -> type[T]:
    """The subclass of `base` at "package.module.Class", which may lie in the working directory.

    Raises:
        ValueError: the module cannot be imported, or holds no such class.
    """
    module_name, _, attribute = path.rpartition(".")
    if not module_name:
        raise ValueError(f"expected package.module.Class, found {path!r}")
    if not {"", os.getcwd()} & set(sys.path):  # an installed command does not look there by itself
        sys.path.append(os.getcwd())
    try:
        found = getattr(importlib.import_module(module_name), attribute, None)
    except Exception as error:  # whatever is wrong in a file of the user's own
        reason = " ".join(str(error).split()) or "no reason given"
        away = isinstance(error, ModuleNotFoundError)
        where = "; call it in the folder that holds the module, or name that in PYTHONPATH" if away else ""
        raise ValueError(
            f"expected {path} to be there, found {type(error).__name__}: {reason}{where}"
        ) from None
    if not (isinstance(found, type) and issubclass(found, base)):
        problem = "no such name" if found is None else repr(found)
        raise ValueError(f"expected a subclass of {base.__name__} at {path}, found {problem}")
    return found
