"""Section `papers`: a training step of the papers' language models at their own size, in bfloat16, alone on the GPU.

Each is the task's own step on symbols drawn by chance, behind a segment of the same length in its memory: forward,
backward, clipping, optimiser; called as usual and as a CUDA graph. Data play no part, so nothing of them is needed.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile, supported_activities
from torch.utils.flop_counter import FlopCounterMode

from ..bench.timing import interleaved
from ..core.errors import RunError
from ..models import _blocks, detach, encoder_class
from ..models._sight import Sight
from ..records.base import read
from ..records.gpu_page import FoundRates, GPUPage
from ..tasks import task_class
from ..training.config import OptimConfig
from ..training.optimizer import clip, make_optimizer
from . import gpu
from .plan import Each, Functions, SectionOptions, Several
from .speed import measured_rates

KERNELS = 15
"""Of a profile, the kernels that take the most time."""


@dataclass(frozen=True)
class Size:
    """A row of conf/experiment/enwik8, as far as a step depends on it.

    aim         share of the GPU's bfloat16 rate that is asked for
    rehearsed   what makes model and task small
    """

    model: Mapping[str, Any]
    task: Mapping[str, Any]
    optim: Mapping[str, Any]
    aim: float
    rehearsed: tuple[Mapping[str, Any], Mapping[str, Any]] = field(repr=False)


_TASK: Mapping[str, Any] = {
    "name": "enwik8",
    "kind": "lm",
    "table": "enwik8",
    "corpus": "enwik8",
    "level": "symbols",
    "path": "",
    "limit": 0,
    "max_bytes": 20_000,
    "vocabulary_size": 0,
    "scale_embedding": False,
    "tie_weights": False,
    "cutoffs": (),
    "div_value": 1,
    "tie_projections": False,
    "eval_unroll": 512,
    "eval_window": 512,
    "eval_batch_size": 1,
    "val_batch_size": 16,
    "val_limit": 0,
}
_RECURRENCE: Mapping[str, Any] = {
    "bidirectional": False,
    "layer_norm": None,
    "has_skip_term": True,
    "rescale": False,
}

SIZES: Mapping[str, Size] = {
    "sru6": Size(
        {
            **_RECURRENCE,
            "name": "sru",
            "hidden_size": 1536,
            "num_layers": 6,
            "dropout": 0.2,
            "projection_size": 0,
            "highway_bias": -3.0,
            "rescale": True,
            "activation": "identity",
            "v1": False,
        },
        {"embedding_size": 205, "dropout": 0.2, "batch_size": 128, "unroll": 100},
        {"name": "adam", "lr": 3e-4, "weight_decay": 1e-7, "clip_norm": 0.3},
        0.40,
        ({"hidden_size": 16, "num_layers": 2}, {"batch_size": 3, "unroll": 8}),
    ),
    "srupp-base": Size(
        {
            **_RECURRENCE,
            "name": "srupp",
            "hidden_size": 3072,
            "projection_size": 768,
            "num_layers": 10,
            "dropout": 0.22,
            "attn_dropout": 0.22,
            "num_heads": 1,
            "attention_every": 1,
            "attention_last": 0,
            "highway_bias": -2.0,
        },
        {"embedding_size": 3072, "dropout": 0.22, "batch_size": 32, "unroll": 1024},
        {"name": "radam", "lr": 3e-4, "weight_decay": 0.1, "clip_norm": 1.0, "decoupled": True},
        0.35,
        (
            {"hidden_size": 16, "projection_size": 8, "num_layers": 2},
            {"embedding_size": 16, "batch_size": 2, "unroll": 72},
        ),
    ),
    "transformer-xl": Size(
        {
            "name": "transformer_xl",
            "hidden_size": 512,
            "num_layers": 12,
            "num_heads": 8,
            "inner_size": 2048,
            "dropout": 0.1,
            "attn_dropout": 0.0,
            "clamp_length": 820,
        },
        {
            "embedding_size": 512,
            "scale_embedding": True,
            "tie_weights": True,
            "dropout": 0.1,
            "batch_size": 24,
            "unroll": 512,
        },
        {"name": "adam", "lr": 2.5e-4, "weight_decay": 0.0, "clip_norm": 0.25},
        0.25,
        (
            {"hidden_size": 16, "inner_size": 24, "num_heads": 2, "num_layers": 2},
            {"embedding_size": 16, "batch_size": 2, "unroll": 12},
        ),
    ),
}
"""By the row's name."""


class TrainingStep:
    """A step of training of a row, on the same symbols and from the same memory every time."""

    def __init__(self, size: Size, device: torch.device, rehearse: bool) -> None:
        more_model, more_task = size.rehearsed if rehearse else ({}, {})
        options = {**_TASK, **size.task, **more_task}
        options["memory"] = options["unroll"]
        kind = task_class("lm")
        config = kind.Config(**options)
        settings = {**size.model, **more_model}
        model = encoder_class(settings["name"]).Config(**settings)
        torch.manual_seed(0)
        with device:
            self.task = kind.create(config, model).to(device).train()
        self.optim, self.device = OptimConfig(**size.optim), device
        self.optimizer = make_optimizer(self.task.parameters(), self.optim)
        shape, symbols = (options["unroll"], options["batch_size"]), 205
        self.batch = tuple(torch.randint(symbols, shape, device=device) for _ in range(2))
        self.tokens = shape[0] * shape[1]
        self.carry: Any = None
        with torch.no_grad(), self._autocast():
            self.carry = detach(self.task.step(self.batch, None).carry)

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, torch.bfloat16)

    def __call__(self) -> torch.Tensor:
        """The loss."""
        self.optimizer.zero_grad(set_to_none=True)
        with self._autocast():
            loss: torch.Tensor = self.task.step(self.batch, self.carry).loss
        loss.backward()
        clip(self.optimizer, self.optim.clip_norm, None)
        self.optimizer.step()
        return loss.detach()


