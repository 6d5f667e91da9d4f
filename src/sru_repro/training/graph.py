"""Whole training steps recorded once for a shape and replayed: CUDA graphs, for which the GPU waits for no host.

A step is forward, backward, clipping, the optimiser and the sums for the log, just as Lightning runs it: what is
captured is Lightning's own code. Between replays the host fills in the batch and the learning rate. For every shape of
batch and carried state

    the first steps   run as they are (kernels are compiled, the optimiser makes its state)
    one step          runs as it is, is captured, put back and replayed: both must leave the same weights, states, loss,
                      sums and random numbers
    later steps       are replays

A shape that cannot be captured, or whose replay differs, runs as it is to the end, and the record says why. Of a model
whose dropout cuDNN draws no step can be repeated: it is recorded without the comparison. On a CPU a replay is the same
call on the same tensors, so that all but the capture is tried without a GPU.
"""

from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.loops.optimization.automatic import _AutomaticOptimization
from pytorch_lightning.utilities.model_helpers import is_overridden

from ..core.replay import Recorded, waits
from ..models import State
from ..records.run import Graphs
from .module import TaskModule
from .step_state import DIFFERENT, StepState, difference, held, refill, shape_of, tensors_of

WARM_UP = 2
"""Steps of a shape that run as they are before it is recorded."""
MOST = 64
"""Shapes that are recorded; a graph of a few hundred kernels takes some megabytes."""
INSIDE = ("on_before_zero_grad", "on_before_backward", "on_after_backward", "on_before_optimizer_step")
"""Lightning's hooks inside a step: a replay does not call them, so a callback that has one keeps steps as they are."""

Outputs = dict[str, Any]


@dataclass
class Shape:
    """Steps of one shape: what they read and leave, and how far they are."""

    batch: Any = None
    carry: State = None
    carried: State = None
    numbers: dict[str, float] = field(default_factory=dict)
    recorded: Recorded[Outputs] | None = None
    seen: int = 0
    plain: str = ""


