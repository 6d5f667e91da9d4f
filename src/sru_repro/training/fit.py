"""The training of one run by Lightning, and the measuring of a checkpoint."""

import logging
import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback
from pytorch_lightning.plugins.environments import LightningEnvironment
from torch.utils.data import DataLoader

from .. import ops
from ..core import machine
from ..core.alone import alone
from ..core.interrupt import Signals
from ..core.processor import Processor
from ..core.turns import Turn
from ..data.batches import BatchOrder
from ..records.run import Graphs, Progress, RunRecord
from ..tasks import Batches, Task, TaskData, task_class
from .checkpoints import Checkpoints, best_entry
from .compiled import CompiledEncoder, explained
from .config import RunConfig
from .console import Console
from .dashboards import open_dashboard
from .encoder_time import encoder_seconds
from .flops import flop_per_step
from .graph import GraphedSteps
from .module import TaskModule
from .prepare import build_task
from .recorder import Recorder, require_finite
from .resume import ExactResume
from .run_folder import RunFolder, now, write_predictions
from .schedule import Schedule
from .stepping import ValidateEvery, steps_per_epoch
from .turns import InTurns
from .weights import best_weights, take_weights


def fit(config: RunConfig, record: RunFolder, data: TaskData, caught: Signals, start: Path | None) -> None:
    """Trains, from the checkpoint `start` if there is one, goes back to the best, tests, and completes the record."""
    content, folder = record.content, record.folder
    module = TaskModule(build_task(config, data), config.optim)
    task = module.task
    content.parameters = task.published_parameters()
    title = f"{config.task.name}/{config.top.row} seed {config.top.seed}"
    title += f" ({content.caveat})" if content.caveat else ""
    headline = task_class(config.task.kind).headline_of(config.task)
    with (
        Console(title, headline, folder / "log.txt") as console,
        open_dashboard(config, folder, content, console.say) as dashboard,
    ):
        order = BatchOrder(len(data.train), config.top.seed, reshuffle=data.reshuffle)
        recorder = Recorder(record, config.trainer, console, dashboard)
        every = config.trainer.validate_every
        turn = Turn.asked_for()
        trainer = build_trainer(
            config,
            max_epochs=-1,  # the recorder ends the training, whichever limit is reached first
            gradient_clip_val=config.optim.clip_norm or None,
            val_check_interval=every or 1.0,  # in batches; ValidateEvery makes it steps
            check_val_every_n_epoch=None if every else 1,
            callbacks=[
                Schedule(config.optim, recorder),
                recorder,
                ExactResume(order),
                Checkpoints(record, caught, every),
                ValidateEvery(every),
                *([InTurns(turn, recorder, record, caught)] if turn else []),
            ],
        )
        train, val, test, graphed = data.train, data.val, data.test, None
        if config.trainer.graph:
            val, test = task.together(val), task.together(test)
            train, content.graphs = task.fitted(train), content.graphs or Graphs()
            graphed = GraphedSteps(trainer, content.graphs)
            trainer.fit_loop.epoch_loop.automatic_optimization = graphed
        device = torch.device(config.trainer.accelerator)
        machine.reset_peak_memory(device)
        caught.deferred = True
        with alone(), explained(config.trainer.compile), ops.keep_casts():
            trainer.fit(
                module,
                loader(train, order),
                loader(val),
                ckpt_path=start,
                weights_only=True,
            )
        if graphed is not None:  # what follows needs the memory
            graphed.release()
            module.carry = None
            module.zero_grad(set_to_none=True)
            if device.type == "cuda":
                torch.cuda.empty_cache()
        choice = ops.choose(device.type) if task.encoder.uses_ops else None
        content.backend = "torch.nn" if choice is None else choice.label
        if choice is not None and choice.name not in ops.dispatch.FUSED:
            content.notes.append(f"recurrences ran in the slow loop: {choice.why}")
        if task.encoder.uses_ops and device.type == "cpu":
            content.products = ops.products.chosen()  # sums in another order have other last digits
        speed = content.throughput = recorder.throughput(
            trainer.global_step, steps_per_epoch(len(data.train), config.trainer.accumulate)
        )
        peak = machine.peak_memory(device)
        content.peak_bytes = peak.get("peak_bytes")
        if "gpu/peak_bytes" in peak:
            content.gpu_peak_bytes = peak["gpu/peak_bytes"]
        best = content.best = best_entry(content)
        caught.deferred = False  # nothing to save any more: a signal ends what follows at once
        caught.raise_if_any()
        clock = Processor()
        clock.start()
        encoder_s = encoder_seconds(trainer, task, data.train, device)
        clock.stop()
        if encoder_s is not None:
            speed.encoder_seconds_per_epoch = encoder_s
            if speed.processor is not None and clock.share is not None:
                speed.processor = min(speed.processor, clock.share)
        content.throughput.flop_per_step = _operations(config, content, trainer, task, data)
        take_weights(task, best_weights(folder), folder)
        figures = measure(build_trainer(config), module, "test", test)
        require_finite("test set", figures)
        if module.outputs["test"]:
            write_predictions(folder, module.outputs["test"])
        content.metrics = {k: v for k, v in best.figures.items() if k.startswith("val/")} | figures
        paces = {"tokens_per_s": speed.tokens_per_s, "step_ms": speed.step_ms}
        content.metrics |= {f"throughput/{k}": v for k, v in paces.items() if v is not None}
        if "gpu/peak_bytes" in peak:
            content.metrics["gpu/peak_bytes"] = peak["gpu/peak_bytes"]
        content.state, content.ended = "finished", now()
        content.progress = Progress(fraction=1.0, left_s=0.0)
        record.save()
        summary = {**content.metrics, **peak, "parameters": content.parameters}
        dashboard.finish(summary, failed=False)
        record.save()  # with what there is to note of that
        test = f"{content.headline} {figures[content.headline]:.4f}"
        console.say(f"{title}: {test}  {content.wall_s:.0f} s  {os.path.relpath(folder)}")


