"""hydra.sweeper.* of a search."""

from typing import Any, Literal

from pydantic import Field

from ...core.settings import Settings, checked

PREFIX = "hydra.sweeper."
Sampler = Literal["tpe", "gp", "qmc", "random"]
Pruner = Literal["median", "percentile", "halving", "hyperband"]


class SearchConfig(Settings):
    """How trials are drawn, how many, and which end early.

    n_trials        in all, those of earlier starts of the same sweep included
    n_jobs          at a time; null: what the launcher takes
    sampler         tpe (multivariate, also of trials still running) | gp | qmc | random
    seed            of the sampler; null: the run's
    startup_trials  drawn at random before tpe or gp learn from those that there are
    pruner          median | percentile (of the worst three quarters) | halving | hyperband | null
    warmup          the part of its budget in which no trial is ended early
    params          what is drawn, as on a command line: optim.lr: tag(log, interval(1e-4, 1e-2))
    """

    n_trials: int = Field(ge=1)
    n_jobs: int | None = Field(ge=1)
    sampler: Sampler
    seed: int | None = Field(ge=0, lt=2**31)
    startup_trials: int = Field(ge=1)
    pruner: Pruner | None
    warmup: float = Field(ge=0, le=1)
    params: dict[str, Any]


def settings_of(sweeper: dict[str, Any]) -> SearchConfig:
    """The settings in `hydra.sweeper`.

    Raises:
        ConfigError: a key, a type or a range that is wrong.
    """
    plain = {key: value for key, value in sweeper.items() if key != "_target_"}
    return checked(SearchConfig, {**plain, "params": _flat(plain.get("params") or {})}, PREFIX)


def _flat(params: dict[str, Any], above: str = "") -> dict[str, Any]:
    """`{optim: {lr: ...}}`, as hydra.sweeper.params.optim.lr= makes it, by its whole keys."""
    found: dict[str, Any] = {}
    for key, value in params.items():
        inner = _flat(value, f"{above}{key}.") if isinstance(value, dict) else {f"{above}{key}": value}
        found |= inner
    return found
