"""The whole configuration of a run, checked before any data is touched: types, ranges, clashes, unknown keys."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from pydantic import Field, ValidationError

from ... import ops
from ...core.closest import did_you_mean
from ...core.errors import ConfigError
from ...core.settings import Settings, checked
from ...models import Encoder, ModelSettings, encoder_class, encoder_of
from ...records.base import Part, first_problem
from ...records.run import Paper, Printed
from ...tasks import Task, TaskSettings, task_class
from .callbacks import CallbacksConfig, DebugConfig, EarlyStoppingConfig, callbacks_of, monitored
from .logger import LOGGERS, CSVConfig, Logger, TensorboardConfig, TrackioConfig, WandbConfig
from .optim import OptimConfig
from .trainer import TrainerConfig

__all__ = [
    "GROUPS",
    "LOGGERS",
    "PROFILES",
    "CSVConfig",
    "CallbacksConfig",
    "DebugConfig",
    "Logger",
    "OptimConfig",
    "RunConfig",
    "TensorboardConfig",
    "TopConfig",
    "TrackioConfig",
    "TrainerConfig",
    "WandbConfig",
    "changes",
    "check",
    "require_both_ways",
]

GROUPS = ("model", "task", "optim", "trainer", "logger")
CHOSEN = ("callbacks", "debug")
"""Groups that stand in a configuration only where something of them was chosen."""
PROFILES = ("paper", "short", "smoke")


class PaperFigures(Part):
    """Figures of a paper that stand beside its headline."""

    accuracy: Printed = None
    bpc: Printed = None
    ppl: Printed = None
    em: Printed = None
    f1: Printed = None


class TopConfig(Settings):
    """What stands outside the groups."""

    row: str = Field(min_length=1, pattern=r"^[\w.-]+$")
    seed: int = Field(ge=0, lt=2**32)
    profile: Literal["paper", "short", "smoke"]
    data_dir: str = Field(min_length=1)
    paper: Paper | None
    sweep: str | None = Field(default=None, min_length=1)
    """The folder of the sweep that it is a member of."""


@dataclass(frozen=True)
class RunConfig:
    """A checked configuration; `plain` is the same as nested dictionaries, for records."""

    top: TopConfig
    model: ModelSettings
    task: TaskSettings
    optim: OptimConfig
    trainer: TrainerConfig
    logger: Logger
    callbacks: CallbacksConfig
    debug: DebugConfig | None
    plain: dict[str, Any]

    def monitored(self) -> tuple[str, Literal["min", "max"]]:
        """The figure that early stopping looks at, as `val/loss`, and its better direction."""
        return monitored(self.callbacks.early_stopping or EarlyStoppingConfig(), self.task)


def check(config: Mapping[str, Any]) -> RunConfig:
    """Checks a resolved configuration.

    Raises:
        ConfigError: one line that names the key, what is allowed and what was found.
    """
    _budgets(config.get("budgets", {}))
    unset = [key for key in CHOSEN if config.get(key) in (None, {})]
    rest = {key: value for key, value in config.items() if key not in ("budgets", *unset)}
    groups = {name: _group(rest, name) for name in (*GROUPS, *(name for name in CHOSEN if name in rest))}
    encoder = _encoder(groups["model"])
    task_type = _task(groups["task"].get("kind")).Config
    rest["trainer"] = groups["trainer"] = _concrete(groups["trainer"])
    device = str(groups["trainer"].get("accelerator"))
    try:
        # Only where one is asked for by name: the first choice may compile, and a typo further on must answer at once.
        if ops.dispatch.asked_for() and encoder.uses_ops and (device == "cpu" or torch.cuda.is_available()):
            ops.choose(device)
    except ValueError as error:
        raise ConfigError(f"SRU_REPRO_BACKEND: {error}") from None
    name = groups["logger"].get("name")
    logger_type: Any = LOGGERS.get(str(name))
    if logger_type is None:
        known = f"{', '.join([*LOGGERS][:-1])} or {[*LOGGERS][-1]}"
        raise ConfigError(f"logger.name: expected {known}, found {name!r}{did_you_mean(str(name), LOGGERS)}")
    top = {key: value for key, value in rest.items() if key not in groups}
    top["paper"] = _paper(top.get("paper"))
    found = RunConfig(
        top=checked(TopConfig, top, beside=(*GROUPS, *CHOSEN)),
        model=checked(encoder.Config, groups["model"], "model."),
        task=checked(task_type, groups["task"], "task."),
        optim=checked(OptimConfig, groups["optim"], "optim."),
        trainer=checked(TrainerConfig, groups["trainer"], "trainer."),
        logger=checked(logger_type, groups["logger"], "logger."),
        callbacks=callbacks_of(groups.get("callbacks", {})),
        debug=checked(DebugConfig, groups["debug"], "debug.") if "debug" in groups else None,
        plain=rest,
    )
    _clashes(found)
    return found


def _budgets(budgets: object) -> None:
    """Refuses a profile that there is not, and a key that one profile has and others lack: nothing would read it."""
    if not isinstance(budgets, dict) or not all(isinstance(content, dict) for content in budgets.values()):
        raise ConfigError(
            f"budgets: expected settings for each of {', '.join(PROFILES)}, found {budgets!r:.60}"
        )
    if strange := set(budgets) - set(PROFILES):
        raise ConfigError(f"budgets.{min(strange)}: no such profile; expected one of {', '.join(PROFILES)}")
    shared = set[str]().union(*budgets.values()).intersection(*budgets.values())
    for profile, content in budgets.items():
        if alone := set(content) - shared:
            raise ConfigError(
                f"budgets.{profile}.{min(alone)}: no such key in every profile; expected one of "
                f"{', '.join(sorted(shared))}"
            )


def _concrete(trainer: Mapping[str, object]) -> dict[str, object]:
    """The trainer's settings with every "auto" decided: a record says what ran, and a CPU's run is not a GPU's."""
    gpu = trainer.get("accelerator") in ("auto", "cuda") and torch.cuda.is_available()
    bf16 = gpu and torch.cuda.is_bf16_supported(including_emulation=False)
    decided = dict(trainer)
    if trainer.get("accelerator") == "auto":
        decided["accelerator"] = "cuda" if gpu else "cpu"
    if trainer.get("devices") == "auto":
        decided["devices"] = max(1, torch.cuda.device_count()) if decided.get("accelerator") == "cuda" else 1
    if trainer.get("graph") == "auto":
        several = [decided.get(key, 1) for key in ("devices", "num_nodes")] != [1, 1]
        decided["graph"] = decided.get("accelerator") == "cuda" and not several
    if trainer.get("precision") == "auto":
        decided["precision"] = "bf16-mixed" if bf16 else "32-true"
    return decided


