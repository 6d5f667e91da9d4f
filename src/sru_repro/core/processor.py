"""Did a measurement have the processor that it asked for? Linux keeps count of the time in which a thread was ready to
run and had to wait; a thread that sleeps or waits for a GPU asks for nothing and loses nothing.

Of each half second the thread counts that waited longest, as the others of a parallel loop wait for it. To that come
times in which a container had used up its quota, and those that a hypervisor gave to other machines.
"""

import os
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

ENOUGH = 0.8
"""A speed that was measured with less of the processor is marked wherever it is quoted."""
LOOK_EVERY_S = 0.5
_PROC = Path("/proc")
_CGROUP = Path("/sys/fs/cgroup")
_TICK_S = 1 / os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 0.01


class Processor:
    """A clock with pauses that also tells which part of its time the process had what it asked for.

    Started and stopped with what it measures; `look` in between, as often as one likes.
    """

    def __init__(self, seconds: float = 0.0, lost_s: float = 0.0) -> None:
        self.seconds, self.lost_s = seconds, lost_s
        self._last: tuple[float, Mapping[str, float]] | None = None

    def start(self) -> None:
        """From here on it counts."""
        self._last = time.perf_counter(), _waited()

    def look(self) -> None:
        """Takes the next piece of time into account; of a short one nothing yet."""
        if self._last is not None and time.perf_counter() - self._last[0] >= LOOK_EVERY_S:
            self._take()

    def stop(self) -> None:
        """Up to here it counted."""
        if self._last is not None:
            self._take()
            self._last = None

    @property
    def counted(self) -> tuple[float, float]:
        """Seconds counted and lost so far, for another one to go on from."""
        return self.seconds, self.lost_s

    @property
    def share(self) -> float | None:
        """From 0 to 1; None where the system keeps no such count, or nothing was measured."""
        if self.seconds <= 0 or not (_PROC / "self/schedstat").is_file():
            return None
        return 1.0 - self.lost_s / self.seconds

    def _take(self) -> None:
        assert self._last is not None
        since, before = self._last
        now, after = time.perf_counter(), _waited()
        self._last = now, after
        spent = {key: value - before.get(key, 0.0) for key, value in after.items()}
        threads = [value for key, value in spent.items() if key.isdigit()]
        stolen = [value for key, value in spent.items() if key.startswith("cpu")]
        # Some kernels count a thread without quota as waiting, some do not.
        lost = max([*threads, spent.get("quota", 0.0), 0.0]) + max([*stolen, 0.0])
        self.seconds += now - since
        self.lost_s += min(lost, now - since)


def _waited() -> dict[str, float]:
    """Seconds waited so far by each thread (its number), without quota ("quota"), stolen from each core ("cpu0")."""
    found: dict[str, float] = {}
    with suppress(OSError):
        for thread in os.listdir(_PROC / "self/task"):
            with suppress(OSError, ValueError, IndexError):  # it may have ended since
                found[thread] = int((_PROC / "self/task" / thread / "schedstat").read_text().split()[1]) / 1e9
    return found | _stolen() | _without_quota()


def _stolen() -> dict[str, float]:
    own = {f"cpu{core}" for core in _cores()}
    with suppress(OSError):
        lines = [line.split() for line in (_PROC / "stat").read_text().splitlines() if line[:3] == "cpu"]
        return {name: int(told[7]) * _TICK_S for name, *told in lines if name in own and len(told) > 7}
    return {}


def _without_quota() -> dict[str, float]:
    """Of the groups around the process the one that has waited longest; seconds of all cores, as the kernel adds up."""
    found = [0.0]
    with suppress(OSError):
        for line in (_PROC / "self/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers and "cpu" not in controllers.split(","):
                continue
            top = _CGROUP / "cpu" if controllers else _CGROUP
            for folder in (group := top / path.strip("/"), *group.parents):
                with suppress(OSError):
                    told = dict(line.split() for line in (folder / "cpu.stat").read_text().splitlines())
                    found.append(int(told.get("throttled_usec", 0)) / 1e6)
                    found.append(int(told.get("throttled_time", 0)) / 1e9)
                if folder == _CGROUP:
                    break
    return {"quota": max(found) / len(_cores())}


def _cores() -> set[int]:
    """Those that this process may use."""
    return os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(os.cpu_count() or 1))
