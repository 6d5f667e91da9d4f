"""Settings of what may be chosen beside the training loop: `callbacks=[early_stopping,...]`, and `debug=NAME`."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from ...core.closest import did_you_mean
from ...core.errors import ConfigError
from ...core.settings import Settings, checked
from ...tasks import TaskSettings, task_class


class EarlyStoppingConfig(Settings):
    """Ends the training when a validation figure has not got better for a while.

    monitor    the figure, as `val/loss`; auto: the task's headline
    mode       auto: `min` for a loss and whatever is better when it is lower, else `max`
    patience   validations in a row without a gain, after which the training ends
    min_delta  a gain has to be larger than this
    """

    monitor: str = Field(default="auto", min_length=1)
    mode: Literal["auto", "min", "max"] = "auto"
    patience: int = Field(default=3, ge=1)
    min_delta: float = Field(default=0.0, ge=0)


class LRMonitorConfig(Settings):
    """Shows the learning rate beside the loss; every run logs it as `optim/lr`."""


class RichProgressConfig(Settings):
    """How a training shows how far it is.

    show         auto: a bar on a terminal, lines elsewhere | bar | lines | none: validations alone
    refresh_s    seconds between two states of the bar
    lines_every  the longest pause between two lines, in seconds
    """

    show: Literal["auto", "bar", "lines", "none"] = "auto"
    refresh_s: float = Field(default=0.25, ge=0.05, le=60)
    lines_every: float = Field(default=60.0, ge=1)


class ModelSummaryConfig(Settings):
    """Says what the model is made of, down to so many levels."""

    max_depth: int = Field(default=2, ge=1, le=20)


class CallbacksConfig(Settings):
    """What was chosen by name; null: not chosen."""

    early_stopping: EarlyStoppingConfig | None = None
    lr_monitor: LRMonitorConfig | None = None
    rich_progress: RichProgressConfig | None = None
    model_summary: ModelSummaryConfig | None = None


def callbacks_of(plain: Mapping[str, Any]) -> CallbacksConfig:
    """The settings of each that was chosen.

    Raises:
        ConfigError: one line that names the key.
    """
    kinds: dict[str, type[Settings]] = {
        "early_stopping": EarlyStoppingConfig,
        "lr_monitor": LRMonitorConfig,
        "rich_progress": RichProgressConfig,
        "model_summary": ModelSummaryConfig,
    }
    found = dict(plain)
    for name, kind in kinds.items():
        if isinstance(inner := plain.get(name), Mapping):
            found[name] = checked(kind, inner, f"callbacks.{name}.")
        elif inner is not None:
            raise ConfigError(f"callbacks.{name}: expected its settings or null, found {inner!r:.60}")
    return checked(CallbacksConfig, found, "callbacks.")


class _Ones(dict[str, float]):
    """Sums over a split, whatever their names are."""

    def __missing__(self, key: str) -> float:
        return 1.0

    def __contains__(self, key: object) -> bool:
        return True


def monitored(early: EarlyStoppingConfig, task: TaskSettings) -> tuple[str, Literal["min", "max"]]:
    """The figure that early stopping looks at, and its better direction.

    Raises:
        ConfigError: the task has no such figure.
    """
    kind = task_class(task.kind)
    headline = kind.headline_of(task)
    names = list(kind.metrics(_Ones()))
    if headline not in names:  # what is counted, words or bytes, depends on the settings
        names = ["loss", headline]
    known = [f"val/{name}" for name in dict.fromkeys((headline, *names))]
    key = known[0] if early.monitor == "auto" else early.monitor
    if key not in known:
        raise ConfigError(
            f"callbacks.early_stopping.monitor: expected auto or one of {', '.join(known)}, found {key!r}"
            + did_you_mean(key, known)
        )
    if early.mode != "auto":
        return key, early.mode
    return key, "max" if kind.higher_is_better and key != "val/loss" else "min"


class DebugConfig(Settings):
    """A debugging preset. `batches` of each split are used; 0: all of them."""

    name: Literal["overfit", "limit", "profile", "nan"]
    batches: int = Field(default=0, ge=0)
