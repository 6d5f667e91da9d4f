"""What a training computes: faults stop it, bfloat16 keeps to float32, a seed tells all, memory does not grow."""

import gc
import math
import os
import shutil
import statistics
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .. import models
from ..core import machine
from ..core.errors import RunError
from ..records.run import read_record
from ..training.faults import FILE
from ..training.module import TaskModule
from ..training.weights import LAST
from ._made import TASKS, fits, made_data, trained
from ._promise import Cut, Promise, Tally

MODELS = ("sru", "srupp", "qrnn", "lstm")
SEEDS = (1, 2, 3)
GROWTH_BYTES, GROWTH_OBJECTS = 4 << 20, 1000
"""In 1,800 steps. A tensor kept of each step would be 1,800 objects; a point of the curves is one."""


@contextmanager
def _at_steps(what: Callable[[TaskModule, int], None]) -> Iterator[None]:
    """Calls `what(module, number)` before each batch of a training, counted from 1."""
    original, numbers = TaskModule.on_train_batch_start, iter(range(1, 1 << 60))

    def call(self: TaskModule, batch: Any, batch_idx: int) -> None:
        what(self, next(numbers))
        original(self, batch, batch_idx)

    TaskModule.on_train_batch_start = call  # type: ignore[method-assign]
    try:
        yield
    finally:
        TaskModule.on_train_batch_start = original  # type: ignore[method-assign]


class _NoNumberBack(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, value: Tensor) -> Tensor:
        return value.clone()

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        return grads[0] * math.nan


FAULTS: dict[str, Callable[[Tensor], Tensor]] = {
    "NaN": lambda h: h * math.nan,
    "infinity": lambda h: h * math.inf,
    "NaN gradient": _NoNumberBack.apply,
}


def faults(tally: Tally, cut: Cut) -> None:
    """In a random step the encoder's output, or its gradient, is no number."""
    data, draw = made_data(cut.folder / "data"), cut.draw("faults")
    cases = [(t, m, f) for t in TASKS for m in MODELS for f in FAULTS]
    for number, (task, model, fault) in enumerate(draw.sample(cases, cut.tries(len(cases)))):
        folder, bad = cut.folder / f"fault{number}", draw.randint(1, 8)
        before: list[list[Tensor]] = []

        def poison(
            module: TaskModule,
            step: int,
            bad: int = bad,
            fault: str = fault,
            before: list[list[Tensor]] = before,
        ) -> None:
            if step == bad:
                run = module.task.encoder.forward
                before.append([weight.detach().clone() for weight in module.task.parameters()])

                def forward(*args: Any, **options: Any) -> Any:
                    h, state = run(*args, **options)
                    return FAULTS[fault](h), state

                module.task.encoder.forward = forward  # type: ignore[method-assign]

        with tally.trying(f"{fault} in step {bad} of {task}/{model}"), _at_steps(poison):
            try:
                trained(
                    folder,
                    data,
                    task,
                    model,
                    "trainer.max_epochs=0",
                    "trainer.max_steps=9",
                    "trainer.log_every=99",
                )
            except RunError as error:
                _stopped(str(error), folder, bad, before[0])
            else:
                raise AssertionError("it went on")


def _stopped(said: str, folder: Path, bad: int, weights: list[Tensor]) -> None:
    assert said.startswith(f"step {bad}: ") and "\n" not in said, said
    assert "first not finite: the output of encoder" in said or "gradient of the output of encoder" in said, (
        said
    )
    assert str(folder / FILE) in said, said
    assert read_record(folder).state == "failed"
    kept = torch.load(folder / FILE, weights_only=True)
    assert kept["batches"], "no batch was kept"
    found = [value for value in kept["weights"].values() if isinstance(value, Tensor)]
    assert all(any(torch.equal(weight, value) for value in found) for weight in weights), (
        "weights had changed"
    )


def precision(tally: Tally, cut: Cut) -> None:
    """Losses of the test set in mixed precision beside those in float32, over the same seeds."""
    kinds = ["bf16-mixed"] + ["16-mixed"] * torch.cuda.is_available()
    worst, steps = 0.0, cut.tries(150, 20)
    for model in MODELS[: cut.tries(len(MODELS))]:
        for kind in kinds:
            with tally.trying(f"{model} in {kind}"):
                place = ("trainer.accelerator=cuda",) * (kind == "16-mixed")
                losses = {
                    precision: [
                        _loss(
                            cut.folder / "run",
                            model,
                            f"trainer.precision={precision}",
                            f"seed={seed}",
                            steps,
                            place,
                        )
                        for seed in SEEDS
                    ]
                    for precision in ("32-true", kind)
                }
                means = [statistics.mean(found) for found in losses.values()]
                noise = max(statistics.stdev(found) for found in losses.values())
                apart = abs(means[0] - means[1]) / noise
                worst = max(worst, apart)
                assert losses["32-true"] != losses[kind], "the precision changed nothing"
                assert apart <= 1.0, f"{means[1]:.4f} instead of {means[0]:.4f}, seeds scatter by {noise:.4f}"
    tally.figure = f"means of {len(SEEDS)} seeds at most {worst:.2f} standard deviations apart"


