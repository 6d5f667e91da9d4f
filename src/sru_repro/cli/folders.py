"""Folders of conf/ that hold no choices of Hydra's: tables of results, sweeps for wandb's agents.

Hydra takes every folder beside config.yaml for a group, and then no key may have its name; `sweep=FOLDER` is one.
"""

from typing import Any

from hydra._internal.sources_registry import SourcesRegistry
from hydra.core.plugins import Plugins

SWEEPS = "sweep"
NO_GROUPS = ("table", SWEEPS)


def hide() -> None:
    """Has Hydra find no group in a folder of sweeps; called again, it does nothing more."""
    Plugins.instance()  # which fills the registry
    files: Any = SourcesRegistry.instance().resolve("file")
    if files.is_group.__name__ != _hiding.__name__:
        files.is_group = _hiding(files.is_group)


def _hiding(is_group: Any) -> Any:
    def found(source: Any, config_path: str) -> bool:
        return config_path.strip("/") != SWEEPS and bool(is_group(source, config_path))

    found.__name__ = _hiding.__name__
    return found
