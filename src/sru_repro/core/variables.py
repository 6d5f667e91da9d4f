"""The variables of the environment that the suite reads, and a look for mistyped ones, which nobody would miss."""

import os
import sys

from .closest import did_you_mean
from .errors import ConfigError

PREFIX = "SRU_REPRO_"
VARIABLES = {
    "SRU_REPRO_BACKEND": "the back end of the recurrences: a name of `sru-repro backends`",
    "SRU_REPRO_KERNELS": "the folder of built kernels",
    "SRU_REPRO_CACHE": "the folder of prepared data",
    "SRU_REPRO_LAUNCH_CONFIGS": "a file of launch configurations in the place of the suite's own",
    "SRU_REPRO_MIRROR": "where downloads come from instead: a URL",
    "SRU_REPRO_DATA": "a folder of real data, for the tests alone; a run's is data_dir=",
}
"""Those that a user sets, and what each says."""
INNER = (
    *("SRU_REPRO_DATA_KEY", "SRU_REPRO_REVISION", "SRU_REPRO_SIDE_BY_SIDE", "SRU_REPRO_TURNS"),
    *("SRU_REPRO_MEMBER", "SRU_REPRO_ONE_PROCESS", "SRU_REPRO_TRIAL"),
)
"""Those by which make, packs, campaigns, sweeps, searches and the GPU check tell the suite something."""


def explained() -> str:
    """A line for each that a user sets."""
    width = max(map(len, VARIABLES))
    return "\n".join(f"  {name:<{width}} {what}" for name, what in VARIABLES.items())


def require_known() -> None:
    """Refuses a variable of ours that nothing reads.

    Raises:
        ConfigError: its name, and what was probably meant.
    """
    for name in os.environ:
        if name.startswith(PREFIX) and name not in VARIABLES and name not in INNER:
            near = did_you_mean(name, VARIABLES)
            raise ConfigError(f"{name}: no such variable; expected one of {', '.join(VARIABLES)}{near}")


def forget_run_id(many: str) -> None:
    """Takes WANDB_RUN_ID out of the environment, with a line: it names a single run, and here there are many."""
    if name := os.environ.pop("WANDB_RUN_ID", ""):
        print(
            f"WANDB_RUN_ID={name}: names one run, {many} makes many; each gets an id of its own",
            file=sys.stderr,
        )
