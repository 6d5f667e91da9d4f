"""What a run leaves behind, without what a clock had to do with, and whether two runs left the same bits."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ..records.run import read_record
from ..training.weights import BEST, LAST

CLOCK = {"wall_s", "throughput/tokens_per_s", "throughput/step_ms", "throughput/data_fraction"}


@dataclass
class Ended:
    """What a run leaves, without what a clock had to do with."""

    last: dict[str, Any]
    best: dict[str, Any]
    epochs: list[dict[str, Any]]
    metrics: dict[str, float]
    curve: list[dict[str, float]]


def timeless(values: dict[str, Any]) -> dict[str, Any]:
    """The values that no clock had to do with."""
    return {key: value for key, value in values.items() if key not in CLOCK}


def ended(folder: Path) -> Ended:
    """What the finished run in a folder has left."""
    record = read_record(folder).plain()
    assert record["state"] == "finished", f"{folder}: {record['state']}"
    clock = [entry["wall_s"] for entry in record["epochs"]]
    assert clock == sorted(clock) and clock[0] > 0, "time runs backwards"
    last, best = (torch.load(folder / name, weights_only=True) for name in (LAST, BEST))
    curve = last["callbacks"]["Recorder"]["points"]
    assert [point["wall_s"] for point in curve] == sorted(point["wall_s"] for point in curve)
    return Ended(
        {key: last[key] for key in ("state_dict", "optimizer_states", "epoch", "global_step")},
        best["state_dict"],
        [timeless(entry) for entry in record["epochs"]],
        timeless(record["metrics"]),
        [timeless(point) for point in curve],
    )


def same(a: Any, b: Any) -> bool:
    """Equal to the last bit, tensors included."""
    if isinstance(a, torch.Tensor):
        return a.dtype == b.dtype and torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return bool(a == b)


def assert_same(found: Ended, expected: Ended) -> None:
    """Raises AssertionError where two runs left different bits."""
    assert found.epochs == expected.epochs, "the validations differ"
    assert found.metrics == expected.metrics, "the figures differ"
    assert found.curve == expected.curve, "the curves differ"
    assert same(found.last, expected.last), "weights, optimiser or counters differ"
    assert same(found.best, expected.best), "the best weights differ"
