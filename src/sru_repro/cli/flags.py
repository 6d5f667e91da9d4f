"""Hydra's flags among the arguments of `train`: wherever they stand, checked, and apart from the words."""

import argparse
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, NoReturn

from ..core.closest import did_you_mean
from ..core.errors import ConfigError

SWEEP_AGENT = re.compile(r"--(?!config-dir=|config-name=|config-path=|cfg=|info=|package=)[^=]+=")
"""A key as sweep agents write it, --optim.lr=0.1, and no flag of Hydra's."""
_GIVEN = re.compile(r"(--?)([^=]+)=(.*)", re.DOTALL)
_INFO = ("--info", "-i")


class Flags(NamedTuple):
    """What the arguments ask Hydra for.

    words         all other arguments, in order; of `--key=value`, which sweep agents write, `key=value`
    hydra         its flags, for its own parser
    sweeping      -m
    asking        something is to be shown, nothing to be run
    config_dir    a folder beside conf/
    elsewhere     the configuration is not conf/config.yaml
    completion    of shells
    """

    words: list[str]
    hydra: list[str]
    sweeping: bool
    asking: bool
    config_dir: Path | None
    elsewhere: bool
    completion: bool


def flags_of(args: Sequence[str]) -> Flags:
    """The flags among these arguments, and the rest.

    Raises:
        ConfigError: a flag that there is not, or one without its argument.
    """
    from hydra._internal.utils import (
        get_args_parser,  # the one place that knows all of them; verbs without need none
    )

    parser = get_args_parser()
    parser.allow_abbrev = False
    setattr(parser, "error", _refuse)  # noqa: B010  argparse would print its usage, and end the process
    actions = [action for action in parser._actions if action.option_strings]
    known = {name: action for action in actions for name in action.option_strings}
    found = parser.parse_intermixed_args(list(_readable(args, known)))
    if found.experimental_rerun:
        raise ConfigError(
            "--experimental-rerun: expected key=value; a run's run.json holds its overrides, a pickle may run anything"
        )
    for name in ("package", "resolve"):
        if getattr(found, name) and not found.cfg:
            raise ConfigError(f"--{name}: expected it beside --cfg, found no --cfg")
    hydra = []
    for action in actions:
        value = getattr(found, action.dest, None)
        if value is True:
            hydra.append(action.option_strings[0])
        elif isinstance(value, str):
            hydra.append(f"{action.option_strings[0]}={value}")
    return Flags(
        words=found.overrides,
        hydra=hydra,
        sweeping=found.multirun or "hydra.mode=MULTIRUN" in found.overrides,
        asking=any((found.help, found.hydra_help, found.cfg, found.info, found.shell_completion)),
        config_dir=None if found.config_dir is None else Path(found.config_dir),
        elsewhere=found.config_path is not None or found.config_name is not None,
        completion=found.shell_completion,
    )


def _readable(args: Sequence[str], known: dict[str, argparse.Action]) -> list[str]:
    """The arguments as argparse reads them right: keys without dashes, flags that exist, `--info` with its choice."""
    readable = []
    wanting = False  # the argument of the flag before
    for place, arg in enumerate(args):
        given = _GIVEN.fullmatch(arg)
        name = f"{given[1]}{given[2]}" if given else arg
        if wanting or not arg.startswith("-") or arg == "--":
            readable.append(arg)
            wanting = False
        elif name in known:
            following = args[place + 1] if place + 1 < len(args) else "="
            bare = arg in _INFO and (following.startswith("-") or "=" in following)
            readable.append(f"{arg}=all" if bare else arg)
            wanting = not given and not bare and known[name].nargs != 0
        elif given and given[1] == "--" and not given[2].startswith("-"):
            readable.append(f"{given[2]}={given[3]}")
        else:
            key = arg.lstrip("-+")
            near = did_you_mean(name, known) if not given else f"; did you mean {key}?"
            near = near or f"; a key is given as key=value: {key}=VALUE" * bool(key)
            raise ConfigError(f"{arg}: no such flag{near}")
    return readable


def _refuse(message: str) -> NoReturn:
    raise ConfigError(re.sub(r"^argument ", "", message))
