"""One run from a checked configuration to its folder: run.json, metrics.csv, checkpoints, log.txt and a wandb run."""

import logging
import os
import time
import traceback
import warnings
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import ModelCheckpoint
from torch.utils.data import DataLoader

from .. import ops
from ..data.batches import BatchOrder
from ..errors import DataError, RunError, SuiteError
from ..record import read_record
from ..tasks import Batches, Task, TaskData, task_class
from . import machine
from .config import RunConfig
from .console import Console
from .dashboard import Dashboard
from .interrupt import Interrupted, Signals, signals
from .module import TaskModule
from .record import RunRecord, is_done, now
from .recorder import Recorder
from .resume import ExactResume

BEST, LAST = "checkpoints/best.ckpt", "checkpoints/last.ckpt"


def train(config: RunConfig, folder: Path, overrides: list[str], resume: bool = False) -> dict[str, Any]:
    """Trains, measures on the test set with the best checkpoint, and returns the record.

    `resume` goes on from the folder's last checkpoint where there is one of the same configuration, and returns the
    record as it is when that run was already finished.

    Raises:
        SuiteError: what the user can mend. Interrupted: a signal came; the run can be resumed.
    """
    device = resolve_device(config)
    with signals() as caught:
        task_type = task_class(config.task.kind)
        data = task_type.load(config.task, Path(config.top.data_dir), config.top.seed)
        if resume and is_done(folder, config.plain, data.fingerprint):
            return read_record(folder)
        record = RunRecord(folder, _content(config, data, device, overrides))
        resumable = resume and _resumable(folder, record.content)
        record.save()
        try:
            _fit(config, record, task_type, data, device, caught, resumable)
        except BaseException as error:
            _close(record, error)
            raise
        return record.content


def resolve_device(config: RunConfig) -> str:
    """ "cuda" or "cpu", and the number of threads set."""
    if config.trainer.accelerator == "cuda" and not torch.cuda.is_available():
        raise SuiteError(
            "trainer=cuda: expected a CUDA card, found none that torch can use; set trainer=auto or cpu"
        )
    if config.trainer.threads:
        torch.set_num_threads(config.trainer.threads)
    return "cuda" if config.trainer.accelerator != "cpu" and torch.cuda.is_available() else "cpu"


def build_trainer(config: RunConfig, device: str, **options: Any) -> pl.Trainer:
    """A Lightning trainer with nothing of its own on the screen or on disk."""
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    # Every batch is ready in memory: workers would only copy it between processes.
    warnings.filterwarnings("ignore", message=".*does not have many workers.*")
    # One step an epoch is a legitimate smoke run; Lightning's advice concerns its own logger.
    warnings.filterwarnings("ignore", message=".*smaller than the logging interval.*")
    # Lightning 2.6 asks torch for a class that torch renamed.
    warnings.filterwarnings("ignore", message=".*LeafSpec.*")
    precision = config.trainer.precision
    if precision == "auto":
        precision = "bf16-mixed" if device == "cuda" else "32-true"
    return pl.Trainer(
        accelerator="gpu" if device == "cuda" else "cpu",
        devices=1,
        precision=precision,
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        **options,
    )


def loader(batches: Batches, order: BatchOrder | None = None) -> DataLoader[Any]:
    """Hands out ready-made batches; a generator of its own leaves the global random state alone."""
    return DataLoader(
        batches,  # type: ignore[arg-type]
        sampler=order if order is not None else BatchOrder(len(batches), 0),
        batch_size=None,
        generator=torch.Generator().manual_seed(0),
    )


def build_task(config: RunConfig, task_type: type[Task], data: TaskData) -> Task:
    """The task with its encoder, initialised from the seed alone."""
    torch.manual_seed(config.top.seed)
    return task_type.create(config.task, config.model, **data.build)


