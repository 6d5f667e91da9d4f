"""Settings of the training loop: device, precision, budget, and how a step is carried out."""

from typing import Literal

from pydantic import Field

from ...core.settings import Settings


class TrainerConfig(Settings):
    """Device, precision and budget. 0 means no limit (`max_seconds` counts training alone, in seconds).

    `max_steps`, `validate_every` and `log_every` count steps of the optimiser, of `accumulate` batches each.
    `compile` runs the encoder through torch.compile, in training and evaluation; compiling counts as training time.
    What torch compiles depends on the shapes it has met, so a resumed run may then differ in the last digits.
    `graph` records whole steps, one for each shape, and replays them (graph.py); auto: with CUDA.
    """

    name: str
    accelerator: Literal["auto", "cpu", "cuda"]
    precision: Literal["auto", "32-true", "bf16-mixed", "16-mixed", "64-true"]
    max_epochs: int = Field(ge=0)
    max_steps: int = Field(ge=0)
    max_seconds: float = Field(ge=0)
    validate_every: int = Field(ge=0)
    log_every: int = Field(ge=1)
    threads: int = Field(ge=0, le=1024)
    accumulate: int = Field(default=1, ge=1)
    compile: bool = False
    graph: Literal["auto", True, False] = False