def _operations(
    config: RunConfig, content: RunRecord, trainer: pl.Trainer, task: Task, data: TaskData
) -> float | None:
    """Operations of a step; None where the encoder is compiled, whose operators nobody sees, or where counting fails,
    which must not cost a finished training."""
    if config.trainer.compile:
        return None
    device = torch.device(config.trainer.accelerator)
    try:
        return flop_per_step(trainer, task, data.train, device, config.trainer.accumulate)
    except RuntimeError as error:
        content.notes.append(f"operations were not counted: {str(error).splitlines()[0]}")
        return None


def measure(
    trainer: pl.Trainer, module: TaskModule, split: Literal["val", "test"], batches: Batches
) -> dict[str, float]:
    """The figures on a split, by their names in records."""
    run = trainer.validate if split == "val" else trainer.test
    compiled = any(isinstance(callback, CompiledEncoder) for callback in trainer.callbacks)  # type: ignore[attr-defined]
    with alone(), explained(compiled), ops.keep_casts():
        run(module, loader(batches), verbose=False)
    return {f"{split}/{name}": value for name, value in module.results[split].items()}


def build_trainer(config: RunConfig, callbacks: Sequence[Callback] = (), **options: Any) -> pl.Trainer:
    """A Lightning trainer with nothing of its own on the screen or on disk, which runs in this process and nowhere
    else, whatever scheduler or launcher started that."""
    compiled = [CompiledEncoder()] if config.trainer.compile else []
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    # Every batch is ready in memory: workers would only copy it between processes.
    warnings.filterwarnings("ignore", message=".*does not have many workers.*")
    # One step an epoch is a legitimate smoke run; Lightning's advice concerns its own logger.
    warnings.filterwarnings("ignore", message=".*smaller than the logging interval.*")
    # Lightning 2.6 asks torch for a class that torch renamed.
    warnings.filterwarnings("ignore", message=".*LeafSpec.*")
    # Where Slurm is installed Lightning advises srun, also for a run of one process.
    warnings.filterwarnings("ignore", message=".*`srun` command is available.*")
    # Resuming in the middle of an epoch is exact here, see resume.py.
    warnings.filterwarnings("ignore", message=".*your dataloader is not resumable.*")
    with alone():
        return pl.Trainer(
            accelerator=config.trainer.accelerator,
            devices=1,
            plugins=[LightningEnvironment()],  # or Lightning asks the environment which it is in
            precision=config.trainer.precision,  # type: ignore[arg-type]  # "auto" was decided by config.check
            accumulate_grad_batches=config.trainer.accumulate,
            callbacks=[*compiled, *callbacks],
            logger=False,
            enable_checkpointing=False,  # see checkpoints.py
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
        pin_memory=torch.cuda.is_available(),  # so that copies to a GPU do not wait
        generator=torch.Generator().manual_seed(0),
    )
