"""What a configuration is made into before anything is trained or measured: threads, data, the task."""

import sys
from pathlib import Path

import torch

from ..tasks import Task, TaskData, task_class
from .config import RunConfig


def set_threads(config: RunConfig) -> None:
    """As many CPU threads as the configuration asks for."""
    if config.trainer.threads:
        torch.set_num_threads(config.trainer.threads)


def load_data(config: RunConfig) -> TaskData:
    """The data of the configured task; what is odd about them is said on standard error."""
    data = task_class(config.task.kind).load(config.task, Path(config.top.data_dir), config.top.seed)
    for line in data.warnings:
        print(f"sru-repro: {line}", file=sys.stderr)
    return data


def build_task(config: RunConfig, data: TaskData) -> Task:
    """The task with its encoder, initialised from the seed alone."""
    torch.manual_seed(config.top.seed)
    return task_class(config.task.kind).create(config.task, config.model, **data.build)
