"""Sequence encoders, one file each. A new model: a file here with one `Encoder`, and conf/model/NAME.yaml.

`from sru_repro.models import SRU` finds the class by scanning this folder; files named _... hold no model.
"""

import sys
from typing import Any

from ..core import scan
from ._base import AttentionContext, Encoder, ModelSettings, State, detach
from ._stack import Stack

__all__ = [
    "AttentionContext",
    "Encoder",
    "ModelSettings",
    "Stack",
    "State",
    "detach",
    "encoder_class",
    "names",
]


def names() -> list[str]:
    """The models there are, by file name."""
    return scan.names(sys.modules[__name__])


def encoder_class(name: str) -> type[Encoder]:
    """The one `Encoder` that the file `name` defines; ValueError when there is none."""
    return scan.only_class(sys.modules[__name__], name, Encoder, "model")


def __getattr__(attribute: str) -> Any:
    if not attribute.startswith("_"):
        for name in names():
            cls = encoder_class(name)
            if cls.__name__ == attribute:
                return cls
    raise AttributeError(f"module {__name__!r} has no attribute {attribute!r}")
