"""The dashboards of runs that are there: which they are, and a server or a screen for one of them."""

from .found import Watched, watched
from .served import by_tensorboard, by_trackio, by_wandb

__all__ = ["Watched", "by_tensorboard", "by_trackio", "by_wandb", "watched"]
