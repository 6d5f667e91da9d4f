"""Sequence encoders, one file each. A new model: a file here with one `Encoder`, and conf/model/NAME.yaml.

`from sru_repro.models import SRU` finds the class by scanning this folder; files named _... hold no model.

A model of one's own stays outside the package: a class derived from `Encoder` in any module that can be imported (the
working directory is looked into, too), with a `Config` derived from `ModelSettings`, and a file model/NAME.yaml in a
folder that `sru-repro train --config-dir=FOLDER model=NAME` is told of:

    name: mean                     what its runs are called
    _class_: mypackage.mean.Mean   where the class is
    scale: 2.0                     its settings, the keywords of its constructor

The record of a run keeps all of it, so that evaluate, predict and resume=true need the module alone.
"""

import sys
from typing import Any

from ..core import scan
from ._base import AttentionContext, Encoder, ModelSettings, State, detach
from ._recorded import RecordedSteps
from ._stack import Stack

__all__ = [
    "AttentionContext",
    "Encoder",
    "ModelSettings",
    "RecordedSteps",
    "Stack",
    "State",
    "detach",
    "encoder_class",
    "encoder_of",
    "names",
]


def names() -> list[str]:
    """The models there are, by file name."""
    return scan.names(sys.modules[__name__])


def encoder_class(name: str, class_path: str = "") -> type[Encoder]:
    """The one `Encoder` that the file `name` defines, or the class at "package.module.Class".

    Raises:
        ValueError: there is none, or the class at that place has no `Config` derived from `ModelSettings`.
    """
    if not class_path:
        return scan.only_class(sys.modules[__name__], name, Encoder, "model")
    found = scan.class_at(class_path, Encoder)
    settings = getattr(found, "Config", None)
    if not (isinstance(settings, type) and issubclass(settings, ModelSettings)):
        raise ValueError(f"expected a Config derived from ModelSettings in {class_path}, found {settings!r}")
    return found


def encoder_of(settings: ModelSettings) -> type[Encoder]:
    """The class that these settings are of.

    Raises:
        ValueError: there is none.
    """
    return encoder_class(settings.name, settings.class_path)


def __getattr__(attribute: str) -> Any:
    if not attribute.startswith("_"):
        for name in names():
            cls = encoder_class(name)
            if cls.__name__ == attribute:
                return cls
    raise AttributeError(f"module {__name__!r} has no attribute {attribute!r}")
