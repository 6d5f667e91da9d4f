"""Configurations are values: what they could make Hydra and OmegaConf do beside is refused.

A file of `--config-dir` may come from anyone. Hydra would build whatever class a `_target_` names (a callback, a
launcher) or Python's logging a `()`, a handler would empty a file, `hydra.job.env_set` would name a compiler, and
`${oc.env:NAME}` would carry a key of the environment into records and logs. Places alone
(`hydra.run.dir=${oc.env:SCRATCH}/runs`) may come from the environment.
"""

import os
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, cast

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.config_repository import ConfigRepository
from hydra.core.hydra_config import HydraConfig
from hydra.core.object_type import ObjectType
from hydra.plugins.config_source import ConfigResult
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import InterpolationResolutionError

from ..core import layout
from ..core.errors import ConfigError
from .yaml_files import bounded_file

_BUILT = re.compile(
    r"hydra\._internal\.core_plugins\.basic_(launcher\.BasicLauncher|sweeper\.BasicSweeper)"
    r"|hydra_plugins\.\w+\.\w+\.\w+(Launcher|Sweeper)|optuna\.(samplers|pruners)\.\w+(Sampler|Pruner)"
)
"""The launchers, sweepers and samplers that Hydra may build: classes, named in full, for `a.os.system` is one too."""
_LOGGING = ("hydra.job_logging", "hydra.hydra_logging")
_CLASSES = ("logging.StreamHandler", "logging.NullHandler", "logging.Formatter")
_LOG = "${hydra.runtime.output_dir}/${hydra.job.name}.log"
"""Where Hydra's own job_logging=default writes."""
_VARIABLE = re.compile(r"\w+_NUM_THREADS|CUDA_(VISIBLE_DEVICES|DEVICE_ORDER|LAUNCH_BLOCKING|MODULE_LOADING)")
"""Of the environment: those that name no program, library or file (CUDA_HOME names a compiler)."""
_PLACES = ("hydra.run", "hydra.sweep")
_PLAIN = ("runtime.cwd", "runtime.version", "job.num", "job.id")
"""Hydra's values that no configuration sets."""


@cache
def close() -> None:
    """From now on, in this process, every file and every configuration is looked through before it has an effect."""
    original = ConfigLoaderImpl.load_configuration

    def load_configuration(self: ConfigLoaderImpl, *args: Any, **kwargs: Any) -> DictConfig:
        try:
            config = original(self, *args, **kwargs)
        except KeyError as error:  # what hydra.job.env_copy names
            raise ConfigError(f"hydra.job.env_copy: expected a variable that is set, found {error}") from None
        OmegaConf.register_new_resolver("hydra", _hydras, replace=True)  # Hydra sets its own at each start
        refuse_calls(config)
        return config

    reading = ConfigRepository.load_config

    def load_config(self: ConfigRepository, config_path: str) -> ConfigResult | None:
        source = self._find_object_source(config_path, ObjectType.CONFIG)
        if source is not None and source.scheme() == "file":
            path = Path(source.path, source._normalize_file_name(config_path))
            if not path.is_relative_to(layout.conf_folder()):
                bounded_file(path)  # whichever flag or key named its folder
        return reading(self, config_path)

    ConfigLoaderImpl.load_configuration = load_configuration  # type: ignore[method-assign]
    ConfigRepository.load_config = load_config  # type: ignore[method-assign]
    OmegaConf.register_new_resolver("oc.env", _environment, replace=True)


def refuse_calls(config: DictConfig) -> None:
    """Raises ConfigError for a key by which Hydra or Python's logging would call what a configuration names, write
    where it says, or change the environment that programs are found by."""
    plain: Any = OmegaConf.to_container(config, resolve=False)
    for key, value in _leaves(plain, ""):
        text = str(value)
        if key.rpartition(".")[2] == "_target_" and not (key.startswith("hydra.") and _BUILT.fullmatch(text)):
            raise ConfigError(f"{key}: expected nothing that is called, found {value!r}")
        if key.startswith("hydra.job.env_"):
            name = text if key.startswith("hydra.job.env_copy") else key.removeprefix("hydra.job.env_set.")
            if not _VARIABLE.fullmatch(name):
                raise ConfigError(
                    f"{key}: expected CUDA_VISIBLE_DEVICES or a number of threads, found {name}; set it in the "
                    "shell"
                )
        if key.startswith(_LOGGING):
            _check_logging(plain, key, text)


def _check_logging(plain: Any, key: str, text: str) -> None:
    """Refuses what a handler of Python's logging would call or write besides what is printed."""
    above, _, name = key.rpartition(".")
    at: Any = plain
    for part in above.split("."):
        at = at[part] if isinstance(at, dict) and part in at else {}
    own = isinstance(at, dict) and at.get("class") == "logging.FileHandler" and _is_hydras(at, plain)
    if "ext://" in text and text not in ("ext://sys.stdout", "ext://sys.stderr"):
        raise ConfigError(f"{key}: expected ext://sys.stdout or ext://sys.stderr, found {text!r}")
    called = name == "()" or (name == "class" and text not in _CLASSES)
    if (called or "${" in text) and not own:
        expected = (
            f"one of {', '.join(_CLASSES)}" if name == "class" else "a value, and nothing that is called"
        )
        raise ConfigError(f"{key}: expected {expected}, found {text!r}")


def _is_hydras(handler: Any, plain: Any) -> bool:
    """Whether a handler writes the file below the run's folder that Hydra's own configuration names, at its end."""
    name = str(plain["hydra"]["job"]["name"])
    within = "/" not in name and "${" not in name
    plainly = set(handler) <= {"class", "formatter", "filename", "level", "mode", "encoding", "delay"}
    return within and plainly and handler.get("filename") == _LOG and handler.get("mode", "a") == "a"


def _leaves(content: Any, above: str) -> Iterator[tuple[str, Any]]:
    items = content.items() if isinstance(content, dict) else enumerate(content)
    for key, value in items:
        name = f"{above}{key}"
        if isinstance(value, dict | list):
            yield from _leaves(value, f"{name}.")
        else:
            yield name, value


def _place(parent: Any) -> str:
    return parent._get_full_key(None) if parent is not None else ""


def _environment(name: str, default: Any = None, *, _parent_: Any) -> str:
    """What `oc.env` gives: the variable in the places of runs, a refusal elsewhere."""
    place = _place(_parent_)
    if place not in _PLACES:
        within = f"below {place}: " if place else ""
        raise InterpolationResolutionError(
            f"{within}expected a value, found ${{oc.env:{name}}}, which would carry the environment into records; "
            "write the value, or let the shell put it on the command line"
        )
    if name not in os.environ and default is None:
        raise KeyError(f"Environment variable '{name}' not found")
    return os.environ.get(name, str(default))


def _hydras(path: str, *, _parent_: Any) -> Any:
    """What `hydra` gives: Hydra's own value, but outside `hydra` none that a configuration sets."""
    if path not in _PLAIN and not f"{_place(_parent_)}.".startswith("hydra."):
        raise InterpolationResolutionError(
            f"expected a value, found ${{hydra:{path}}}, which could carry the environment into records"
        )
    return OmegaConf.select(cast(DictConfig, HydraConfig.get()), path)
