"""Which of several processes of a run this is, as schedulers and launchers tell it in variables that libraries would
read as orders. Several are welcome where the run asks for them (`trainer.devices`, `trainer.num_nodes`), else refused;
nobody but this file reads the variables.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from .errors import ConfigError

LAUNCHERS = (
    ("WORLD_SIZE", "RANK", "without torchrun"),
    ("OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK", "without mpirun"),
    ("PMI_SIZE", "PMI_RANK", "without mpirun"),
    ("MV2_COMM_WORLD_SIZE", "MV2_COMM_WORLD_RANK", "without mpirun"),
    ("JSM_NAMESPACE_SIZE", "JSM_NAMESPACE_RANK", "by jsrun --np 1"),
    ("FLUX_JOB_SIZE", "FLUX_TASK_RANK", "by flux run --ntasks=1"),
    ("SLURM_STEP_NUM_TASKS", "SLURM_PROCID", "by srun --ntasks=1"),
)
"""How many processes were started, which of them this is, and how to start one. Slurm's SLURM_NTASKS is not among them:
it is the size of the allocation, also in the shell of `salloc` and in the script of `sbatch`, which are one process."""

PREFIXES = (
    "SLURM_",
    "TORCHELASTIC_",
    "OMPI_",
    "PMI_",
    "PMIX_",
    "MV2_",
    "LSB_",
    "JSM_",
    "FLUX_",
    "PL_",
    "LT_",
)
NAMES = frozenset(
    [f"{part}{kind}" for part in ("", "LOCAL_", "GROUP_", "ROLE_") for kind in ("RANK", "WORLD_SIZE")]
    + ["NODE_RANK", "MASTER_ADDR", "MASTER_PORT", "KUBERNETES_PORT", "STANDALONE_PORT"]
)


LOCAL = (
    "LOCAL_RANK",
    "OMPI_COMM_WORLD_LOCAL_RANK",
    "MPI_LOCALRANKID",
    "MV2_COMM_WORLD_LOCAL_RANK",
    "SLURM_LOCALID",
)
"""Which process of its machine this is."""


@dataclass(frozen=True)
class Launched:
    """What a launcher says of this process: one of `processes`, number `rank`, on its machine number `local`.

    `size` and `name` are the variables that say so, `instead` is how to start one process.
    """

    processes: int
    rank: int
    local: int | None
    size: str
    name: str
    instead: str


def launched(environment: Mapping[str, str] | None = None) -> Launched | None:
    """What a launcher has told, where it started several processes for one job; None where this one is alone.

    A task of `srun` may be alone: a shell in a terminal (`srun --pty`), where only the first has input, or what the
    agent of a sweep starts, which gives each task another run.
    """
    told = os.environ if environment is None else environment
    for size, rank, instead in LAUNCHERS:
        processes, this = _number(told.get(size)), _number(told.get(rank))
        slurms = size.startswith("SLURM_") or (size == "PMI_SIZE" and "SLURM_STEP_NUM_TASKS" in told)
        if slurms and ("WANDB_SWEEP_ID" in told or ("SLURM_PTY_PORT" in told and this == 0)):
            continue
        if processes is not None and processes > 1 and this is not None:
            locals_ = (_number(told.get(name)) for name in LOCAL)
            local = next((number for number in locals_ if number is not None), None)
            return Launched(processes, this, local, size, rank, instead)
    return None


def require_alone(environment: Mapping[str, str] | None = None) -> None:
    """Refuses to be one of several processes that would train the same run.

    Raises:
        ConfigError: the variable, its value, what to do.
    """
    if (found := launched(environment)) is not None:
        raise ConfigError(
            f"{found.size}={found.processes}: expected one process for a run, found {found.processes}, of which this "
            f"is {found.name}={found.rank}; start it {found.instead}, unset {found.size} where each of them is a run "
            f"of its own, or train one run on all of them with trainer.devices={found.processes} (of each node, with "
            "trainer.num_nodes)"
        )


def require_one_process(what: str) -> None:
    """Refuses to be one of several processes of something that starts others itself.

    Raises:
        ConfigError: the variable, its value, what to do.
    """
    if (found := launched()) is not None:
        raise ConfigError(
            f"{found.size}={found.processes}: expected one process for {what}, which starts those of each run itself, "
            f"found {found.processes}; start it {found.instead}"
        )


def _number(text: str | None) -> int | None:
    """A whole number; None where there is none, as a variable of another meaning may have that name."""
    return int(text) if text is not None and text.strip().isdecimal() else None


@contextmanager
def alone() -> Iterator[None]:
    """Inside the block no variable tells of a scheduler or of other processes.

    Lightning reads them when it is imported, when a trainer is made and when it runs: in an allocation of Slurm's it
    would load a checkpoint that lies in the working directory, and `PL_TRAINER_...` would change what a trainer does.
    """
    hidden = {name: value for name, value in os.environ.items() if name in NAMES or name.startswith(PREFIXES)}
    for name in hidden:
        del os.environ[name]
    try:
        yield
    finally:
        os.environ.update(hidden)
