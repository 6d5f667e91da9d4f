"""Settings of the training loop: device, precision, budget, and how a step is carried out."""

from typing import Literal

from pydantic import Field, field_validator

from ...core.settings import Settings

MOST_DEVICES = 1024
"""Of one machine."""


class TrainerConfig(Settings):
    """Device, precision and budget. 0 means no limit (`max_seconds` counts training alone, in seconds).

    `max_steps`, `validate_every` and `log_every` count steps of the optimiser, of `accumulate` batches each.
    `compile` runs the encoder through torch.compile, in training and evaluation; compiling counts as training time.
    What torch compiles depends on the shapes it has met, so a resumed run may then differ in the last digits.
    `profiler` is one of Lightning's; what it finds lies in the run's folder.
    `graph` records whole steps, one for each shape, and replays them (graph.py); auto: with CUDA, on one device.
    `devices` of each of `num_nodes` machines train one run together, a process each (ranks/): `task.batch_size` is that
    of all together, so that the run is the same experiment. auto: all GPUs there are; on a CPU one.
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
    profiler: Literal["simple", "advanced", "pytorch"] | None = None
    devices: int | Literal["auto"] = 1
    num_nodes: int = Field(default=1, ge=1, le=4096)

    @field_validator("devices", mode="before")
    @classmethod
    def _number_or_auto(cls, devices: object) -> object:
        if devices == "auto" or (type(devices) is int and 1 <= devices <= MOST_DEVICES):
            return devices
        raise ValueError(f"expected auto or a number from 1 to {MOST_DEVICES}, found {devices!r:.60}")

    @property
    def world(self) -> int:
        """Processes that train the run; `devices` is a number by then."""
        assert isinstance(self.devices, int)
        return self.devices * self.num_nodes
