"""Configurations are values: what they could make Hydra and OmegaConf do beside is refused.

A file of `--config-dir` may come from anyone. Hydra would build whatever class a `_target_` below `hydra` names (a
callback, a launcher) or a logger's `()`, and `${oc.env:NAME}` would carry a key of the environment into records and
logs. Places alone (`hydra.run.dir=${oc.env:SCRATCH}/runs`) may come from the environment.
"""

import os
from collections.abc import Iterator
from functools import cache
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import InterpolationResolutionError

from ..core.errors import ConfigError

OWN = ("hydra._internal.", "hydra_plugins.", "optuna.samplers.", "optuna.pruners.", "sru_repro.")
"""Packages whose launchers, sweepers and samplers Hydra may build."""


@cache
def close() -> None:
    """From now on, in this process, every configuration is looked through when it is composed."""
    original = ConfigLoaderImpl.load_configuration

    def load_configuration(self: ConfigLoaderImpl, *args: Any, **kwargs: Any) -> DictConfig:
        config = original(self, *args, **kwargs)
        refuse_calls(config)
        return config

    ConfigLoaderImpl.load_configuration = load_configuration  # type: ignore[method-assign]
    OmegaConf.register_new_resolver("oc.env", _environment, replace=True)


def refuse_calls(config: DictConfig) -> None:
    """Raises ConfigError for a key by which Hydra or Python's logging would call what a configuration names."""
    plain: Any = OmegaConf.to_container(config, resolve=False)
    for key, value in _leaves(plain, ""):
        name = key.rpartition(".")[2]
        called = name in ("_target_", "()", "class") and key.startswith("hydra.")
        if called and not str(value).startswith((*OWN, "logging.")):
            raise ConfigError(f"{key}: expected nothing that is called, found {value!r}")
        if key.startswith("hydra.") and "ext://" in str(value) and "ext://sys.std" not in str(value):
            raise ConfigError(f"{key}: expected ext://sys.stdout or ext://sys.stderr, found {value!r}")


def _leaves(content: Any, above: str) -> Iterator[tuple[str, Any]]:
    items = content.items() if isinstance(content, dict) else enumerate(content)
    for key, value in items:
        name = f"{above}{key}"
        if isinstance(value, dict | list):
            yield from _leaves(value, f"{name}.")
        else:
            yield name, value


def _environment(name: str, default: Any = None, *, _parent_: Any) -> str:
    """What `oc.env` gives: the variable below `hydra`, a refusal elsewhere."""
    place = _parent_._get_full_key(None) if _parent_ is not None else ""
    if not place.startswith("hydra"):
        within = f"below {place}: " if place else ""
        raise InterpolationResolutionError(
            f"{within}expected a value, found ${{oc.env:{name}}}, which would carry the environment into records; "
            "write the value, or let the shell put it on the command line"
        )
    if name not in os.environ and default is None:
        raise KeyError(f"Environment variable '{name}' not found")
    return os.environ.get(name, str(default))