def _fit(
    config: RunConfig,
    record: RunRecord,
    task_type: type[Task],
    data: TaskData,
    device: str,
    caught: Signals,
    resumable: bool,
) -> None:
    content, folder, trainer_config = record.content, record.folder, config.trainer
    module = TaskModule(build_task(config, task_type, data), config.optim)
    content["parameters"] = module.task.published_parameters()
    headline = f"val/{task_type.headline}"
    mode = "max" if task_type.higher_is_better else "min"
    checkpoints = folder / "checkpoints"
    order = BatchOrder(len(data.train), config.top.seed, reshuffle=data.reshuffle)
    dashboard = Dashboard(config, folder, content)
    started = time.perf_counter() - content["wall_s"]
    with Console(
        f"{config.task.name}/{config.top.row} seed {config.top.seed}", task_type.headline
    ) as console:
        recorder = Recorder(record, trainer_config, console, dashboard, caught, folder / LAST)
        # `last` is written after the recorder has counted the validation, so it comes behind it in the list.
        best, last = (
            ModelCheckpoint(checkpoints, name, monitor=monitor, mode=mode, enable_version_counter=False)
            for name, monitor in (("best", headline), ("last", None))
        )
        trainer = build_trainer(
            config,
            device,
            max_epochs=trainer_config.max_epochs or -1,
            max_steps=trainer_config.max_steps or -1,
            gradient_clip_val=config.optim.clip_norm or None,
            val_check_interval=trainer_config.validate_every or 1.0,
            check_val_every_n_epoch=None if trainer_config.validate_every else 1,
            callbacks=[recorder, ExactResume(order), best, last],
        )
        machine.reset_peak_memory(torch.device(device))
        caught.deferred = True
        trainer.fit(
            module,
            loader(data.train, order),
            loader(data.val),
            ckpt_path=folder / LAST if resumable else None,
            weights_only=True,
        )
        content["backend"] = ops.choose().label if _uses_recurrence(module) else "torch.nn"
        content["throughput"] = recorder.throughput(trainer.global_step, len(data.train))
        content |= machine.peak_memory(module.device)
        if not content["epochs"]:
            steps = f"{trainer.global_step} steps of the run"
            raise RunError(f"trainer.validate_every={trainer_config.validate_every}: expected at most the {steps}")
        chosen = max if task_type.higher_is_better else min
        content["best"] = chosen(content["epochs"], key=lambda entry: entry[headline])
        trainer.test(module, loader(data.test), ckpt_path=folder / BEST, verbose=False, weights_only=True)
        caught.raise_if_any()
        figures = {f"test/{name}": value for name, value in module.results["test"].items()}
        content["metrics"] = {k: v for k, v in content["best"].items() if k.startswith("val/")} | figures
        for name in ("tokens_per_s", "step_ms"):
            content["metrics"][f"throughput/{name}"] = content["throughput"][name]
        content |= {"state": "finished", "ended": now(), "wall_s": time.perf_counter() - started}
        content["progress"] = {"fraction": 1.0, "left_s": 0.0}
        record.save()
        dashboard.finish({**content["metrics"], **_summary(content)}, failed=False)
        test = figures[f"test/{task_type.headline}"]
        spent = f"{content['wall_s']:.0f} s"
        console.say(f"{console.title}: test/{task_type.headline} {test:.4f}  {spent}  {os.path.relpath(folder)}")


def _summary(content: dict[str, Any]) -> dict[str, Any]:
    return {key: content[key] for key in ("parameters", "peak_bytes", "gpu/peak_bytes") if key in content}


def _uses_recurrence(module: TaskModule) -> bool:
    """Whether the encoder runs on the suite's own recurrences."""
    return any(
        type(part).__module__.startswith("sru_repro.models") and hasattr(part, "layers")
        for part in module.modules()
    )


def _content(config: RunConfig, data: TaskData, device: str, overrides: list[str]) -> dict[str, Any]:
    """The record of a run that is about to start."""
    return {
        "state": "running",
        "error": None,
        "pid": os.getpid(),
        "task": config.task.name,
        "table": config.task.table,
        "row": config.top.row,
        "profile": config.top.profile,
        "seed": config.top.seed,
        "fold": getattr(config.task, "fold", None),
        "config": config.plain,
        "overrides": overrides,
        "paper": config.top.paper,
        "code": machine.code_revision(),
        "packages": machine.packages(),
        "hardware": machine.hardware(device),
        "data": {
            "fingerprint": data.fingerprint,
            "description": data.description,
            "source": data.source,
            "comparable": data.comparable,
            "why_not": data.why_not,
            "vectors": data.vectors,
            "share": data.share,
            "notes": list(data.notes),
            "counts": dict(data.counts),
        },
        "headline": f"test/{task_class(config.task.kind).headline}",
        "higher_is_better": task_class(config.task.kind).higher_is_better,
        "notes": [],
        "epochs": [],
        "metrics": {},
        "wall_s": 0.0,
        "started": now(),
    }


def _resumable(folder: Path, content: dict[str, Any]) -> bool:
    """Whether the folder's last checkpoint belongs to this configuration and data; takes over the wandb id."""
    try:
        before = read_record(folder)
    except DataError:
        return False
    same = (
        before["config"] == content["config"]
        and before["data"]["fingerprint"] == content["data"]["fingerprint"]
    )
    if not same or not (folder / LAST).is_file():
        return False
    content |= {key: before[key] for key in ("wandb_id", "started", "wall_s") if key in before}
    return True


def _close(record: RunRecord, error: BaseException) -> None:
    """Notes how the run ended."""
    if isinstance(error, Interrupted | KeyboardInterrupt):
        record.content |= {"state": "interrupted", "error": str(error) or "interrupted", "ended": now()}
    else:
        line = str(error).strip().splitlines()[0] if str(error).strip() else ""
        record.content |= {"state": "failed", "error": f"{type(error).__name__}: {line}", "ended": now()}
        (record.folder / "log.txt").open("a").write(traceback.format_exc())
    record.save()


__all__ = ["BEST", "LAST", "build_task", "build_trainer", "loader", "resolve_device", "train"]
