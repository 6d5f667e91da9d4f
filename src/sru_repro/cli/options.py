"""The arguments of a verb as checked options: `key=value`, the value raw after the first `=`, and flags."""

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Self

from pydantic import BeforeValidator, ConfigDict

from ..core.closest import did_you_mean
from ..core.errors import ConfigError, DataError
from ..core.settings import Settings, checked, keys
from .flags import SWEEP_AGENT

DIGITS = 18
"""Of a whole number at most: a generator's seed has 63 bits."""


class Options(Settings):
    """What a verb is told. A field is an argument `key=value`; one with an alias "--name" is a flag.

    A field without a default has to be given, and not empty; its example is told where it is missing.
    """

    model_config = ConfigDict(strict=False)

    @classmethod
    def parse(cls, args: Iterable[str]) -> Self:
        """The options that these arguments make.

        Raises:
            ConfigError: an argument that the verb does not know, that stands twice, is missing or out of range.
        """
        values, rest = cls._split(args)
        if rest:
            allowed = [key if key.startswith("--") else f"{key}=..." for key in keys(cls)]
            near = did_you_mean(rest[0].partition("=")[0], keys(cls))
            raise ConfigError(f"{rest[0]}: expected {', '.join(allowed) or 'nothing'} here{near}")
        return checked(cls, values)

    @classmethod
    def parse_known(cls, args: Iterable[str]) -> tuple[Self, list[str]]:
        """The options among the arguments, and all other arguments, in order; of `--key=value`, as sweep agents write
        it, `key=value`.

        Raises:
            ConfigError: as of `parse`, but for unknown arguments.
        """
        values, rest = cls._split(args)
        return checked(cls, values), rest

    @classmethod
    def _split(cls, args: Iterable[str]) -> tuple[dict[str, str | bool], list[str]]:
        known, values = set(keys(cls)), dict[str, str | bool]()
        rest = []
        for arg in args:
            word = arg.removeprefix("--") if SWEEP_AGENT.match(arg) else arg
            key, equals, value = word.partition("=")
            if key not in known or bool(equals) == key.startswith("--"):
                rest.append(word)
            elif equals and key in values:
                raise ConfigError(f"{key}: expected once, found twice")
            else:
                values[key] = value if equals else True
        for name, field in cls.model_fields.items():
            if field.is_required() and not values.get(name):
                values.pop(name, None)
        return values, rest


def whole(least: int, what: str = "a whole number") -> BeforeValidator:
    """The text of a whole number, `least` or more."""

    def read(text: str) -> int:
        if not _is_whole(text, least):
            raise ValueError(f"expected {what} from {least} on, found {text!r:.60}")
        return int(text)

    return BeforeValidator(read)


def numbers(least: int) -> BeforeValidator:
    """The text of whole numbers, `least` or more, with commas between them; each counts once."""

    def read(text: str) -> list[int]:
        parts = text.split(",")
        for part in parts:
            if not _is_whole(part, least):
                raise ValueError(f"expected whole numbers from {least} on such as 1,2,3, found {part!r:.60}")
        return list(dict.fromkeys(map(int, parts)))

    return BeforeValidator(read)


def _is_whole(text: str, least: int) -> bool:
    return text.isdecimal() and len(text) <= DIGITS and int(text) >= least


def _real(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not (math.isfinite(number) and number >= 0):
        raise ValueError(f"expected a number from 0 on, found {text!r}")
    return number


def _switch(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError(f"expected true or false, found {text!r}")
    return text == "true"


Real = Annotated[float, BeforeValidator(_real)]
Switch = Annotated[bool, BeforeValidator(_switch)]
Names = Annotated[list[str], BeforeValidator(lambda text: text.split(","))]


def some_of(key: str, wanted: Sequence[str] | None, known: Iterable[str]) -> list[str]:
    """The wanted names in the order of all there are; all where none are wanted.

    Raises:
        ConfigError: a name that is not among them.
    """
    names = list(known)
    for name in wanted or ():
        if name not in names:
            near = did_you_mean(name, names)
            raise ConfigError(f"{key}: expected some of {', '.join(names)}, found {name!r}{near}")
    return [name for name in names if wanted is None or name in wanted]


def existing_run(key: str, folder: str) -> Path:
    """The folder of a run, which the value of `key` names; "" where it is named by a word of its own.

    Raises:
        DataError: there is nothing of that name.
    """
    found = Path(folder)
    if not found.exists():
        from . import choices  # imports Hydra: --help has no need of it

        beside = (str(place.parent) for place in found.parent.glob("*/run.json"))
        near = did_you_mean(folder.rstrip("/"), [*choices.runs(), *beside])
        named = f"{key}= names" if key else "name"
        raise DataError(f"{found}: expected a run record, found none; {named} the folder of a run{near}")
    return found


def available_device(asked: str | None, otherwise: str) -> str:
    """The device that was asked for, or the best there is; `otherwise` says what to do without a GPU.

    Raises:
        ConfigError: a GPU was asked for, and there is none.
    """
    import torch

    gpu = torch.cuda.is_available()
    if asked == "cuda" and not gpu:
        raise ConfigError(f"device=cuda: expected a CUDA GPU, found none; {otherwise}")
    return asked or ("cuda" if gpu else "cpu")
