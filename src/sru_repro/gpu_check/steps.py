"""Section `steps`: whole training steps as CUDA graphs (`trainer.graph`). Are they right, and does the GPU wait?

Rows of one size are trained twice by `sru-repro train`, step by step and as graphs, in one process of its own; beside
them stands what the GPU needs for the same step, recorded and repeated without Lightning, data or host.
"""

import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from ..bench.run import true_float32
from ..bench.timing import interleaved
from ..core.errors import DataError
from ..core.process import Process, stop, wait_all
from ..core.replay import Recorded
from ..models import detach
from ..records.gpu_page import FoundSteps, Steps
from ..records.run import read_record
from ..training.load import run_config
from ..training.optimizer import clip, make_optimizer
from ..training.prepare import build_task, load_data
from ..training.step_state import held, refill, shape_of
from ..training.weights import LAST
from .kernels import verdict
from .plan import Checked, Failed, Functions, SectionOptions
from .training import RUNS

LANGUAGE = tuple(f"small/{row}" for row in ("sru", "srupp", "lstm", "transformer_xl"))
SENTENCES = ("sst/sru2", "sst/lstm")
_STEPS = 400
_SIZE = (
    *("task=enwik8", "model.hidden_size=512", "model.num_layers=4", "task.batch_size=32", "task.unroll=128"),
    *(f"task.limit={(_STEPS + 1) * 32 * 128}", "task.eval_batch_size=32"),
)
NEAR = 1e-2
"""Of the weights' own size: how far apart both runs of a row may end. Graphs give the same bits unless PyTorch's own
kernels add up in any order, whose rounding grows from step to step."""
NEAR_LOSS = 0.3
"""Of the mean training loss: what another draw of dropout may make of it in some hundred steps."""


def survives(options: SectionOptions, seconds: float) -> Checked:
    """After a capture that failed: random numbers, memory, products and the next capture are as ever."""
    device, lines = options.torch_device, []
    x = torch.randn(64, 64, device=device)

    def asks() -> Tensor:
        return x * float((x @ x).sum())

    asks()
    try:
        Recorded(asks, device).replay()
    except RuntimeError:
        pass
    else:
        lines += ["a call that waits was captured"] if options.on_gpu else []
    torch.manual_seed(1)
    expected = torch.rand(8, device=device)
    torch.manual_seed(1)
    if not torch.equal(expected, torch.rand(8, device=device)):
        lines.append("the same seed draws other numbers")
    y = torch.zeros(64, 64, device=device)
    (x @ x + torch.rand_like(x)).sum().item()
    recorded = Recorded(lambda: y.add_(1), device)
    for _ in range(3):
        recorded.replay()
    if float(y[0, 0]) != 3.0:
        lines.append(f"three replays of adding 1 gave {float(y[0, 0])}")
    return verdict(4, lines)


def _language(options: SectionOptions, seconds: float) -> Mapping[str, object]:
    size = (
        ("task=enwik8", "task.batch_size=4", "task.unroll=16", "model.hidden_size=16")
        if options.rehearse
        else _SIZE
    )
    return _measured(options, seconds, LANGUAGE, size, bare=True)


def _sentences(options: SectionOptions, seconds: float) -> Mapping[str, object]:
    return _measured(options, seconds, SENTENCES, ("task.vectors=random",), bare=False)


def _measured(
    options: SectionOptions, seconds: float, rows: tuple[str, ...], changes: tuple[str, ...], bare: bool
) -> Mapping[str, object]:
    """Trains every row both ways, and times its step alone."""
    rows = rows[:2] if options.rehearse else rows
    folder = RUNS / options.section / rows[0].split("/")[0]
    shutil.rmtree(folder, ignore_errors=True)
    steps = 12 if options.rehearse else _STEPS
    limits = ("trainer.max_epochs=0", "trainer.max_seconds=0", f"trainer.max_steps={steps}")
    often = (f"trainer.log_every={steps // 4}", "trainer.validate_every=0", "optim.schedule=constant")
    arguments = [
        *("-m", f"experiment={','.join(rows)}", "trainer.graph=true,false", f"trainer={options.device}"),
        *("logger=csv", "seed=1", f"data_dir={options.data_dir}", f"hydra.sweep.dir={folder.resolve()}"),
        *("hydra.sweep.subdir=${hydra:job.num}", "profile=smoke" if options.rehearse else "profile=short"),
        *(*limits, *often, *changes),
    ]
    folder.mkdir(parents=True)
    args = [sys.executable, "-m", "sru_repro", "train", *arguments]
    process = Process(args, folder / "log.txt", {"SRU_REPRO_ONE_PROCESS": "1"})  # starts cost more than steps
    try:
        wait_all([process], None if options.rehearse else 0.8 * seconds)
    finally:
        stop([process], 4.0)
    found, problems = [], []
    for i, row in enumerate(rows):
        name = row.split("/")[1]
        try:
            found.append(_row(options, name, folder / str(2 * i), folder / str(2 * i + 1), bare))
        except DataError as error:
            problems.append(f"{name}: {error}")
    problems += [f"{step.row}: {step.wrong}" for step in found if step.wrong]
    note = "; ".join(f"{step.row} {step.plain_ms:.2f} ms, {step.graph_ms:.2f} as graphs" for step in found)
    told = FoundSteps(steps=found, note=note).plain()
    if problems:
        raise Failed(f"{len(problems)} of {len(rows)} rows: {problems[0]} ({process.last_line()})", told)
    return told


