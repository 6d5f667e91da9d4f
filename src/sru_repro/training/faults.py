"""A loss or a gradient that is no finite number ends a run before the update, and leaves behind what it came from.

A CPU is asked at every step. CUDA is not, as nothing may wait: there a fault is counted on the device, no step changes
a weight from then on, and the recorder asks where it reads figures anyway. Both ways the weights are those before the
fault. In `fault.pt` in the run's folder lie batches, carried states and random states of the step, and the weights;
`torch.load(..., weights_only=True)` reads it, and `python -m sru_repro.training.replay FOLDER` repeats the step.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, NamedTuple

import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.utils import _pytree

from ..core.errors import RunError
from ..core.files import whole
from ..data.batches import BatchOrder, Sizes
from ..models import State, detach
from ..tasks import Task
from .ranks.world import ALONE, Ranks

FILE = "fault.pt"
ADVICE = "lower optim.lr or set optim.clip_norm"
SMALLEST_SCALE = 2.0**-14
"""Of float16's loss. Thirty steps in a row whose gradients are infinite lead there from where it begins."""


class Read(NamedTuple):
    """What a batch of a step was read with: the carried state and, on a CPU, the random state before it."""

    batch: Any
    carry: State
    random: Tensor | None


class Watch(nn.Module):
    """Watches the steps of a training.

    Args:
        folder: of the run.
        trainer: of the run.
        task: what is trained.
        device: where.
        deferred: whether the device counts and is asked later, as CUDA always is.
        ranks: all that train the run; they stop together.
    """

    def __init__(
        self,
        folder: Path,
        trainer: pl.Trainer,
        task: Task,
        device: torch.device,
        deferred: bool | None = None,
        ranks: Ranks = ALONE,
    ) -> None:
        super().__init__()
        self.ranks = ranks
        self.folder, self.trainer = folder, trainer
        self.deferred = device.type == "cuda" if deferred is None else deferred
        self._task = (task,)  # in a tuple, as it is no part of this module
        self._step: list[Read] = []
        self._since: list[tuple[int, int, int]] = []
        self._asked = 0
        # Batches seen, which turns NaN at a fault, for ever; and the number of the last one before that, from 0.
        for name in ("seen", "sound"):
            self.register_buffer(name, torch.zeros((), dtype=torch.float64, device=device), persistent=False)
        self.seen: Tensor
        self.sound: Tensor

    def starts(self, batch: Any, carry: State, batch_idx: int) -> None:
        """A batch is about to be read; called outside of recorded steps."""
        if self.deferred:
            self._since.append((self.trainer.current_epoch, batch_idx, self.trainer.global_step + 1))
            return
        if batch_idx % self.trainer.accumulate_grad_batches == 0:
            self._step.clear()
        self._step.append(Read(batch, carry, torch.get_rng_state()))

    def loss(self, loss: Tensor) -> None:
        """The loss of that batch.

        Raises:
            RunError: it is not finite.
        """
        if self.deferred:
            torch.fmax(self.sound, self.seen, out=self.sound)  # leaves out what is not a number
            self.seen.add_(loss.detach(), alpha=0).add_(1.0)  # not a number from here on, unless it is finite
            return
        value, step = float(loss.detach()), self.trainer.global_step + 1
        if error := self.ranks.fault(
            not math.isfinite(value), lambda: self._error(step, f"the loss is {value}", self._step)
        ):
            raise error

    def spoiled(self, loss: Tensor) -> Tensor:
        """The loss that goes backward: itself, and after a fault, for ever, no number. A gradient scaler asks the
        gradients of a step alone, and leaves out each of these."""
        return loss * (1 + 0 * self.seen).to(loss.dtype) if self.deferred else loss

    def gradients(self, norm: Tensor) -> None:
        """The norm of all gradients of a step, which are no longer scaled; before they are clipped.

        Raises:
            RunError: it is not finite.
        """
        if self.deferred:
            self.seen.add_(norm, alpha=0)
        elif not math.isfinite(value := float(norm)):  # of all ranks the same
            step, found = self.trainer.global_step + 1, f"the gradients' norm is {value}"
            error = self.ranks.fault(True, lambda: self._error(step, found, self._step))
            assert error is not None
            raise error

    def before_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Has the step change no weight if there was a fault: a fused one knows how, others get a rate of zero."""
        if not self.deferred:
            return
        fault = self.seen.isnan()
        if getattr(optimizer, "_step_supports_amp_scaling", False):
            optimizer.found_inf = fault.to(torch.float32)  # type: ignore[attr-defined]
            return
        for group in optimizer.param_groups:
            if isinstance(group["lr"], Tensor):  # on CUDA always
                group["lr"].masked_fill_(fault, 0.0)
            for weight in group["params"]:
                if weight.grad is not None:
                    weight.grad.masked_fill_(fault, 0.0)

    def ask(self) -> None:
        """Whether there was a fault since it was asked last; waits for the device.

        Raises:
            RunError: there was one.
        """
        since, self._since = self._since, []
        if not self.deferred:
            return
        if math.isnan(float(self.seen)):
            first = int(self.sound) - self._asked
            epoch, batch_idx, step = since[min(first, len(since) - 1)] if since else (0, 0, 0)
            read = Read(self._batch(epoch, batch_idx), None, None)
            found = "the loss or the gradients' norm is not finite"
            error = self.ranks.fault(True, lambda: self._error(step, found, [read]))
            assert error is not None
            raise error
        self._asked = int(self.seen)
        scaler = getattr(self.trainer.precision_plugin, "scaler", None)
        if scaler is not None and scaler.get_scale() < SMALLEST_SCALE:
            step, found = (
                self.trainer.global_step,
                f"gradients overflow float16 even at a scale of {SMALLEST_SCALE:g}",
            )
            raise RunError(f"step {step}: {found}; {ADVICE}, or train with trainer.precision=bf16-mixed")

    def _batch(self, epoch: int, batch_idx: int) -> Any:
        loader: Any = self.trainer.train_dataloader
        order = BatchOrder(loader.sampler.n_batches, loader.sampler.seed, reshuffle=loader.sampler.reshuffle)
        order.set_epoch(epoch)
        return getattr(loader.dataset, "whole", loader.dataset)[list(order)[batch_idx]]

    def _error(self, step: int, found: str, reads: list[Read]) -> RunError:
        task, reads = self._task[0], list(reads)
        path = self.folder / FILE
        try:
            content = {
                "step": step,
                "found": found,
                "batches": [
                    {"batch": plain(i.batch), "carry": plain(i.carry), "random": i.random} for i in reads
                ],
                "weights": plain(task.state_dict()),
            }
            with whole(path) as part:
                torch.save(content, part)
            kept = f"batch and weights are in {path}"
        except OSError as error:
            kept = f"the batch could not be kept in {path}: {error.strerror or error}"
        first = first_not_finite(task, reads, self.trainer.precision_plugin.forward_context)
        return RunError(f"step {step}: {found}, expected a finite number; {first}; {kept}; {ADVICE}")


def plain(tree: Any) -> Any:
    """Tensors, numbers, lists and dictionaries in place of whatever a batch or a state is made of; on the CPU."""
    if isinstance(tree, Tensor):
        return tree.detach().cpu().clone()
    if isinstance(tree, tuple) and hasattr(tree, "_asdict"):
        return {name: plain(value) for name, value in tree._asdict().items()}
    if isinstance(tree, dict):
        return {key if isinstance(key, int) else str(key): plain(value) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        return [plain(value) for value in tree]
    if isinstance(tree, Sizes):
        return list(tree.values)
    return tree if tree is None or isinstance(tree, str | bool | int | float) else repr(tree)


def first_not_finite(task: Task, reads: list[Read], context: Callable[[], Any] = nullcontext) -> str:
    """Repeats a step, without an update, and says what in it is the first that is not finite, in words."""
    for name, weight in task.named_parameters():
        if not bool(weight.isfinite().all()):
            return f"the weight {name} is not finite"
    device, before, found = next(task.parameters()).device, torch.get_rng_state(), list[str]()
    grads = [weight.grad for weight in task.parameters()]
    try:
        with torch.enable_grad(), looking(task, found.append):
            for read in reads:
                if read.random is not None:
                    torch.set_rng_state(read.random)
                batch = _pytree.tree_map_only(Tensor, lambda value: value.to(device), read.batch)
                with context():
                    step = task.step(batch, detach(read.carry))
                if not found and not _finite(step.loss):
                    found.append("no output of a layer is, but the loss")
                if not found and step.loss.requires_grad:
                    step.loss.backward()
                if found:
                    break
    except Exception as error:  # this is about another fault
        return f"where it comes from was not found ({type(error).__name__})"
    finally:
        torch.set_rng_state(before)
        for weight, grad in zip(task.parameters(), grads, strict=True):
            weight.grad = grad
    return f"first not finite: {found[0]}" if found else "the step, repeated, is finite"


@contextmanager
def looking(
    task: Task, tell: Callable[[str], object], reached: Callable[[str], object] | None = None
) -> Iterator[None]:
    """Tells what is the first that is not finite inside the block: inputs and outputs of layers, then gradients, each
    as it is computed. `reached` is told the layers whose outputs have a gradient by now that is finite."""
    told = False

    def found(what: str) -> None:
        nonlocal told
        if not told:
            told = True
            tell(what)

    def look(value: Any, what: str) -> None:
        if not told and not all(_finite(i) for i in _pytree.tree_leaves(value) if isinstance(i, Tensor)):
            found(what)

    def look_at_gradient(grad: Tensor | None, what: str) -> None:
        if not told and grad is not None and not bool(grad.isfinite().all()):
            found(what)

    def look_back(grad: Tensor | None, name: str) -> None:
        look_at_gradient(grad, f"the gradient of the output of {name}")
        if reached is not None and not told:
            reached(name)

    def hook(name: str) -> Any:
        def called(module: nn.Module, inputs: Any, output: Any) -> None:
            look(inputs, f"the input of {name}")
            look(output, f"the output of {name}")
            for tensor in _pytree.tree_leaves(output):
                if isinstance(tensor, Tensor) and tensor.requires_grad:
                    tensor.register_hook(lambda grad: look_back(grad, name))

        return called

    handles = [module.register_forward_hook(hook(name)) for name, module in task.named_modules() if name]
    for name, weight in task.named_parameters():
        if weight.requires_grad:
            what = f"the gradient of the weight {name}"
            handles.append(weight.register_hook(lambda grad, what=what: look_at_gradient(grad, what)))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _finite(value: Tensor) -> bool:
    """Whether an input or output is; minus infinity is what a masked score is."""
    return not value.is_floating_point() or not bool((value.isnan() | value.isposinf()).any())