def _step(options: SectionOptions, seconds: float, row: str) -> Mapping[str, object]:
    """A row's step: what it takes, of the GPU's rate and memory too, and where its time goes."""
    device, size = options.torch_device, SIZES[row]
    step = TrainingStep(size, device, options.rehearse)
    with FlopCounterMode(display=False) as counter:
        step()
    gpu.reset_peak(device)
    first = step()
    peak_bytes = gpu.peak_bytes(device)
    kernels = _profile(step, device)
    calls: dict[str, Callable[[], object]] = {"called": step, "graph": gpu.captured(device, step)}
    found = interleaved(calls, device, 2 if options.rehearse else 20, 0.3 * seconds)
    for timing in found.values():
        if timing.error:
            raise RunError(f"{row}: {timing.error}")
    last = step()
    if not (bool(first.isfinite()) and bool(last.isfinite())):
        raise RunError(f"{row}: expected finite losses, found {float(first)} and {float(last)}")
    rate = _bfloat16_rate(options)
    best_s = min(timing.median_s for timing in found.values() if timing.median_s)
    flop = counter.get_total_flops()
    share = flop / best_s / rate if rate else None
    reached = "" if share is None else f", {share:.0%} of the bfloat16 rate ({size.aim:.0%} asked)"
    return {
        "profile": kernels,
        "row": row,
        "called": found["called"],
        "graph": found["graph"],
        "tokens": step.tokens,
        "flop": flop,
        "bfloat16_flop_per_s": rate,
        "share": share,
        "aim": size.aim,
        "peak_bytes": peak_bytes,
        "note": f"{1e3 * best_s:.1f} ms a step{reached}",
    }


def _profile(step: Callable[[], object], device: torch.device, steps: int = 2) -> list[dict[str, object]]:
    """The kernels (on a CPU the operators) that take the most time, of one step."""
    cuda = ProfilerActivity.CUDA in supported_activities()
    with profile(activities=[ProfilerActivity.CUDA if cuda else ProfilerActivity.CPU]) as found:
        for _ in range(steps):
            step()
        gpu.synchronize(device)
    name = "self_device_time_total" if cuda else "self_cpu_time_total"
    rows = [(event.key, event.count / steps, getattr(event, name) / steps) for event in found.key_averages()]
    rows.sort(key=lambda row: -row[2])
    return [{"kernel": key[:160], "calls": calls, "ms": us / 1e3} for key, calls, us in rows[:KERNELS]]


def _bfloat16_rate(options: SectionOptions) -> float | None:
    """What this GPU multiplies in bfloat16, as measured at the head of the page."""
    measured = read(GPUPage, options.page).piece("rates")
    values = measured.values if measured else None
    return values.rates.bfloat16_flop_per_s if isinstance(values, FoundRates) else None


def _blocks_of_attention(options: SectionOptions, seconds: float) -> Mapping[str, object]:
    """SRU++'s attention alone, both passes, with blocks of several sizes: which of them `_blocks` should have."""
    device = options.torch_device
    length, batch, features = (72, 2, 16) if options.rehearse else (1024, 32, 768)
    sight = Sight(length, 2 * length, True)
    q, keys_values = (
        torch.randn(steps, batch, width, device=device, dtype=torch.bfloat16, requires_grad=True)
        for steps, width in ((length, features), (2 * length, 2 * features))
    )
    weight = torch.randn_like(q)

    def call(queries: int, scores: int) -> Callable[[], object]:
        def both_passes() -> object:
            out = _blocks.attend(
                q, keys_values, None, 1, sight, dropout=0.22, sizes=_blocks.Sizes(queries, scores)
            )
            return torch.autograd.grad(out, (q, keys_values), weight)

        return both_passes

    calls = {
        (queries, scores): call(queries, 1 << scores)
        for queries in (128, 256, 512)
        for scores in (24, 25, 27)
    }
    found = interleaved(calls, device, 2 if options.rehearse else 10, 0.6 * seconds)
    best = min(found, key=lambda key: found[key].median_s or float("inf"))
    return {
        "blocks": [
            {"queries": queries, "scores": 1 << scores, "time": timing}
            for (queries, scores), timing in found.items()
        ],
        "note": f"fastest with {best[0]} queries and 2^{best[1]} scores",
    }


def _rows(options: SectionOptions) -> Iterator[Each]:
    return (Each(name, (name,)) for name in SIZES)


FUNCTIONS: Functions = {
    "rates": measured_rates,
    "step/ROW": Several(_step, _rows),
    "blocks": _blocks_of_attention,
}