def _row(options: SectionOptions, name: str, graph: Path, plain: Path, bare: bool) -> Steps:
    """What two runs of a row tell. Raises DataError where one has not come to its end."""
    records = [read_record(folder) for folder in (graph, plain)]
    for record in records:
        if not record.finished:
            raise DataError(f"expected a finished run, found {record.state} ({record.error})")
    told = records[0].graphs
    # Padded sentences draw other dropout, and then the weights say nothing.
    apart = _apart(graph, plain) if bare else None
    wrong = f"weights end {apart:.2g} of their size apart" if apart is not None and apart > NEAR else ""
    losses = [record.epochs[-1].figures["train/loss"] for record in records]
    if not abs(losses[0] - losses[1]) <= NEAR_LOSS * losses[1]:  # also where one is no number
        wrong = f"the loss is {losses[0]:.4g} as graphs and {losses[1]:.4g} step by step"
    shares = [share for record in records if (share := record.throughput.processor) is not None]
    return Steps(
        row=name,
        label=(records[0].paper and records[0].paper.label) or name,
        graph_ms=_pace(graph),
        plain_ms=_pace(plain),
        gpu_ms=_alone_ms(graph) if bare else None,
        shapes=told.shapes if told else 0,
        replayed=told.replayed if told else 0,
        notes=list(told.notes) if told else [],
        apart=apart,
        wrong=wrong,
        processor=min(shares, default=None),
    )


def _pace(folder: Path) -> float:
    """Milliseconds a step, of the last points of the curve: by then everything is recorded."""
    points = pd.read_csv(folder / "metrics.csv")
    return float(points["throughput/step_ms"].dropna().tail(2).min())


def _apart(one: Path, other: Path) -> float:
    """The largest distance between weights of two runs, as a part of their size."""
    first, second = (
        torch.load(folder / LAST, weights_only=True, map_location="cpu")["state_dict"]
        for folder in (one, other)
    )
    pairs = (
        (value.double(), second[key].double()) for key, value in first.items() if isinstance(value, Tensor)
    )
    return max(float((a - b).norm() / a.norm().clamp(min=1e-12)) for a, b in pairs)


def _alone_ms(folder: Path) -> float:
    """Milliseconds that the device needs for a step of that run, recorded and repeated."""
    config, _ = run_config(folder)
    device = torch.device(config.trainer.accelerator)
    data = load_data(config)
    task = build_task(config, data).to(device).train()
    optimizer = make_optimizer(task.parameters(), config.optim)
    batches = task.fitted(data.train)
    half = {"bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}.get(config.trainer.precision)

    def autocast() -> torch.autocast:
        return torch.autocast(
            device.type, half or torch.bfloat16, enabled=half is not None, cache_enabled=False
        )

    batch, carry, before = _moved(batches[0], device), None, None
    with torch.no_grad(), autocast():
        while carry is None or shape_of(carry) != before:  # until what is carried has its full size
            before, carry = shape_of(carry), held(task.step(batch, carry).carry)

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        with autocast():
            found = task.step(batch, carry)
        found.loss.backward()
        if config.optim.clip_norm:
            clip(optimizer, config.optim.clip_norm, None)
        optimizer.step()
        refill(carry, detach(found.carry))

    with true_float32():
        for _ in range(3):
            step()
        recorded = Recorded(step, device)
        return 1e3 * (
            interleaved({"step": recorded.replay}, device, 20, 4.0)["step"].median_s or float("nan")
        )


def _moved(batch: Any, device: torch.device) -> Any:
    return tuple(x.to(device) if isinstance(x, Tensor) else x for x in batch)


FUNCTIONS: Functions = {"captures": survives, "language": _language, "sentences": _sentences}
