"""Sequence encoders, one file each. A new model: a file here with one `Encoder`, and conf/model/NAME.yaml.

`from sru_repro.models import SRU` finds the class by scanning this folder; files named _... hold no model.
"""

import importlib
import pkgutil
from typing import Any

from ._contract import Encoder, ModelSettings, Settings, State, detach

__all__ = ["Encoder", "ModelSettings", "Settings", "State", "detach", "encoder_class", "names"]


def names() -> list[str]:
    """The models there are, by file name."""
    return sorted(m.name for m in pkgutil.iter_modules(__path__) if not m.name.startswith("_"))


def encoder_class(name: str) -> type[Encoder]:
    """The one `Encoder` that the file `name` defines.

    Raises:
        ValueError: there is no such file, or it does not define exactly one encoder.
    """
    if name not in names():
        raise ValueError(f"unknown model {name!r}: expected one of {', '.join(names())}")
    module = importlib.import_module(f"{__name__}.{name}")
    found = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Encoder) and value.__module__ == module.__name__
    ]
    if len(found) != 1:
        raise ValueError(f"models/{name}.py: expected one subclass of Encoder, found {len(found)}")
    return found[0]


def __getattr__(attribute: str) -> Any:
    if not attribute.startswith("_"):
        for name in names():
            cls = encoder_class(name)
            if cls.__name__ == attribute:
                return cls
    raise AttributeError(f"module {__name__!r} has no attribute {attribute!r}")
