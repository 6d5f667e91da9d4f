"""How many processes train a run, and which of them this is; or in one line why that cannot be."""

import itertools
import os
import re
from typing import Any

import torch

from ...core.alone import Launched, launched, require_alone
from ...core.errors import ConfigError, RunError
from ..config import RunConfig
from .world import ALONE, Ranks

PORT = 29400
"""Where the first process listens if nothing names another; of Slurm's jobs each has its own, from here on."""
_STANDING: list[Any] = []
_RUN = itertools.count()


def place_of(config: RunConfig) -> tuple[Ranks, Launched | None]:
    """The rank of this process, and what launched it; None where it is to start the others itself.

    Raises:
        ConfigError: another number of processes than the configuration asks for, or too few GPUs.
    """
    trainer = config.trainer
    asked = f"trainer.devices={trainer.devices}"
    if trainer.num_nodes > 1:
        asked += f" trainer.num_nodes={trainer.num_nodes}"
    if trainer.world == 1:
        require_alone()
        return ALONE, None
    found = launched()
    if found is not None and found.processes != trainer.world:
        raise ConfigError(
            f"{asked}: expected {trainer.world} processes, one for each device, found {found.size}={found.processes}; "
            f"start as many, or start it {found.instead}: a run starts the processes of one machine by itself"
        )
    if found is None and trainer.num_nodes > 1:
        raise ConfigError(
            f"{asked}: expected a launcher that starts one process for each device, as srun and torchrun do, "
            "found none; of one machine's devices trainer.devices alone is enough"
        )
    gpus = torch.cuda.device_count() if trainer.accelerator == "cuda" else None
    bound = found is not None and gpus == 1  # a launcher that shows each process its own
    if gpus is not None and gpus < int(trainer.devices) and not bound:
        raise ConfigError(
            f"{asked}: expected at most {gpus}, the CUDA GPUs of this machine, found {trainer.devices}"
        )
    if found is None:
        return Ranks(0, trainer.world, 0), None
    local = found.local if found.local is not None else found.rank % int(trainer.devices)
    return Ranks(found.rank, found.processes, local), found


def store_of(ranks: Ranks, found: Launched) -> Any:
    """The store that processes of a launcher share, with room of its own for each run that they train."""
    dist = torch.distributed
    if not _STANDING:
        if {"MASTER_ADDR", "MASTER_PORT"} <= os.environ.keys():
            way = "env://"
        else:
            way = f"tcp://{first_machine()}:{PORT + int(os.environ.get('SLURM_JOB_ID', '0')) % 10_000}"
        try:
            _STANDING.append(next(iter(dist.rendezvous(way, ranks.rank, ranks.world)))[0])
        except (RuntimeError, ValueError, OSError) as error:
            said = str(error).strip().splitlines()[0]
            raise RunError(
                f"{found.size}={found.processes}: the processes did not meet ({said:.160}); MASTER_ADDR and "
                "MASTER_PORT name the machine and a free port of the first one"
            ) from None
    return dist.PrefixStore(f"run{next(_RUN)}", _STANDING[0])


def first_machine() -> str:
    """Where the first process runs, as Slurm has it; this machine where it says nothing."""
    nodes = os.environ.get("SLURM_STEP_NODELIST") or os.environ.get("SLURM_JOB_NODELIST") or ""
    if not nodes or os.environ.get("SLURM_STEP_NUM_NODES") == "1":
        return "127.0.0.1"
    # "gpu[03-05,9],cpu1" and "gpu-1,gpu-2" alike begin with the first one.
    return re.sub(r"^([^\[,]*)(?:\[(\w+)[^\]]*\]([^,]*))?.*$", r"\1\2\3", nodes)
