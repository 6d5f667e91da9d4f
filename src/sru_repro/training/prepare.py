"""What a configuration is made into before anything is trained or measured: threads, data, the task."""

import sys
from pathlib import Path

import torch

from ..data.store.seeds import generator
from ..tasks import Task, TaskData, task_class
from .config import RunConfig
from .ranks.children import share_of_cores


def set_threads(config: RunConfig) -> None:
    """As many CPU threads as the configuration asks for."""
    if config.trainer.threads:
        torch.set_num_threads(config.trainer.threads)
    elif config.trainer.world > 1:
        torch.set_num_threads(share_of_cores(int(config.trainer.devices)))


def load_data(config: RunConfig, quiet: bool = False) -> TaskData:
    """The data of the configured task; what is odd about them is said on standard error, unless `quiet`."""
    data = task_class(config.task.kind).load(config.task, Path(config.top.data_dir), config.top.seed)
    for line in () if quiet else data.warnings:
        print(f"sru-repro: {line}", file=sys.stderr)
    return data


def build_task(config: RunConfig, data: TaskData) -> Task:
    """The task with its encoder, initialised from the seed alone."""
    torch.manual_seed(config.top.seed)
    return task_class(config.task.kind).create(config.task, config.model, **data.build)


def seed_rank(config: RunConfig, rank: int) -> None:
    """Another random state for each rank, as each drops out of other examples; the first one's is that of a run of one
    process. The weights, drawn before, are the same."""
    if rank:
        torch.manual_seed(generator(config.top.seed, "rank", rank).initial_seed())
