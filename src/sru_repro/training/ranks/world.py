"""What the ranks of a run tell one another: by a store, keys with texts that each can look up, and in collectives, for
which all have to come together. What is told in collectives lies on the host and goes over gloo, also where gradients
go over NCCL: no device is asked.
"""

import json
import math
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any, TypeVar

import torch

from ...core.errors import RunError

T = TypeVar("T")

LONG = timedelta(days=30)
"""Others wait while one reads a test set that cannot be shared out, a single stream. One that dies ends it at once."""
LOOK_S = 0.05
JOB, OVER, FAILED, READY = "job", "over", "failed", "ready"


class Ranks:
    """One process among those that train a run.

    rank    its number; the first one, 0, keeps the record
    world   how many there are
    local   its number on its machine: of its device
    store   torch's, which all share
    """

    def __init__(self, rank: int = 0, world: int = 1, local: int = 0, store: Any = None) -> None:
        self.rank, self.world, self.local, self.store = rank, world, local, store
        self.device = torch.device("cpu")
        self.called = False
        self._group: Any = None

    @property
    def first(self) -> bool:
        """Whether it keeps the record."""
        return self.rank == 0

    @property
    def several(self) -> bool:
        """Whether there are others."""
        return self.world > 1

    # By the store.

    def post(self, key: str, value: Mapping[str, Any]) -> None:
        """Tells something that others can look up."""
        self.store.set(key, json.dumps(value))

    def look_up(self, key: str) -> Any:
        """What somebody has told; None where nobody has, or where whoever kept it is gone."""
        with suppress(RuntimeError):  # torch's DistError is one
            if self.store.check([key]):
                return json.loads(self.store.get(key))
        return None

    def call(self, job: Mapping[str, Any], alive: Callable[[], None]) -> None:
        """The first one tells all others what to do, and waits until they are ready for it; `alive` raises where they
        will not be."""
        self.called = True
        self.post(JOB, job)
        waited_for = [f"{READY}/{rank}" for rank in range(1, self.world)]
        while not self.store.check(waited_for):
            alive()
            time.sleep(LOOK_S)

    # In collectives.

    def join(self, accelerator: str) -> None:
        """Comes together with all others; gradients go over NCCL on CUDA, else over gloo."""
        if not self.several:
            return
        if accelerator == "cuda":
            self.device = torch.device("cuda", self.local % torch.cuda.device_count())
            torch.cuda.set_device(self.device)
        dist, hook = torch.distributed, sys.excepthook
        dist.init_process_group(
            self.backend(accelerator), store=self.store, rank=self.rank, world_size=self.world
        )
        sys.excepthook = hook  # torch puts one in front that writes the rank before each line
        self._group = dist.new_group(backend="gloo", timeout=LONG)

    @staticmethod
    def backend(accelerator: str) -> str:
        """What gradients go over."""
        return "nccl" if accelerator == "cuda" else "gloo"

    def leave(self) -> None:
        """Takes leave of the others."""
        if self._group is not None:
            self._group = None
            with suppress(Exception):  # the others may be gone
                torch.distributed.destroy_process_group()

    def most(self, *values: float) -> tuple[float, ...]:
        """Of each value the largest that any rank has."""
        if not self.several:
            return values
        found = torch.tensor(values, dtype=torch.float64)
        torch.distributed.all_reduce(found, torch.distributed.ReduceOp.MAX, group=self._group)
        return tuple(found.tolist())

    def same(self, value: float) -> float:
        """The value that the first one has."""
        return self.most(value if self.first else -math.inf)[0]

    def each(self, value: T) -> list[T]:
        """What each of them has, in order."""
        if not self.several:
            return [value]
        found: list[Any] = [None] * self.world
        torch.distributed.all_gather_object(found, value, group=self._group)
        return found

    def gathered(self, value: T) -> list[T]:
        """To the first one what each has; to the others nothing."""
        if not self.several:
            return [value]
        found: list[Any] | None = [None] * self.world if self.first else None
        torch.distributed.gather_object(value, found, dst=0, group=self._group)
        return found or []

    def sums(self, sums: Mapping[str, float]) -> dict[str, float]:
        """Sums over all, in float64 and in the order of the ranks, rounded once."""
        if not self.several:
            return dict(sums)
        every = self.each(dict(sums))
        names = list(dict.fromkeys(name for one in every for name in one))
        return {name: math.fsum(one.get(name, 0.0) for one in every) for name in names}

    def fault(self, found: bool, error: Callable[[], RunError]) -> RunError | None:
        """Where any rank has found a fault, the error that all of them raise: made by the first of those that have."""
        if not self.several:
            return error() if found else None
        who = -int(self.most(-self.rank if found else -self.world)[0])
        if who == self.world:
            return None
        told: Sequence[Any] = [str(error()) if self.rank == who else None]
        torch.distributed.broadcast_object_list(told, src=who, group=self._group)  # type: ignore[arg-type]
        return RunError(f"rank {who}: {told[0]}")


ALONE = Ranks()
"""The only process of a run."""
