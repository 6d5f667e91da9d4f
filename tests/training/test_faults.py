"""A loss or gradient that is no number ends a training before the update, names where it comes from, and is kept."""

import functools
import math
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from sru_repro.core.errors import DataError, RunError
from sru_repro.records.run import read_record
from sru_repro.tasks import Step
from sru_repro.training import faults
from sru_repro.training.config import RunConfig
from sru_repro.training.module import TaskModule, Totals
from sru_repro.training.replay import replay
from sru_repro.training.run import train
from sru_repro.training.weights import BEST, LAST

Configured = Callable[..., RunConfig]
BAD = 4
"""The step of the fault; an epoch has five."""


class Late(torch.autograd.Function):
    """Passes a value on, and no number back."""

    @staticmethod
    def forward(ctx: Any, value: torch.Tensor) -> torch.Tensor:
        return value.clone()

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> torch.Tensor:
        return grads[0] * math.nan


@pytest.fixture
def poisoned(
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[[Callable[[torch.Tensor], torch.Tensor]], list[Any]]:
    """`poisoned(change)`: in step BAD the encoder's output is changed. Gives the weights before each step."""

    def start(change: Callable[[torch.Tensor], torch.Tensor]) -> list[Any]:
        before: list[Any] = []
        original, steps = TaskModule.on_train_batch_start, iter(range(1, 10_000))

        def batch_start(self: TaskModule, batch: Any, batch_idx: int) -> None:
            number, encoder = next(steps), self.task.encoder
            before.append([weight.detach().clone() for weight in self.task.parameters()])
            if number == 1:
                run = encoder.forward
                self.bad = False  # type: ignore[assignment]

                def forward(*args: Any, **options: Any) -> Any:
                    h, state = run(*args, **options)
                    return (change(h) if self.bad else h), state

                monkeypatch.setattr(encoder, "forward", forward)
            self.bad = number == BAD  # type: ignore[assignment]
            original(self, batch, batch_idx)

        monkeypatch.setattr(TaskModule, "on_train_batch_start", batch_start)
        return before

    return start


@pytest.mark.parametrize("kind", ["sst", "lm"])
@pytest.mark.parametrize(
    ("change", "found", "first"),
    [
        (lambda h: h * math.nan, "the loss is nan", "first not finite: the output of encoder"),
        (lambda h: h + math.inf, "the loss is (nan|inf)", "first not finite: the output of encoder"),
        (
            Late.apply,
            "the gradients' norm is nan",
            "first not finite: the gradient of the output of encoder.layers.1",
        ),
    ],
)
def test_a_fault_ends_the_run_before_the_update(
    kind: str, change: Any, found: str, first: str, poisoned: Any, configured: Configured, tmp_path: Path
) -> None:
    before = poisoned(change)
    with pytest.raises(RunError) as failure:
        train(configured(kind, "trainer.log_every=50"), tmp_path, [])
    path, text = tmp_path / faults.FILE, str(failure.value)
    assert re.match(f"step {BAD}: {found}, expected a finite number; {first}", text), text
    assert text.endswith(f"; batch and weights are in {path}; {faults.ADVICE}") and "\n" not in text
    record = read_record(tmp_path)
    assert record.state == "failed" and record.error == f"RunError: {text}" and len(before) == BAD
    content = torch.load(path, weights_only=True)
    assert content["step"] == BAD and len(content["batches"]) == 1
    learned = [value for name, value in content["weights"].items() if isinstance(value, torch.Tensor)]
    assert len(learned) >= len(before[-1])
    assert sum(any(torch.equal(weight, value) for value in learned) for weight in before[-1]) == len(
        before[-1]
    )
    assert not (tmp_path / LAST).exists() and not (tmp_path / BEST).exists()
    assert (
        replay(tmp_path) == f"step {BAD}: {content['found']}; now: the step, repeated, is finite"
    )  # unpoisoned


@pytest.mark.parametrize(
    "words",
    [(), ("optim.clip_norm=1",), ("optim.name=radam",), ("trainer.accumulate=2",), ("trainer.graph=true",)],
)
@pytest.mark.parametrize("change", [lambda h: h * math.nan, Late.apply])
def test_where_the_device_counts_no_weight_changes_after_a_fault(
    change: Any,
    words: tuple[str, ...],
    poisoned: Any,
    configured: Configured,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As on CUDA, which is asked at a validation only, and whose rate and steps are tensors."""
    from sru_repro.training import module as training_module

    watch, make = faults.Watch, training_module.make_optimizer

    def with_tensors(parameters: Any, config: Any) -> torch.optim.Optimizer:
        optimizer = make(parameters, config)
        for group in optimizer.param_groups:
            if not group.get("fused"):
                group["lr"] = torch.tensor(group["lr"])
                group["foreach"] = False
        return optimizer

    monkeypatch.setattr(training_module, "make_optimizer", with_tensors)
    monkeypatch.setattr("sru_repro.training.recorder.Watch", functools.partial(watch, deferred=True))
    before = poisoned(change)
    with pytest.raises(RunError) as failure:
        train(configured("sst", "trainer.log_every=50", *words), tmp_path, [])
    step = -(-BAD // 2) if "trainer.accumulate=2" in words else BAD
    assert re.match(
        f"step {step}: the loss or the gradients' norm is not finite, expected", str(failure.value)
    )
    assert len(before) == 5  # batches of the epoch: asked at its end
    kept = torch.load(tmp_path / faults.FILE, weights_only=True)
    learned = [value for value in kept["weights"].values() if isinstance(value, torch.Tensor)]
    assert all(any(torch.equal(weight, value) for value in learned) for weight in before[BAD - 1])
    assert kept["batches"][0]["batch"]["labels_B"].numel() == 8


def test_a_weight_that_is_no_number_is_named(configured: Configured, tmp_path: Path) -> None:
    words = ("optim.name=sgd", "optim.lr=1e30", "task.normalize_vectors=false")
    with pytest.raises(
        RunError,
        match=r"^step 2: the loss is (nan|inf), .*; (the weight|first not finite: the (in|out)put of) ",
    ):
        train(configured("sst", *words), tmp_path, [])
    assert "step 2: the loss is" in replay(tmp_path)
    assert "; now: the step, repeated, is finite" not in replay(tmp_path)


def test_a_full_disk_does_not_hide_the_fault(
    poisoned: Any, configured: Configured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    poisoned(lambda h: h * math.nan)
    monkeypatch.setattr(faults.torch, "save", full)
    with pytest.raises(
        RunError, match=r"the loss is nan, .*; the batch could not be kept in .*: No space left on dev"
    ):
        train(configured("sst"), tmp_path, [])
    assert not (tmp_path / faults.FILE).exists()


def test_a_run_without_a_fault_has_nothing_to_repeat(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"fault\.pt: no such file; expected the folder of a run that failed"):
        replay(tmp_path)


class Stub:
    """A trainer, as far as a watch looks at it."""

    def __init__(self, scale: float) -> None:
        self.precision_plugin, self.scaler, self.scale = self, self, scale
        self.current_epoch, self.global_step, self.accumulate_grad_batches = 0, 7, 1

    def get_scale(self) -> float:
        return self.scale


class Asked(TorchDispatchMode):
    """Operators that ask a device for a value."""

    found: int = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.found += func.overloadpacket.__name__ in (
            "_local_scalar_dense",
            "equal",
            "is_nonzero",
            "nonzero",
        )
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("options", [{"fused": True}, {"foreach": False}])
def test_a_device_is_asked_at_no_step(options: dict[str, Any], tmp_path: Path) -> None:
    linear: Any = torch.nn.Linear(3, 1)
    watch = faults.Watch(tmp_path, Stub(1.0), linear, torch.device("cpu"), deferred=True)  # type: ignore[arg-type]
    optimizer = torch.optim.Adam(linear.parameters(), lr=torch.tensor(0.1), **options)
    loss = linear(torch.ones(2, 3)).sum()
    loss.backward()
    with Asked() as asked:
        watch.starts(None, None, 0)
        watch.loss(loss)
        watch.gradients(loss.detach())
        watch.before_step(optimizer)
    assert asked.found == 0
    watch.ask()
    assert float(watch.seen) == 1 and optimizer.param_groups[0]["lr"] > 0


def test_float16_may_overflow_for_a_while_and_not_for_ever(tmp_path: Path) -> None:
    trainer, linear = Stub(1.0), torch.nn.Linear(3, 1)
    watch = faults.Watch(tmp_path, trainer, linear, torch.device("cpu"), deferred=True)  # type: ignore[arg-type]
    watch.ask()
    trainer.scale = 2.0**-15
    with pytest.raises(RunError, match=r"^step 7: gradients overflow float16 even at a scale of 6\.1\S*; "):
        watch.ask()


def test_a_gradient_scaler_leaves_out_every_step_after_a_fault(tmp_path: Path) -> None:
    """As in float16 on CUDA: the scaler asks the gradients of one step alone."""
    scaler, linear = torch.amp.GradScaler("cpu", init_scale=4.0), torch.nn.Linear(3, 1)
    trainer: Any = Stub(1.0)
    trainer.scaler, trainer.num_training_batches = scaler, 5
    watch = faults.Watch(tmp_path, trainer, linear, torch.device("cpu"), deferred=True)  # type: ignore[arg-type]
    module: Any = SimpleNamespace(trainer=trainer, watch=watch, gauges=None, carry=None, train_sums=Totals())
    optimizer, x = torch.optim.SGD(linear.parameters(), lr=0.1), torch.ones(2, 3)
    kept = []
    for number in range(1, 6):
        loss = linear(x).sum() * (math.nan if number == 3 else 1.0)
        module.task = SimpleNamespace(step=lambda *_, loss=loss: Step(loss, {}, None))
        optimizer.zero_grad()
        watch.starts(None, None, number - 1)
        scaler.scale(TaskModule.training_step(module, None, number - 1)).backward()
        TaskModule.configure_gradient_clipping(module, optimizer)
        scaler.step(optimizer)
        scaler.update()
        kept.append(linear.weight.detach().clone())
    assert not torch.equal(kept[0], kept[1])
    assert all(torch.equal(kept[1], weight) for weight in kept[2:])


@pytest.mark.parametrize("place", ["bias", "embedding"])
def test_a_weight_of_minus_infinity_is_named(place: str, configured: Configured, tmp_path: Path) -> None:
    original, weights = TaskModule.on_train_batch_start, []

    def start(self: TaskModule, batch: Any, batch_idx: int) -> None:
        name, weight = [(name, one) for name, one in self.task.named_parameters() if place in name][-1]
        weights.append(name)
        with torch.no_grad():
            weight.fill_(-math.inf)
        original(self, batch, batch_idx)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TaskModule, "on_train_batch_start", start)
        with pytest.raises(RunError) as failure:
            train(configured("lm"), tmp_path, [])
    assert f"; the weight {weights[0]} is not finite; " in str(failure.value)


def test_a_step_with_a_memory_is_repeated_as_it_was(
    poisoned: Any, configured: Configured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    poisoned(lambda h: h * math.nan)
    words = ("model=srupp", "model.projection_size=8", "task.memory=20", "trainer.log_every=50")
    seen: list[float] = []
    with pytest.raises(RunError):
        train(configured("lm", *words), tmp_path, [])
    (kept,) = torch.load(tmp_path / faults.FILE, weights_only=True)["batches"]
    assert set(kept["carry"][1]) == {0, 1}

    def looked(task: Any, reads: list[faults.Read], *_: Any) -> str:
        (read,) = reads
        memory, random = read.carry[1], read.random
        assert isinstance(read.carry, tuple) and set(memory) == {0, 1} and random is not None
        for carry in (read.carry, (read.carry[0], {}, {})):
            torch.set_rng_state(random)
            seen.append(float(task.step(read.batch, carry).loss.detach()))
        return "looked"

    monkeypatch.setattr("sru_repro.training.replay.first_not_finite", looked)
    assert replay(tmp_path).endswith("looked") and seen[0] != seen[1]
