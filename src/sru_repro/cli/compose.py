"""Configurations by Hydra: composed, resolved and checked, with every complaint in one line."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError  # type: ignore[import-untyped]

from ..core import layout
from ..core.errors import ConfigError

if TYPE_CHECKING:
    from ..training.config import RunConfig


@contextmanager
def one_line() -> Iterator[None]:
    """Turns what Hydra and OmegaConf raise into a `ConfigError` of one line."""
    try:
        yield
    except (HydraException, OmegaConfBaseException, YAMLError, ValueError) as error:
        raise ConfigError(_shorten(error)) from None


def _shorten(error: Exception) -> str:
    cause = error.__cause__ if isinstance(error.__cause__, OmegaConfBaseException) else None
    text = f"{error}\n{cause}" if cause is not None and str(cause) not in str(error) else str(error)
    unknown_key = re.search(r"Could not override '([^']+)'", text)
    if unknown_key and "not in struct" in text:
        return f"{unknown_key[1]}: no such key; `sru-repro train --cfg job` shows all there are"
    if folder := re.search(r"Additional config directory '([^']+)' not found", text):
        return f"--config-dir={_here(folder[1])}: expected a folder of configurations, found none"
    if packed := re.search(r"In '([^']+)': Could not override '\w+@\w+\.", text):
        return f"{packed[1]}: expected `# @package _global_` in its first line, found none"
    lines = [re.sub(r"\s+", " ", line).strip() for line in _here(text).splitlines()]
    unknown_file = re.search(r"Could not find '([^']+)'", text)
    if unknown_file and "Available options in" in text:
        first = next(i for i, line in enumerate(lines) if line.startswith("Available options")) + 1
        group, _, name = unknown_file[1].rpartition("/")
        options = takewhile(lambda line: line and not line.startswith("Config search path"), lines[first:])
        known = ", ".join(option for option in options if not option.startswith("_"))
        return f"{group}: expected one of {known}; found {name!r}"
    if unknown_file:
        return f"{unknown_file[1].split('/')[0]}: no such file conf/{unknown_file[1]}.yaml"
    dropped = ("provider=", "object_type=", "set the environment", "See https", "full_key:")
    return "; ".join(dict.fromkeys(line for line in lines if line and not line.startswith(dropped)))


def _here(text: str) -> str:
    """The text with paths below the working directory as the user would write them."""
    return text.replace(f"{Path.cwd()}/", "")


def resolve(config: DictConfig) -> "RunConfig":
    """Resolves interpolations and checks types, ranges and clashes."""
    profile = OmegaConf.to_container(config).get("profile")  # type: ignore[union-attr]
    if "budgets" in config and profile not in config.budgets:
        raise ConfigError(
            f"profile: expected one of {', '.join(map(str, config.budgets))}, found {profile!r}"
        )
    with one_line():
        plain: Any = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    if not isinstance(plain.get("resume"), bool):
        raise ConfigError(f"resume: expected true or false, found {plain.get('resume')!r}")
    from ..training.config import check  # imports torch: a key that does not exist is told at once

    return check({key: value for key, value in plain.items() if key not in ("hydra", "resume")})


def composed(overrides: Sequence[str]) -> "RunConfig":
    """The checked configuration that these overrides make of conf/config.yaml."""
    if flags := [arg for arg in overrides if arg.startswith("-")]:
        raise ConfigError(f"{flags[0]}: expected key=value here")
    with one_line():
        GlobalHydra.instance().clear()
        with initialize_config_dir(str(layout.conf_folder()), version_base="1.3"):
            config = hydra_compose("config", overrides=list(overrides))
    return resolve(config)


def tasks() -> list[str]:
    """The tasks there are configurations for."""
    return sorted(
        path.stem for path in (layout.conf_folder() / "task").glob("*.yaml") if not path.stem.startswith("_")
    )