def _loss(folder: Path, model: str, precision: str, seed: str, steps: int, place: tuple[str, ...]) -> float:
    shutil.rmtree(folder, ignore_errors=True)
    limits = ("trainer.max_epochs=0", f"trainer.max_steps={steps}", f"trainer.validate_every={steps}")
    words = ("task.max_bytes=60000", "model.hidden_size=24", "model.dropout=0", "optim.lr=0.01")
    record = trained(folder, folder, "lm", model, *words, *limits, precision, seed, *place)
    return float(record.metrics["test/loss"])


def same_seed(tally: Tally, cut: Cut) -> None:
    """Two trainings, the second with other intervals of the log and of validation."""
    data = made_data(cut.folder / "data")
    cases = [(task, model) for task in TASKS for model in models.names() if fits(model, task)]
    for task, model in cut.draw("seeds").sample(cases, cut.tries(len(cases))):
        with tally.trying(f"{task}/{model}"):
            made = []
            for number, often in enumerate(
                (("trainer.log_every=2",), ("trainer.log_every=5", "trainer.validate_every=3"))
            ):
                folder = cut.folder / f"{task}-{model}-{number}"
                limits = ("trainer.max_epochs=0", "trainer.max_steps=12")
                trained(folder, data, task, model, *limits, *often, "seed=3")
                made.append(torch.load(folder / LAST, weights_only=True)["state_dict"])
                shutil.rmtree(folder)
            one, other = made
            assert one.keys() == other.keys()
            apart = [
                name
                for name, value in one.items()
                if isinstance(value, Tensor) and not torch.equal(value, other[name])
            ]
            assert not apart, f"{apart[0]} differs"
    tally.figure = "bit for bit; logging and validation at other intervals change nothing"


def memory(tally: Tally, cut: Cut) -> None:
    """Resident memory and Python's objects at step 2,000 beside those at step 200."""
    data = made_data(cut.folder / "data")
    first, last = cut.tries(200), cut.tries(2000)
    cases = [(task, model) for task in TASKS for model in MODELS]
    most = 0
    for task, model in cut.draw("memory").sample(cases, cut.tries(len(cases), 2)):
        with tally.trying(f"{task}/{model}"):
            found: list[tuple[int, int]] = []

            def look(module: TaskModule, number: int, found: list[tuple[int, int]] = found) -> None:
                if number in (first, last):
                    gc.collect()
                    machine.give_back_memory()
                    found.append((_resident(), len(gc.get_objects())))

            with _at_steps(look):
                limits = (
                    "trainer.max_epochs=0",
                    f"trainer.max_steps={last}",
                    f"trainer.validate_every={first // 2}",
                )
                trained(cut.folder / f"{task}-{model}", data, task, model, *limits)
            (bytes_before, objects_before), (bytes_after, objects_after) = found
            most = max(most, bytes_after - bytes_before)
            assert bytes_after - bytes_before <= GROWTH_BYTES, f"{bytes_after - bytes_before:,} bytes more"
            assert objects_after - objects_before <= GROWTH_OBJECTS, (
                f"{objects_after - objects_before:,} objects more"
            )
    tally.figure = f"at most {most / 2**20:.1f} MB more"


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


HERE = "tests/torture/test_numbers.py"
PROMISES = [
    Promise(
        "NaN or infinite loss",
        "A training stops before the update, keeps batch and weights in a file, and names the first layer.",
        f"{HERE}::test_faults_stop_a_training",
        faults,
        headline=True,
    ),
    Promise(
        "mixed precision",
        "Trainings in bfloat16 (and float16, where there is a GPU) end within the noise of float32 over three seeds.",
        f"{HERE}::test_mixed_precision_is_within_noise",
        precision,
        headline=True,
    ),
    Promise(
        "the same seed",
        "Two trainings with one seed have the same weights, bit for bit, in every task and model.",
        f"{HERE}::test_a_seed_tells_all",
        same_seed,
        headline=True,
    ),
    Promise(
        "memory",
        "A training of 2,000 steps needs the memory that it had after 200, in every task.",
        f"{HERE}::test_memory_does_not_grow",
        memory,
        headline=True,
    ),
]
