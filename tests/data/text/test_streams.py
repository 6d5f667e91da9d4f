"""Streams: every symbol predicted once, columns that go on where they stopped."""

from pathlib import Path

import numpy as np
import pytest
import torch

from sru_repro.core.errors import ConfigError
from sru_repro.data.text.streams import StreamBatches


@pytest.mark.parametrize(
    ("n", "batch", "unroll"), [(101, 4, 7), (100, 4, 7), (29, 4, 7), (5, 4, 7), (64, 1, 64)]
)
def test_every_symbol_is_predicted_once(n: int, batch: int, unroll: int) -> None:
    streams = StreamBatches(np.arange(n), batch, unroll)
    segments = [streams[i] for i in range(len(streams))]
    inputs_LB = torch.cat([inputs for inputs, _ in segments])
    targets_LB = torch.cat([targets for _, targets in segments])
    assert torch.equal(targets_LB, inputs_LB + 1)
    assert all(len(inputs) == unroll for inputs, _ in segments[:-1])
    used = (n - 1) // batch * batch
    assert targets_LB.t().flatten().tolist() == list(range(1, used + 1))
    assert n - 1 - used < batch


def test_bytes_become_int64_from_a_memory_map(tmp_path: Path) -> None:
    path = tmp_path / "text.bin"
    path.write_bytes(bytes(range(256)))
    array = np.memmap(path, dtype=np.uint8, mode="r")
    inputs_LB, targets_LB = StreamBatches(array, 2, 100)[0]
    assert inputs_LB.dtype == targets_LB.dtype == torch.int64
    assert inputs_LB.shape == (100, 2)
    assert inputs_LB[0].tolist() == [0, 127]


def test_segments_by_index() -> None:
    streams = StreamBatches(np.arange(101), 4, 7)
    assert streams[2][0][0].tolist() == [14, 39, 64, 89]
    with pytest.raises(IndexError, match="segment 4: expected 0 to 3"):
        streams[4]


def test_refused() -> None:
    with pytest.raises(ConfigError, match=r"task.batch_size=0 task.unroll=7: expected 1 or more"):
        StreamBatches(np.arange(9), 0, 7)
    with pytest.raises(ConfigError, match=r"task.batch_size=9: expected fewer than the 9 symbols at hand"):
        StreamBatches(np.arange(9), 9, 7)
