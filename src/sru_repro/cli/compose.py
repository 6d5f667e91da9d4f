"""Configurations by Hydra: composed, resolved and checked, with every complaint in one line."""

import re
import warnings
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
from ..core.closest import did_you_mean
from ..core.errors import ConfigError
from . import choices, folders
from .closed import close
from .flags import SWEEP_AGENT
from .quoting import quote
from .words import hydra_words, one_choice
from .yaml_files import bounded, undecodable

if TYPE_CHECKING:
    from ..training.config import RunConfig


GROUPS = ("model", "task", "optim", "trainer", "logger")
"""Keys under which settings stand."""


@contextmanager
def one_line(words: Sequence[str] = ()) -> Iterator[None]:
    """Turns what Hydra and OmegaConf raise into a `ConfigError` of one line; `words` made the configuration."""
    close()
    folders.hide()
    try:
        yield
    except (HydraException, OmegaConfBaseException, YAMLError, ValueError, UserWarning) as error:
        raise ConfigError(_shorten(error, words)) from None
    except RecursionError:
        raise ConfigError("configuration: expected a few levels of keys, found hundreds") from None


def _shorten(error: Exception, words: Sequence[str]) -> str:
    cause = error.__cause__ if isinstance(error.__cause__, OmegaConfBaseException) else None
    text = f"{error}\n{cause}" if cause is not None and str(cause) not in str(error) else str(error)
    if packed := re.search(r"In '([^']+)': Could not override '\w+@\w+\.", text):
        return f"{packed[1]}: expected `# @package _global_` in its first line, found none"
    unknown_key = re.search(r"Could not (?:override|delete from config\.) '([^']+)'", text)
    if unknown_key and re.search("not in struct|does not exist|Did you mean to override", text):
        group, _, name = unknown_key[1].partition(".")
        chosen = next((word for word in words if word.lstrip("+").startswith(f"{group}=")), "")
        known = choices.groups().get(group, []) if group in ("callbacks", "debug") else []
        if known and (
            not chosen or (name.partition(".")[0] in known and name.partition(".")[0] not in chosen)
        ):
            which = (
                name.partition(".")[0] if name.partition(".")[0] in known else f"one of {', '.join(known)}"
            )
            return f"{unknown_key[1]}: no such key unless {group}= chooses {which}"
        near = did_you_mean(unknown_key[1], choices.keys(words))
        return f"{unknown_key[1]}: no such key{near or '; `sru-repro train --cfg job` shows all there are'}"
    if isinstance(error, UserWarning) and (
        folder := re.search(r"path=(.*) is not available", text, re.DOTALL)
    ):
        return f"hydra.searchpath: expected a folder of configurations, found none at {folder[1]}"
    if "Config group override must be" in text:
        groups = choices.groups()
        named = [word for word in words if word.partition("=")[0].lstrip("+") in (*groups, "hydra")]
        return f"{text} (in {', '.join(named)})"
    if there := re.search(r"An item is already at '([^']+)'", text):
        return (
            f"{there[1]}: expected {there[1]}=VALUE, found +{there[1]}=, which adds a key where there is none"
        )
    if folder := re.search(r"Additional config directory '([^']+)' not found", text):
        return f"--config-dir={_here(folder[1])}: expected a folder of configurations, found none"
    lines = [re.sub(r"\s+", " ", line).strip() for line in _here(text).splitlines()]
    unknown_file = re.search(r"Could not find '([^']+)'", text)
    if unknown_file and "Available options in" in text:
        first = next(i for i, line in enumerate(lines) if line.startswith("Available options")) + 1
        group, _, name = unknown_file[1].rpartition("/")
        options = takewhile(lambda line: line and not line.startswith("Config search path"), lines[first:])
        known = [option for option in options if not option.startswith("_")]
        return f"{group}: expected one of {', '.join(known)}; found {name!r}{did_you_mean(name, known)}"
    if unknown_file:
        group, _, name = unknown_file[1].partition("/")
        near = did_you_mean(name, choices.groups().get(group, ()))
        return f"{group}: no such file conf/{unknown_file[1]}.yaml{near}"
    if unknown_key and unknown_key[1].startswith("hydra."):
        lines.append(did_you_mean(unknown_key[1], choices.HYDRA).removeprefix("; "))
    dropped = (
        "Config search path",
        "provider=",
        "object_type=",
        "set the environment",
        "See https",
        "full_key:",
    )
    said = "; ".join(dict.fromkeys(line for line in lines if line and not line.startswith(dropped)))
    if words and not any(word.partition("=")[0].lstrip("+~") in said for word in words):
        said += f" (in {', '.join([word for word in words if '${' in word] or words):.300})"
    return said


