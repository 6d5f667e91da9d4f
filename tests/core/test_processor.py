"""The part of the processor that a measurement had, and what is no loss."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from sru_repro.core import processor
from sru_repro.core.processor import ENOUGH, Processor

BUSY = "import time; ends = time.monotonic() + {}\nwhile time.monotonic() < ends: pass"
linux = pytest.mark.skipif(
    not Path("/proc/self/schedstat").is_file(), reason="the system keeps no such count"
)


def spin(seconds: float) -> None:
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        pass


@linux
def test_a_process_that_shares_its_core_lost_what_the_other_had() -> None:
    cores = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(cores)})  # the child inherits it
        other = subprocess.Popen([sys.executable, "-c", BUSY.format(60)])
        clock = Processor()
        clock.start()
        for _ in range(15):
            spin(0.1)
            clock.look()
        clock.stop()
        other.kill()
        other.wait()
    finally:
        os.sched_setaffinity(0, cores)
    assert clock.share is not None and clock.share < 0.75 < ENOUGH
    assert clock.counted == (clock.seconds, clock.lost_s) and clock.seconds >= 1.5


@linux
def test_who_sleeps_has_lost_nothing() -> None:
    idle = threading.Event()
    thread = threading.Thread(target=idle.wait)
    thread.start()
    clock = Processor()
    clock.start()
    time.sleep(0.6)
    clock.look()
    time.sleep(0.2)
    clock.stop()
    idle.set()
    thread.join()
    assert clock.share is not None and clock.share > 0.9


def system(folder: Path, waited_ns: dict[str, int], stolen: int = 0, throttled: str = "") -> None:
    """Files as Linux has them."""
    for thread, ns in waited_ns.items():
        (folder / f"self/task/{thread}").mkdir(parents=True, exist_ok=True)
        (folder / f"self/task/{thread}/schedstat").write_text(f"123 {ns} 7\n")
    (folder / "self/schedstat").write_text("123 0 7\n")
    (folder / "self/cgroup").write_text("1:cpu,cpuacct:/job\n0::/\n")
    (folder / "stat").write_text(
        f"cpu  1 0 1 9 0 0 0 {stolen} 0 0\ncpu0 1 0 1 9 0 0 0 {stolen} 0 0\nintr 5\n"
    )
    (folder / "cpu/job").mkdir(parents=True, exist_ok=True)
    (folder / "cpu/job/cpu.stat").write_text(f"nr_periods 3\n{throttled}")


@pytest.mark.parametrize(
    ("before", "after", "lost_s"),
    [
        ({"waited_ns": {"1": 0, "2": 0}}, {"waited_ns": {"1": 10_000_000, "2": 30_000_000}}, 0.03),
        ({"waited_ns": {"1": 5}}, {"waited_ns": {"1": 5, "9": 20_000_000}}, 0.02),
        ({"waited_ns": {"1": 0}}, {"waited_ns": {"1": 0}, "stolen": 4}, 0.04),
        ({"waited_ns": {"1": 0}}, {"waited_ns": {"1": 0}, "throttled": "throttled_time 40000000\n"}, 0.02),
        ({"waited_ns": {"1": 0}}, {"waited_ns": {"1": 0}, "throttled": "throttled_usec 40000\n"}, 0.02),
        ({"waited_ns": {"1": 0}}, {"waited_ns": {"1": 10**12}}, 0.1),
    ],
    ids=[
        "the thread that waited longest",
        "a new thread",
        "stolen",
        "quota",
        "quota, cgroup 2",
        "never more than all",
    ],
)
def test_what_counts_as_lost(
    before: dict, after: dict, lost_s: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr(processor, "_PROC", tmp_path)
    monkeypatch.setattr(processor, "_CGROUP", tmp_path)
    monkeypatch.setattr(processor, "_TICK_S", 0.01)
    monkeypatch.setattr(processor, "_cores", lambda: {0, 1})
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    system(tmp_path, **before)
    clock = Processor()
    clock.start()
    now[0] = 0.1
    system(tmp_path, **after)
    clock.look()  # too early
    assert clock.seconds == 0
    clock.stop()
    assert clock.counted == pytest.approx((0.1, lost_s))
    assert clock.share == pytest.approx(1 - lost_s / 0.1)
    assert Processor(*clock.counted).share == clock.share, "a resumed run goes on counting"


def test_nothing_is_known_where_the_system_tells_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processor, "_PROC", tmp_path)
    monkeypatch.setattr(processor, "_CGROUP", tmp_path)
    clock = Processor()
    clock.start()
    clock.stop()
    assert clock.seconds > 0 and clock.share is None
