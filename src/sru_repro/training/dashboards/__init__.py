"""Dashboards: `logger=NAME` chooses one. A file each, behind `_base.Dashboard`."""

import sys
from collections.abc import Callable
from pathlib import Path

from ...records.run import RunRecord
from ..config import RunConfig, TensorboardConfig, TrackioConfig, WandbConfig
from ._base import Dashboard, NoDashboard
from .tensorboard import TensorboardDashboard
from .trackio import TrackioDashboard
from .wandb import WandbDashboard

__all__ = ["Dashboard", "open_dashboard"]


def open_dashboard(
    config: RunConfig, folder: Path, content: RunRecord, say: Callable[[str], None] | None = None
) -> Dashboard:
    """The dashboard of a run; `say` shows a line, on standard error where nothing is given."""
    say = say or (lambda line: print(line, file=sys.stderr))
    if isinstance(config.logger, WandbConfig):
        return WandbDashboard(config, folder, content, say)
    if isinstance(config.logger, TensorboardConfig):
        return TensorboardDashboard(config, folder, content, say)
    if isinstance(config.logger, TrackioConfig):
        return TrackioDashboard(config, folder, content, say)
    return NoDashboard()