class GraphedSteps(_AutomaticOptimization):
    """Takes the place of Lightning's own loop over the parts of a step, under the same name in checkpoints.

    Args:
        trainer: of the run.
        told: the record's part on graphs, kept up to date.
    """

    def __init__(self, trainer: pl.Trainer, told: Graphs) -> None:
        super().__init__(trainer)
        self.told = told
        self.shapes: dict[object, Shape] = {}
        self._pool: Any = None
        self._carry: tuple[State, object] = (None, shape_of(None))

    def run(self, optimizer: torch.optim.Optimizer, batch_idx: int, kwargs: OrderedDict[str, Any]) -> Outputs:
        """One batch, whose step is taken where it is the last of it."""
        module = self.trainer.lightning_module
        assert isinstance(module, TaskModule)
        place = self._place(batch_idx)
        key = (place, shape_of(kwargs["batch"]), self._shape_of_carry(module.carry))
        shape = self.shapes.get(key)
        if shape is None:
            shape = self.shapes[key] = Shape()
            if why := self._why_not():
                self._give_up(shape, why)
        if shape.recorded is not None:
            return self._replayed(shape, module, kwargs["batch"], place)
        if not shape.plain and shape.seen == WARM_UP and self.told.shapes >= MOST:
            self._give_up(shape, f"more than {MOST} shapes")
        if shape.plain or shape.seen < WARM_UP:
            shape.seen += 1
            self.told.unrecorded += 1
            return super().run(optimizer, batch_idx, kwargs)
        return self._record(shape, module, optimizer, batch_idx, kwargs)

    def _place(self, batch_idx: int) -> tuple[bool, bool, int]:
        """Whether the batch is the first of its step, whether the last, and how many the step has."""
        trainer = self.trainer
        accumulate, start = trainer.accumulate_grad_batches, batch_idx % trainer.accumulate_grad_batches
        size = min(accumulate, int(trainer.num_training_batches) - batch_idx + start)
        return start == 0, not trainer.fit_loop._should_accumulate(), size

    def _shape_of_carry(self, carry: State) -> object:
        if carry is not self._carry[0]:
            self._carry = carry, shape_of(carry)
        return self._carry[1]

    def _why_not(self) -> str:
        """Why no further shape is recorded; "" where one is."""
        for callback in self.trainer.callbacks:  # type: ignore[attr-defined]
            for hook in INSIDE:
                if is_overridden(hook, callback, parent=pl.Callback):
                    return f"{type(callback).__name__} has {hook}, which a replay would not call"
        return ""

    def _replayed(
        self, shape: Shape, module: TaskModule, batch: Any, place: tuple[bool, bool, int]
    ) -> Outputs:
        assert shape.recorded is not None
        refill(shape.batch, batch)
        refill(shape.carry, module.carry)
        outputs = shape.recorded.replay()
        module.carry = shape.carried
        module.train_sums.add(shape.numbers)
        first, last, _ = place
        progress = self.optim_progress.optimizer
        if first:
            progress.zero_grad.increment_ready()
            progress.zero_grad.increment_started()
            progress.zero_grad.increment_completed()
        if last:
            progress.step.increment_ready()
            progress.step.increment_completed()
            # Whatever was derived from the weights is out of date, which only their versions tell.
            torch.autograd.graph.increment_version(module.weights)
        self.told.replayed += 1
        return outputs

    def _record(
        self,
        shape: Shape,
        module: TaskModule,
        optimizer: torch.optim.Optimizer,
        batch_idx: int,
        kwargs: OrderedDict[str, Any],
    ) -> Outputs:
        """A step as it is, the recording, and the comparison of both; whatever comes of it, the step is taken once."""
        state = StepState(self.trainer, module)
        start, carry = state.snapshot(), held(module.carry)
        shape.batch, shape.carry = held(kwargs["batch"]), held(carry)
        with waits(module.device) as waiting:
            outputs = super().run(optimizer, batch_idx, kwargs)
        after = module.carry
        self.told.unrecorded += 1
        if waiting:
            self._give_up(shape, f"the step waits for the GPU, at {Path(waiting[0]).name}")
            return outputs
        fixed = OrderedDict(kwargs, batch=shape.batch)
        try:
            recorded = Recorded(
                lambda: self._step(shape, module, optimizer, batch_idx, fixed), module.device, self._pool
            )
        except RuntimeError as error:
            self._give_up(shape, f"not captured: {str(error).splitlines()[0]}")
            # Random numbers have a new state, which older graphs do not know: they are recorded again.
            for other in self.shapes.values():
                other.recorded = None
            module.carry, self._pool = after, None
            return outputs
        if module.task.encoder.draws_alone and module.device.type == "cuda":
            # Setting the random state would give cuDNN's dropout a new one, and graphs keep the address of theirs.
            self._say("not compared: cuDNN draws the dropout of this model, and never the same twice")
            self._keep(shape, recorded, 0.0)
            module.carry = after
            return outputs
        plain = state.snapshot()
        state.put_back(start)
        refill(shape.carry, carry)
        recorded.replay()
        handed_on = (after, outputs), (shape.carried, recorded.result)
        off = difference(start, plain, state.snapshot(), *map(tensors_of, handed_on))
        if off > DIFFERENT:
            self._give_up(shape, f"a replay differed from the step by {off:.2g} of what it changed")
            state.put_back(plain)
            module.carry = after
            return outputs
        self._keep(shape, recorded, off)
        module.carry = shape.carried
        return outputs

    def _keep(self, shape: Shape, recorded: Recorded[Outputs], off: float) -> None:
        """Further steps of the shape are replays."""
        shape.recorded, self._pool = recorded, recorded.pool
        self.told.shapes += 1
        self.told.largest_difference = max(self.told.largest_difference, off)

    def release(self) -> None:
        """Lets go of all graphs and their memory, which is that of whole steps."""
        self.shapes.clear()
        self._pool, self._carry = None, (None, shape_of(None))

    def _step(
        self,
        shape: Shape,
        module: TaskModule,
        optimizer: torch.optim.Optimizer,
        batch_idx: int,
        kwargs: OrderedDict[str, Any],
    ) -> Outputs:
        """What is recorded: the step on tensors that stay where they are; what the host counts is left as it was."""
        progress, sums = self.optim_progress.state_dict(), module.train_sums
        numbers, batches = sums.numbers, sums.batches
        sums.numbers, module.carry = {}, shape.carry
        try:
            outputs = super().run(optimizer, batch_idx, kwargs)
            shape.numbers = sums.numbers
        finally:
            self.optim_progress.load_state_dict(progress)
            sums.numbers, sums.batches = numbers, batches
        if shape_of(module.carry) == shape_of(shape.carry):  # the next replay goes on from there
            refill(shape.carry, module.carry)
            shape.carried = shape.carry
        else:
            shape.carried = module.carry
        return outputs

    def _give_up(self, shape: Shape, why: str) -> None:
        """Steps of this shape stay as they are."""
        shape.plain, shape.batch, shape.carry = why, None, None
        self._say(why)
        scaler = getattr(self.trainer.precision_plugin, "scaler", None)
        if scaler is not None:
            # A capture may have ended in the middle of a step.
            scaler._per_optimizer_states.clear()
            for name in ("grad_scale", "found_inf"):
                vars(self.trainer.optimizers[0]).pop(name, None)

    def _say(self, note: str) -> None:
        if note not in self.told.notes:
            self.told.notes.append(note)
