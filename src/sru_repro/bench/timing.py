"""Times many calls side by side: a round calls each once, so that whatever slows the machine slows all of them."""

import gc
import math
import statistics
import time
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar

import torch

from ..core.processor import Processor
from ..records.bench import Timing

Key = TypeVar("Key", bound=Hashable)
Call = Callable[[], object]

FEWEST_ROUNDS = 3
_SAMPLE_S = 2e-3
"""A sample lasts at least so long: quicker calls are repeated inside it."""
_AHEAD, _CYCLES_PER_S = 3.0, 2e9
"""How much longer than the host needs for a sample the device sleeps before it; cycles, of no GPU more, a second."""


def interleaved(
    calls: Mapping[Key, Call],
    device: torch.device,
    repeats: int,
    budget_s: float,
    *,
    inner: int | None = None,
    host: bool = False,
    queued: bool = False,
) -> dict[Key, Timing]:
    """Rounds A B C, A B C, ...: medians and quartiles over rounds, after two calls each that are left out.

    Args:
        calls: what is timed; a call that raises is left out from then on, its row holds the error.
        device: with CUDA, samples are taken with events on its current stream.
        repeats: rounds, fewer (not under `FEWEST_ROUNDS`) when `budget_s` seconds are over.
        inner: calls a sample; as many as last two milliseconds when not given.
        host: the time until the calls return, whether or not the device has done the work.
        queued: on CUDA, the device begins a sample when the host has issued all of it, so that it waits for nothing:
            what the kernels take, and not the calls.
    """
    found: dict[Key, Timing] = {}
    times: dict[Key, tuple[int, list[float]]] = {}
    ahead_s: dict[Key, float] = {}
    started = time.perf_counter()
    for key, call in calls.items():
        try:
            first = _seconds(call, 1, device, host)
            once = _seconds(call, 1, device, host or queued)
            if not queued:
                once = min(first, once)  # one call that the system interrupts would make every sample short
            count = inner or max(1, math.ceil(_SAMPLE_S / max(once, 1e-7)))
            times[key] = (count, [])
            ahead_s[key] = _AHEAD * once * count if queued else 0.0
        except Exception as error:
            found[key] = Timing(error=failure(error))
    clock = Processor()
    with _without_collection():
        clock.start()
        for done in range(repeats):
            if done >= FEWEST_ROUNDS and time.perf_counter() - started > budget_s:
                break
            for key, (count, samples) in list(times.items()):
                try:
                    samples.append(_seconds(calls[key], count, device, host, ahead_s[key]))
                except Exception as error:
                    found[key] = Timing(error=failure(error))
                    del times[key]
            clock.look()
        clock.stop()
    return found | {key: _summary(samples, clock.share) for key, (_, samples) in times.items()}


def failure(error: BaseException) -> str:
    """What is told of something that does not run: kind and first line of the error."""
    line = next(iter(str(error).strip().splitlines()), "")
    return f"{type(error).__name__}: {line}"[:200].rstrip(": ")


def _seconds(call: Call, count: int, device: torch.device, host: bool, ahead_s: float = 0.0) -> float:
    """Seconds a call, of `count` calls one after the other; the device sleeps before them for `ahead_s`."""
    on_device = device.type == "cuda"
    if on_device and not host:
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        if ahead_s:
            torch.cuda._sleep(int(ahead_s * _CYCLES_PER_S))
        start.record()
        for _ in range(count):
            call()
        end.record()
        end.synchronize()
        return float(start.elapsed_time(end)) / 1e3 / count
    begin = time.perf_counter()
    for _ in range(count):
        call()
    spent = time.perf_counter() - begin
    if on_device:
        torch.cuda.synchronize(device)
    return spent / count


@contextmanager
def _without_collection() -> Iterator[None]:
    """Python's garbage collector would stop one call or another by chance."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _summary(samples: list[float], processor: float | None) -> Timing:
    low, high = min(samples), max(samples)
    if len(samples) > 1:
        low, _, high = statistics.quantiles(samples, n=4, method="inclusive")
    found = Timing(median_s=statistics.median(samples), q1_s=low, q3_s=high, repeats=len(samples))
    if processor is not None:
        found.processor = processor
    return found
