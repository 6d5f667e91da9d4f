"""The encoder through torch.compile, and what to say when that fails."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback

from ..core.errors import RunError
from .module import TaskModule

VERSIONS = 64
"""Of the code of one encoder: the first segment and the later ones, a short one at the end, training and both
evaluations are compiled apart. torch's own limit, 8, would leave some of them uncompiled without a word."""


class CompiledEncoder(Callback):
    """Compiles the encoder in place: the names of its weights, and so checkpoints, stay as they are."""

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        import torch._dynamo.config as limits  # takes seconds

        assert isinstance(pl_module, TaskModule)
        limits.cache_size_limit = max(limits.cache_size_limit, VERSIONS)
        pl_module.compile_encoder()


@contextmanager
def explained(compiled: bool) -> Iterator[None]:
    """Turns a failure of torch.compile inside the block into a line that says how to do without.

    Nothing is compiled before the first batch: a missing compiler shows only then.

    Raises:
        RunError: torch could not compile the encoder.
    """
    if not compiled:
        yield
        return
    from torch._dynamo.exc import TorchDynamoException

    try:
        yield
    except TorchDynamoException as error:
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise RunError(
            f"trainer.compile=true: expected torch.compile to build the encoder, found: {reason}; "
            "set trainer.compile=false"
        ) from error
