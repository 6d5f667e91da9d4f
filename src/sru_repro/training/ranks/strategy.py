"""Lightning's DDP in a world that stands already: it starts no process and asks no variable."""

from typing import Any

import torch
from lightning_fabric.plugins.environments import LightningEnvironment
from pytorch_lightning.strategies import DDPStrategy

from .world import Ranks


class Standing(LightningEnvironment):
    """The processes as they are."""

    def __init__(self, ranks: Ranks) -> None:
        super().__init__()
        self._ranks = ranks

    @property
    def creates_processes_externally(self) -> bool:
        return True

    def world_size(self) -> int:
        return self._ranks.world

    def set_world_size(self, size: int) -> None:
        pass

    def global_rank(self) -> int:
        return self._ranks.rank

    def set_global_rank(self, rank: int) -> None:
        pass

    def local_rank(self) -> int:
        return self._ranks.local

    def node_rank(self) -> int:
        return 0

    def teardown(self) -> None:
        pass


class DDP(DDPStrategy):
    """Gradients are added up while they are computed.

    Parameters that a batch does not use have none, as in one process; that they are looked for keeps the order, too,
    in which numbers are added up: without, DDP makes new buckets behind the first step, and a resumed run would add up
    in another order than one that was not stopped.
    """

    def __init__(self, ranks: Ranks) -> None:
        super().__init__(
            cluster_environment=Standing(ranks), find_unused_parameters=True, broadcast_buffers=False
        )
        self._ranks = ranks

    @property
    def root_device(self) -> torch.device:
        return self._ranks.device

    @property
    def distributed_sampler_kwargs(self) -> dict[str, Any]:
        return {"num_replicas": self._ranks.world, "rank": self._ranks.rank}
