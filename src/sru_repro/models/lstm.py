"""The LSTM baseline: `torch.nn.LSTM` behind the suite's contract."""

from typing import Any

from torch import Tensor, nn

from ._base import require
from ._torch_rnn import TorchRNN


class LSTM(TorchRNN):
    """See `TorchRNN`; the state is (h_n, c_n)."""

    kind = nn.LSTM

    def check_kind(self, state: Any) -> None:
        """See `TorchRNN`."""
        pair = state is None or (isinstance(state, tuple | list) and len(state) == 2)
        require(
            pair and all(isinstance(leaf, Tensor) for leaf in state or ()),
            "state: expected a pair of tensors (h_n, c_n), found "
            + self.told(state)
            + (", not all of them tensors" if pair else ""),
        )
