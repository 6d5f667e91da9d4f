"""The training of one run by Lightning, and the measuring of a checkpoint."""

import logging
import os
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

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
from ..records.run import Graphs, Progress, RunRecord, Together
from ..records.study import Reports
from ..tasks import Batches, Task, TaskData
from .callbacks import chosen, limits_of
from .callbacks.profiling import profiled, profiler_of
from .checkpoints import Checkpoints, best_entry
from .compiled import CompiledEncoder, explained
from .config import RunConfig
from .dashboards import open_dashboard
from .encoder_time import encoder_seconds
from .flops import flop_per_step
from .graph import GraphedSteps
from .module import TaskModule
from .opening import console_of
from .prepare import build_task, seed_rank
from .progress import Following
from .pruning import Pruning
from .ranks.quiet import Mute
from .ranks.shards import for_evaluation, for_training
from .ranks.strategy import DDP
from .ranks.world import ALONE, Ranks
from .recorder import Recorder, require_finite
from .resume import ExactResume
from .run_folder import RunFolder, now, write_predictions
from .schedule import Schedule
from .showing import Showing
from .stepping import StopTogether, ValidateEvery, steps_per_epoch
from .turns import InTurns
from .weights import best_weights, take_weights

T = TypeVar("T")


def fit(
    config: RunConfig,
    record: RunFolder,
    data: TaskData,
    caught: Signals,
    start: Path | None,
    ranks: Ranks = ALONE,
) -> None:
    """Trains, from the checkpoint `start` if there is one, goes back to the best, tests, and completes the record.

    Several ranks all go this way, side by side; only the first one shows and writes anything.
    """
    content, folder = record.content, record.folder
    module = TaskModule(build_task(config, data), config.optim, ranks)
    ranks.join(config.trainer.accelerator)
    seed_rank(config, ranks.rank)
    task = module.task
    content.parameters = task.published_parameters()
    with (
        _shown(ranks, lambda: console_of(config, content, folder, start)) as console,
        _shown(ranks, lambda: open_dashboard(config, folder, content, console.say)) as dashboard,
    ):
        order = BatchOrder(len(data.train), config.top.seed, reshuffle=data.reshuffle)
        following = Following(console, with_rate=config.callbacks.lr_monitor is not None)
        recorder = Recorder(record, config.trainer, console, dashboard, following, ranks)
        profiler = profiler_of(config.trainer.profiler, folder) if ranks.first else None
        every = config.trainer.validate_every
        showing = Showing(recorder, folder, data.val, console.say)
        turn = None if ranks.several else Turn.asked_for()
        trial = Reports.asked_for()
        trainer = build_trainer(
            config,
            ranks=ranks,
            max_epochs=-1,  # the recorder ends the training, whichever limit is reached first
            gradient_clip_val=config.optim.clip_norm or None,
            val_check_interval=every or 1.0,  # in batches; ValidateEvery makes it steps
            check_val_every_n_epoch=None if every else 1,
            callbacks=[
                Schedule(config.optim, recorder),
                recorder,
                showing,
                *chosen(config, recorder, content, console),
                ExactResume(order, ranks),
                Checkpoints(record, caught, every, ranks),
                ValidateEvery(every),
                *([InTurns(turn, recorder, record, caught)] if turn else []),
                *([StopTogether(ranks)] if ranks.several else []),
                *([Pruning(trial, recorder, record)] if trial else []),
            ],
            profiler=profiler,
        )
        train, graphed = for_training(data.train, task, ranks), None
        few = config.debug.batches if config.debug is not None else 0
        val, test = (for_evaluation(split, task, ranks, few) for split in (data.val, data.test))
        if config.trainer.graph:
            val, test = task.together(val), task.together(test)
            train, content.graphs = task.fitted(train), content.graphs or Graphs()
            graphed = GraphedSteps(trainer, content.graphs)
            trainer.fit_loop.epoch_loop.automatic_optimization = graphed
        device = torch.device(config.trainer.accelerator)
        if ranks.several:
            names = ranks.each(machine.hardware(device.type)["name"])
            differ = names if len(set(names)) > 1 else []
            content.ranks = Together(world=ranks.world, backend=ranks.backend(device.type), hardware=differ)
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
        if profiler is not None and trainer.is_global_zero:
            profiled(profiler, folder, content, console)
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
        if not ranks.first:
            take_weights(task, best_weights(folder), folder)
            measure(build_trainer(config, ranks=ranks), module, "test", test)
            return
        clock = Processor()
        clock.start()
        encoder_s = None if ranks.several else encoder_seconds(trainer, task, data.train, device)
        clock.stop()
        if encoder_s is not None:
            speed.encoder_seconds_per_epoch = encoder_s
            if speed.processor is not None and clock.share is not None:
                speed.processor = min(speed.processor, clock.share)
        content.throughput.flop_per_step = _operations(config, content, trainer, task, data)
        take_weights(task, best_weights(folder), folder)
        console.progress(1.0, None, "testing")
        figures = measure(build_trainer(config, [showing], ranks=ranks), module, "test", test)
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
        console.ended(test, content.wall_s, os.path.relpath(folder))


def _shown(ranks: Ranks, make: Callable[[], T]) -> T:
    """What is shown of a run, once."""
    return make() if ranks.first else cast(T, Mute())


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


def build_trainer(
    config: RunConfig, callbacks: Sequence[Callback] = (), ranks: Ranks = ALONE, **options: Any
) -> pl.Trainer:
    """A Lightning trainer with nothing of its own on the screen or on disk, which starts no process, whatever scheduler
    or launcher started this one."""
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
    if ranks.several:
        # Every rank logs the figures of all.
        warnings.filterwarnings("ignore", message=".*sync_dist=True.*")
        # What torch names instead moves them between ranks once, which it need not.
        warnings.filterwarnings("ignore", message=".*broadcast_buffers.*")
        options |= {"strategy": DDP(ranks), "use_distributed_sampler": False}
    else:
        options["plugins"] = [LightningEnvironment()]  # or Lightning asks the environment which it is in
    with alone():
        return pl.Trainer(
            accelerator=config.trainer.accelerator,
            devices=1,
            precision=config.trainer.precision,  # type: ignore[arg-type]  # "auto" was decided by config.check
            accumulate_grad_batches=config.trainer.accumulate,
            callbacks=[*compiled, *callbacks],
            logger=False,
            enable_checkpointing=False,  # see checkpoints.py
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            **limits_of(config),
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
