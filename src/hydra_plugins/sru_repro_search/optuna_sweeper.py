"""`hydra/sweeper=optuna`, as Hydra finds it: the search itself is `sru_repro.cli.search`.

The published plugin of that name, hydra-optuna-sweeper 1.2, pins optuna<3, ends no trial early and cannot go on with
a study. Hydra takes plugins from the namespace `hydra_plugins` alone, and looks through all of them at each start: what
is heavy is imported when a search begins.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf


@dataclass
class OptunaSweeperConf:
    """hydra.sweeper.*; what each means stands in `sru_repro.cli.search.settings`."""

    _target_: str = "hydra_plugins.sru_repro_search.optuna_sweeper.OptunaSweeper"
    n_trials: int = 20
    n_jobs: int | None = None
    sampler: str = "tpe"
    seed: int | None = None
    startup_trials: int = 10
    pruner: str | None = "median"
    warmup: float = 0.25
    params: dict[str, Any] = field(default_factory=dict)


GROUP, NAME = "hydra/sweeper", "optuna"
ConfigStore.instance().store(group=GROUP, name=NAME, node=OptunaSweeperConf, provider="sru_repro_search")


class OptunaSweeper(Sweeper):
    """Draws the members of a sweep by Optuna."""

    def __init__(self, **settings: Any) -> None:
        self.settings = {
            key: OmegaConf.to_container(value) if OmegaConf.is_config(value) else value
            for key, value in settings.items()
        }

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """As Hydra calls it."""
        from hydra.core.plugins import Plugins

        self.hydra_context, self.config = hydra_context, config
        chosen = (
            config.hydra.overrides.hydra
        )  # of every member, whose words do not name the preset that chose it
        if f"{GROUP}={NAME}" not in chosen:
            chosen.append(f"{GROUP}={NAME}")
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: Sequence[str]) -> Any:
        """Carries out the search."""
        from sru_repro.cli.search.drive import carry_out

        assert self.config is not None and self.hydra_context is not None
        launcher: Any = self.launcher  # the suite's own, which knows the sweep's folder
        carry_out(self.settings, self.config, self.hydra_context, launcher, arguments)
