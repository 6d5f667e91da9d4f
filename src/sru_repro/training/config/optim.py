"""Settings of the optimiser and of the learning rate over time."""

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from ...core.settings import Settings

DECOUPLES = ("adam", "adamw", "radam")

Beta = Annotated[float, Field(ge=0, lt=1)]


MOST = 1e30
"""Of the learning rate; Adam divides it by numbers that are much smaller than 1."""


class OptimConfig(Settings):
    """The optimiser and the learning rate over time (`schedule.learning_rate` holds the equations).

    betas         decay of the running means; sgd has none
    weight_decay  what torch's class of that name makes of it
    decoupled     adam and radam: weights shrink by lr * weight_decay, apart from the gradient (adamw: always)
    clip_norm     of all gradients together; 0: none
    warmup_steps  of linear growth, or of noam's rule; 0: none
    decay_steps   cosine: the step at which it ends; 0: over the run's budget, whichever limit is nearest. Under
                  trainer.max_seconds the rate then depends on the clock, and two runs of one seed differ.
    noam_size     d of noam's rule
    """

    name: Literal["adam", "adamw", "adamax", "radam", "sgd"]
    lr: float = Field(gt=0)
    betas: tuple[Beta, Beta] = Field(default=(0.9, 0.999), strict=False)
    weight_decay: float = Field(ge=0)
    decoupled: bool = False
    clip_norm: float = Field(ge=0)
    schedule: Literal["constant", "noam", "cosine"] = "constant"
    warmup_steps: int = Field(default=0, ge=0)
    decay_steps: int = Field(default=0, ge=0)
    noam_size: int = Field(default=0, ge=0)

    @field_validator("lr")
    @classmethod
    def _in_float32(cls, lr: float) -> float:
        if lr > MOST:
            raise ValueError(f"expected at most {MOST:g}, as rates are in float32, found {lr:g}")
        return lr

    @model_validator(mode="after")
    def _clashes(self) -> "OptimConfig":
        if self.decoupled and self.name not in DECOUPLES:
            raise ValueError(f"decoupled=true needs a name among {', '.join(DECOUPLES)}, found {self.name}")
        if self.schedule == "noam" and not (self.noam_size and self.warmup_steps):
            found = f"{self.noam_size} and {self.warmup_steps}"
            raise ValueError(f"schedule=noam needs noam_size and warmup_steps above 0, found {found}")
        if self.schedule == "cosine" and 0 < self.decay_steps <= self.warmup_steps:
            found = f"{self.decay_steps} and {self.warmup_steps}"
            raise ValueError(f"schedule=cosine needs decay_steps above warmup_steps (or 0), found {found}")
        return self