def _clashes(config: RunConfig) -> None:
    trainer = config.trainer
    config.monitored()
    if not (trainer.max_epochs or trainer.max_steps or trainer.max_seconds):
        raise ConfigError(
            "trainer: expected a limit in max_epochs, max_steps or max_seconds, found 0 in all three"
        )
    if trainer.accelerator == "cuda" and not torch.cuda.is_available():
        raise ConfigError(
            "trainer.accelerator=cuda: expected a CUDA GPU, found none; set trainer=auto or cpu"
        )
    if trainer.graph and trainer.world > 1:
        raise ConfigError(
            f"trainer.graph=true: expected trainer.devices=1, as the gradients of several devices are added up between "
            f"the kernels of a step, found {trainer.world} devices; set trainer.graph=false or leave it at auto"
        )
    if trainer.accelerator == "cpu" and trainer.precision == "16-mixed":
        raise ConfigError("trainer.precision=16-mixed needs trainer.accelerator=cuda, found cpu")
    streams = encoder_of(config.model).can_stream(config.model)
    if task_class(config.task.kind).needs_stream and not streams:
        two_ways = getattr(config.model, "bidirectional", False)
        found = f"model={config.model.name}" + (" with model.bidirectional=true" if two_ways else "")
        raise ConfigError(
            f"task={config.task.name} carries a state from batch to batch: expected a causal model, found {found}"
        )
    if task_class(config.task.kind).needs_steps and not encoder_of(config.model).stepwise:
        raise ConfigError(
            f"task={config.task.name} reads every step of the encoder: expected a model with an output for each, "
            f"found model={config.model.name}"
        )


def require_both_ways(config: RunConfig) -> None:
    """Refuses a model of one direction where the task reads both; apart from `check`, as a task alone, to be listed or
    fetched, comes with the default model."""
    if task_class(config.task.kind).needs_both_ways and not getattr(config.model, "bidirectional", True):
        raise ConfigError(
            f"task={config.task.name} reads both ways: expected model.bidirectional=true, found false"
        )


def _group(config: Mapping[str, Any], name: str) -> dict[str, object]:
    group = config.get(name)
    if not isinstance(group, dict):
        raise ConfigError(f"{name}: expected a group of settings, found {group!r}")
    return group


def _encoder(model: Mapping[str, object]) -> type[Encoder]:
    """The class of a model, by its name or by its place."""
    place = str(model.get("_class_") or "")
    try:
        return encoder_class(str(model.get("name")), place)
    except ValueError as error:
        raise ConfigError(f"model.{'_class_' if place else 'name'}: {error}") from None


def _paper(content: object) -> Paper | None:
    """A row's figures in the paper. A record keeps keys that it does not know; a configuration may have those of our
    metrics beside the headline, and no others."""
    if content is None or isinstance(content, Paper):
        return content
    if not isinstance(content, dict):
        raise ConfigError(f"paper: expected the paper's figures for a row, or null, found {content!r:.60}")
    try:
        paper = Paper.model_validate(content)
        beside = PaperFigures.model_validate({name: paper.beside(name) for name in paper.extra})
    except ValidationError as error:
        raise ConfigError(re.sub("^key '(.*?)'", r"paper.\1", first_problem(error, content))) from None
    if beside.extra:
        known = [*Paper.model_fields, *PaperFigures.model_fields]
        name = min(beside.extra)
        raise ConfigError(
            f"paper.{name}: no such key; expected one of {', '.join(known)}{did_you_mean(name, known)}"
        )
    return paper


def _task(kind: object) -> type[Task]:
    try:
        return task_class(str(kind))
    except ValueError as error:
        raise ConfigError(f"task.kind: {error}") from None


def changes(overrides: Sequence[str]) -> list[str]:
    """What the command line changed in a row of a table: then it is not that row any more."""
    science = (
        "model.",
        "model=",
        "task.",
        "optim.",
        "optim=",
        "budgets.",
        "trainer.max_",
        "trainer.validate_every",
        "trainer.accumulate",
        "debug",
    )
    args = [arg.lstrip("+~") for arg in overrides]
    which_data = ("task.fold=", "task.path=")
    stops = re.compile(r"callbacks(\.early_stopping|=.*(early_stopping|default))")
    return [
        arg
        for arg in args
        if (arg.startswith(science) and not arg.startswith(which_data)) or stops.match(arg)
    ]