def _here(text: str) -> str:
    """The text with paths below the working directory as the user would write them."""
    return text.replace(f"{Path.cwd()}/", "")


def resolve(config: DictConfig) -> "RunConfig":
    """Resolves interpolations and checks types, ranges and clashes."""
    profile = OmegaConf.to_container(config).get("profile")  # type: ignore[union-attr]
    if "budgets" in config and profile not in config.budgets:
        raise ConfigError(
            f"profile: expected one of {', '.join(map(str, config.budgets))}, found {profile!r}"
            + did_you_mean(str(profile), map(str, config.budgets))
        )
    for name in GROUPS:
        node = config._get_node(name, validate_access=False)
        if not (OmegaConf.is_dict(node) and node):
            found = "none" if node is None or str(node) in ("None", "{}") else f"{node!s:.60}"
            raise ConfigError(f"{name}: expected a group of settings, found {found}")
    try:
        plain: Any = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    except OmegaConfBaseException as error:
        raise ConfigError(f"{_shorten(error, ())} (in {_unresolved(config)})") from None
    if not isinstance(plain.get("resume"), bool):
        raise ConfigError(f"resume: expected true or false, found {plain.get('resume')!r}")
    from ..training.config import check  # imports torch: a key that does not exist is told at once

    return check({key: value for key, value in plain.items() if key not in ("hydra", "resume")})


def _unresolved(config: DictConfig, above: str = "") -> str:
    """The key whose value cannot be resolved."""
    for key in config:
        name = f"{above}{key!s}"
        try:
            inner = config[key]
            if isinstance(inner, DictConfig) and (found := _unresolved(inner, f"{name}.")):
                return found
            OmegaConf.to_container(OmegaConf.create({"key": inner}), throw_on_missing=True)
        except OmegaConfBaseException:
            return name
    return ""


def composed(overrides: Sequence[str], once: bool = False) -> "RunConfig":
    """The checked configuration that these overrides make of conf/config.yaml; `once`: no key twice."""
    if flags := [arg for arg in overrides if arg.startswith("-") and not SWEEP_AGENT.match(arg)]:
        raise ConfigError(
            f"{flags[0]}: expected key=value here{did_you_mean(flags[0].lstrip('-'), choices.keys())}"
        )
    words = [arg.removeprefix("--") for arg in overrides]
    return resolve(made(hydra_words(words, known=choices.keys, once=once)))


def made(words: Sequence[str], config_dir: Path | None = None, with_hydra: bool = False) -> DictConfig:
    """What these words, as `hydra_words` makes them, make of the configuration: not resolved, not checked; Hydra's own
    part is in it where that is asked for."""
    one_choice(words, choices.groups())
    beside = []
    if config_dir is not None:
        if not config_dir.is_dir():
            raise ConfigError(f"--config-dir={config_dir}: expected a folder of configurations, found none")
        bounded(config_dir)
        beside = [f"hydra.searchpath=[{quote(f'file://{config_dir.resolve()}')}]"]
    with one_line(words), warnings.catch_warnings():
        warnings.filterwarnings("error", ".* is not available", UserWarning)  # a folder of hydra.searchpath
        GlobalHydra.instance().clear()
        with initialize_config_dir(str(layout.conf_folder()), version_base="1.3"):
            try:
                return hydra_compose("config", overrides=[*words, *beside], return_hydra_config=with_hydra)
            except UnicodeDecodeError:
                found = undecodable(config_dir) if config_dir is not None else ""
                raise ConfigError(
                    found or "configuration: expected files in UTF-8, found one that is not"
                ) from None
            except OSError as error:
                if isinstance(error, HydraException):  # some of Hydra's are both
                    raise
                raise ConfigError(
                    f"{error.filename}: expected a configuration, found: {error.strerror}"
                ) from None


def tasks() -> list[str]:
    """The tasks there are configurations for."""
    return sorted(
        path.stem for path in (layout.conf_folder() / "task").glob("*.yaml") if not path.stem.startswith("_")
    )
