"""Hydra's launchers, as sweeps use them: which there are, whether they can be had here, how many members run at a time,
and what became of jobs that a scheduler ended."""

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from hydra.plugins.launcher import Launcher

from ...core.closest import did_you_mean
from ...core.cores import cores
from ...core.errors import ConfigError
from ..words import key_of

LAUNCHERS = {
    "basic": "",
    "joblib": "hydra_joblib_launcher",
    "submitit_local": "hydra_submitit_launcher",
    "submitit_slurm": "hydra_submitit_launcher",
}
"""Names, and the plugins that they are in."""
SLURM = ("sbatch", "srun")
"""Programs without which no job can be handed in."""


def require_launcher(words: Sequence[str]) -> str:
    """The launcher that these words choose.

    Raises:
        ConfigError: there is none of that name, or it cannot be had here.
    """
    chosen = [word.partition("=")[2] for word in words if key_of(word) == "hydra/launcher"]
    name = (chosen or ["basic"])[-1].strip("'\"")
    if name not in LAUNCHERS:
        known = ", ".join(LAUNCHERS)
        raise ConfigError(
            f"hydra/launcher: expected one of {known}; found {name!r}{did_you_mean(name, LAUNCHERS)}"
        )
    plugin = LAUNCHERS[name]
    if plugin and not (find_spec("hydra_plugins") and find_spec(f"hydra_plugins.{plugin}")):
        raise ConfigError(
            f"hydra/launcher={name}: expected the package {plugin.replace('_', '-')}, found none; "
            "pip install 'sru-repro[sweeps]'"
        )
    if name == "submitit_slurm" and not all(map(shutil.which, SLURM)):
        raise ConfigError(
            f"hydra/launcher={name}: expected Slurm, with its programs {' and '.join(SLURM)}, found none; without it "
            "hydra/launcher=submitit_local or joblib"
        )
    for word in words:
        if key_of(word) == "hydra.launcher.n_jobs" and word.partition("=")[2].strip() == "0":
            raise ConfigError(
                "hydra.launcher.n_jobs: expected the number of members at a time, or -1 for as many as there are "
                "cores, found 0"
            )
    return name


def side_by_side(name: str, launcher: Launcher, members: int) -> int:
    """How many of the members run at a time on this machine; joblib is told so."""
    if name == "joblib":
        settings: dict[str, Any] = launcher.joblib  # type: ignore[attr-defined]
        asked = int(settings.get("n_jobs") or -1)
        at_most = asked if asked > 0 else max(1, cores() + 1 + asked)
        settings["n_jobs"] = min(at_most, members)
        settings["batch_size"] = 1  # it would put members that end early together, for one worker
        return int(settings["n_jobs"])
    return min(cores(), members) if name == "submitit_local" else 1


def batches(name: str, count: int) -> Iterator[slice]:
    """The parts in which a launcher gets its jobs: submitit starts all at once, and one machine has so many cores."""
    each = cores() if name == "submitit_local" else count
    return (slice(start, min(start + each, count)) for start in range(0, count, each))


def place_jobs(name: str, launcher: Launcher, sweep: Path) -> None:
    """What submitit writes lies in the sweep's folder, unless it was told another one; on this machine its jobs see the
    GPUs that there are, which it would hide."""
    params: dict[str, Any] | None = getattr(launcher, "params", None)
    if params is None:
        return
    if name == "submitit_local" and params.get("gpus_per_node") is None and (gpus := _gpus()):
        params["gpus_per_node"] = gpus
    if str(params.get("submitit_folder", "")).endswith("/.submitit/%j"):
        params["submitit_folder"] = os.path.join(sweep, ".submitit/%j")


def _gpus() -> int:
    import torch

    return torch.cuda.device_count()


class Jobs:
    """What was handed in to submitit, so that it can be called off and asked; of other launchers nothing."""

    def __init__(self) -> None:
        self._jobs: list[Any] = []

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Inside the block jobs that are handed in are noted down."""
        try:
            import submitit
        except ImportError:
            yield
            return
        original, noted = submitit.AutoExecutor, self._jobs

        class Noting(original):  # type: ignore[misc,valid-type]
            """Hydra's launcher keeps its jobs to itself, and gives up at the first that its scheduler has ended."""

            def map_array(self, *args: Any) -> Any:
                jobs = super().map_array(*args)
                noted.extend(jobs)
                return jobs

        submitit.AutoExecutor = Noting  # type: ignore[misc]
        try:
            yield
        finally:
            submitit.AutoExecutor = original  # type: ignore[misc]

    def call_off(self) -> None:
        """Calls off the jobs that have not begun."""
        for job in self._jobs:
            with suppress(Exception):
                if str(job.state).upper() in ("PENDING", "REQUEUED", "UNKNOWN"):
                    job.cancel(check=False)

    def wait(self) -> None:
        """Until all have ended, however that was."""
        for job in self._jobs:
            job.wait()

    def clear(self) -> None:
        """Forgets them."""
        self._jobs.clear()
