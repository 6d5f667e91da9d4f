"""A long text as parallel streams for truncated back-propagation through time. Axes: L time, B batch.

The text is cut into B streams of equal length, one per column. Segment s holds the symbols s*unroll to
(s+1)*unroll of every stream, so the state a column ends with belongs at the start of its next segment. Batches over
which gradients are accumulated are consecutive segments: a longer step, not a wider batch.
"""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ...core.errors import ConfigError


class StreamBatches:
    """Segments (inputs_LB, targets_LB) of int64 symbols; a target is the symbol after its input.

    The last segment may be shorter. Every symbol but the first, and but a remainder of fewer than B symbols
    at the end, is a target once per epoch. `skip` leaves out that many segments at the start of the next
    iteration only; the length stays that of a whole epoch. The array may be memory-mapped: segments are
    copied out as they are asked for.

    Args:
        array: the text, (N,), one number a symbol.
        batch_size: B, the number of streams.
        unroll: L, the steps of a segment.

    Raises:
        ConfigError: a size below 1, an array of another shape, or one too short for so many streams.
    """

    def __init__(self, array: npt.NDArray[np.integer], batch_size: int, unroll: int) -> None:
        if batch_size < 1 or unroll < 1 or array.ndim != 1:
            raise ConfigError(
                f"task.batch_size={batch_size} task.unroll={unroll}: expected 1 or more, and a 1-D array"
            )
        self.steps = (len(array) - 1) // batch_size
        if self.steps < 1:
            raise ConfigError(
                f"task.batch_size={batch_size}: expected fewer than the {len(array)} symbols at hand"
            )
        self.unroll = unroll
        self._inputs_BL = array[: batch_size * self.steps].reshape(batch_size, self.steps)
        self._targets_BL = array[1 : batch_size * self.steps + 1].reshape(batch_size, self.steps)

    def __len__(self) -> int:
        return -(-self.steps // self.unroll)

    def __getitem__(self, segment: int) -> tuple[Tensor, Tensor]:
        if not 0 <= segment < len(self):
            raise IndexError(f"segment {segment}: expected 0 to {len(self) - 1}")
        span = slice(segment * self.unroll, (segment + 1) * self.unroll)
        return _time_first(self._inputs_BL[:, span]), _time_first(self._targets_BL[:, span])


def streams_of(segment: tuple[Tensor, Tensor], own: slice) -> tuple[Tensor, Tensor]:
    """The same segment of some of the streams: inputs (L, b) and targets (L, b) for b of the B columns.

    Args:
        segment: inputs (L, B) and targets (L, B).
        own: which columns.
    """
    inputs_LB, targets_LB = segment
    return inputs_LB[:, own].contiguous(), targets_LB[:, own].contiguous()


def _time_first(segment_BL: npt.NDArray[np.integer]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(segment_BL.T, dtype=np.int64))
