"""Bounds of a step of training beside what was measured, from records."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from sru_repro.lessons import bound_pictures as pictures
from sru_repro.lessons.bounds import (
    Machine,
    call_costs,
    element_costs,
    even_width,
    machines,
    step_costs,
    verdict,
)

RESULTS = Path(__file__).parents[2] / "results"


@pytest.fixture(scope="module")
def found() -> list[Machine]:
    return machines(RESULTS)


def test_a_cpu_and_a_gpu_are_found(found: list[Machine]) -> None:
    assert [(machine.is_gpu, machine.dtype) for machine in found[:2]] == [
        (False, torch.float32),
        (True, torch.bfloat16),
    ]


def test_bounds_follow_from_sizes_and_rates(found: list[Machine]) -> None:
    """Of the paper's shape L32 B32 d256 by hand: three products of 256 x 256 for 1024 tokens, thrice over; and the
    bytes of U, x, h, states and gradients."""
    tokens, width, label = 32 * 32, 256, "paper's figure, L32 B32 d256"
    for machine in found[:2]:
        line, size = step_costs(machine).loc[label], machine.dtype.itemsize
        # U and x read, h written; states written and read; the gradient of h read, of U and x written; U and x again.
        moved = tokens * width * (3 * 4 * size + 2 * size + 2 * 4)
        assert line["recurrence"] == pytest.approx(1e3 * moved / machine.copy_bytes_per_s)
        operations = 3 * 2 * tokens * 3 * width * width
        if machine.is_gpu:
            assert line["products"] == pytest.approx(1e3 * operations / machine.flop_per_s)
            assert line["as a graph"] < line["as called"]
        even = element_costs(machine, [64]).loc[64]
        assert even_width(machine) == pytest.approx(64 * even["recurrence"] / even["products"])
        assert even["products"] == pytest.approx(1e12 * operations / 4 / tokens / width / machine.flop_per_s)


def test_a_changed_record_changes_the_frame_and_the_sentence(tmp_path: Path, found: list[Machine]) -> None:
    place = next(RESULTS.glob("speed-*.json"))
    text = place.read_text(encoding="utf-8")
    record = json.loads(text)
    for entry in record["shapes"]:
        for row in entry["rows"]:
            if row["contender"] == "lstm" and row.get("training"):
                row["training"]["median_s"] *= 10
    shutil.copy(place, tmp_path)
    (tmp_path / place.name).write_text(json.dumps(record), encoding="utf-8")
    (changed,) = machines(tmp_path)
    before, after = step_costs(found[0]), step_costs(changed)
    assert after["LSTM"].to_list() == pytest.approx([10 * value for value in before["LSTM"]])
    low = (before["LSTM"] / before["as called"]).min()
    assert f"{low:.1f} to " in verdict(found[0]) and f"{10 * low:.1f} to " in verdict(changed)


def test_what_a_call_costs_is_in_microseconds(found: list[Machine]) -> None:
    for machine in found[:2]:
        costs = call_costs(machine)
        assert {"SRU", "nn.LSTM"} <= set(costs.index)
        assert ((costs > 1) & (costs < 10_000)).all(axis=None)


def test_each_picture_has_what_was_measured(found: list[Machine]) -> None:
    costs = pictures.draw_step_costs(found)
    shapes = [len(axes.get_yticks()) for axes in costs.axes]
    assert shapes == [min(len(step_costs(machine)) for machine in found)] * len(found), (
        "those of all machines"
    )
    for axes, machine in zip(pictures.draw_element_costs(found, [16, 4096]).axes, found, strict=True):
        assert f"equal at {even_width(machine):.0f}" in axes.texts[-1].get_text()
    (axes,) = pictures.draw_kernel_shares(found).axes
    drawn = [np.shape(dots.get_offsets())[0] for dots in axes.collections]
    assert drawn == [sum(map(len, machine.launches.values())) for machine in found]
