"""The GRU baseline: `torch.nn.GRU` behind the suite's contract."""

from typing import Any

from torch import Tensor, nn

from ._base import require
from ._torch_rnn import TorchRNN


class GRU(TorchRNN):
    """See `TorchRNN`; the state is h_n."""

    kind = nn.GRU

    def check_kind(self, state: Any) -> None:
        """See `TorchRNN`."""
        one = state is None or isinstance(state, Tensor)
        require(one, f"state: expected one tensor, h_n, found {'' if one else self.told(state)}")
